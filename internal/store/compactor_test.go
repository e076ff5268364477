package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/memory"
)

// counting counts compactions.
type counting struct {
	*memory.Store
	n int
}

func (c *counting) Compact(ctx context.Context, revision int64) error {
	c.n++
	return c.Store.Compact(ctx, revision)
}

// The compactor keeps what is younger than keep, drops what is clearly older, and rests when nothing changes.
func TestRunCompactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counting{Store: memory.New(memory.Config{})}
		ctx := context.Background()
		ended := make(chan error, 1)
		go func() { ended <- store.RunCompactor(ctx, s, 5*time.Minute) }()
		at := map[int64]time.Time{}
		for range 300 {
			rs, err := s.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "nodes", Name: "n"}, Value: []byte("x")}})
			if err != nil {
				t.Fatal(err)
			}
			at[rs[0]] = time.Now()
			time.Sleep(6 * time.Second)
			for r, when := range at {
				if age := time.Since(when); r <= s.Compacted() && age < 5*time.Minute || r > s.Compacted() && age > 6*time.Minute+7*time.Second {
					t.Fatalf("revision %d, %v old, with compacted %d", r, age, s.Compacted())
				}
			}
		}
		time.Sleep(time.Hour)
		if last, _ := s.Revision(ctx); s.Compacted() != last {
			t.Errorf("compacted %d, last %d", s.Compacted(), last)
		}
		before := s.n
		time.Sleep(time.Hour)
		if s.n != before {
			t.Error("compacts though nothing changes")
		}
		s.Close()
		time.Sleep(2 * time.Minute)
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	})
}
