package cache

import (
	"context"
	"testing"
	"time"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/memory"
)

// reticent is a store shared with others, whose watches tell of configmaps only, and how far they have come only when
// they are asked.
type reticent struct{ *memory.Store }

func (reticent) Shared() bool { return true }

func (s reticent) Watch(ctx context.Context, from int64) (store.Watch, error) {
	w, err := s.Store.Watch(ctx, from)
	if err != nil {
		return nil, err
	}
	r := &reticentWatch{Watch: w, told: make(chan reticentBatch, 1000), asked: make(chan struct{}, 1)}
	var life context.Context
	life, r.cancel = context.WithCancel(context.Background())
	go func() {
		for {
			events, progress, err := w.Next(life)
			if err != nil {
				return
			}
			r.told <- reticentBatch{events, progress}
		}
	}()
	return r, nil
}

type reticentBatch struct {
	events   []store.Event
	progress int64
}

type reticentWatch struct {
	store.Watch
	told   chan reticentBatch
	asked  chan struct{}
	cancel func()
	behind int64
}

func (w *reticentWatch) Close() { w.cancel(); w.Watch.Close() }

func (w *reticentWatch) Next(ctx context.Context) ([]store.Event, int64, error) {
	for {
		select {
		case b := <-w.told:
			w.behind = b.progress
			if len(b.events) > 0 && b.events[0].Key.Prefix == "configmaps" {
				return b.events, b.progress, nil
			}
		case <-w.asked:
			return nil, w.behind, nil
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (w *reticentWatch) RequestProgress(context.Context) error {
	select {
	case w.asked <- struct{}{}:
	default:
	}
	return nil
}

// What others write beside our records moves the store's revision: consistent reads and watches from the past ask how
// far the stream has come instead of waiting for the next event.
func TestProgressIsAskedFor(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := reticent{memory.New(memory.Config{})}
	c, err := New(Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer c.Close()
	r := &rig{t: t, store: s.Store, cache: c, res: configMaps()}
	commit := func(key store.Key, value []byte) int64 {
		t.Helper()
		revs, err := s.Commit(ctx, nil, []store.Op{{Key: key, Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		return revs[0]
	}
	other := store.Key{Prefix: "others", Name: "x"}
	for range 3 {
		first := commit(key("a"), r.bytes("a", "1"))
		last := commit(other, []byte("x"))
		if err := c.Fresh(ctx); err != nil {
			t.Fatal(err)
		}
		if got := c.Applied(); got < last {
			t.Fatalf("fresh at %d, not at %d", got, last)
		}
		c.reset(last) // the table is loaded anew, and its past read from the store
		cu, err := r.table().CursorAt(ctx, first-1)
		if err != nil {
			t.Fatal(err)
		}
		if events, _, _, err := cu.Take(context.Background(), nil, 10); err != nil || len(events) != 1 || events[0].Revision != first {
			t.Fatalf("took %v, %v", events, err)
		}
	}
}

// A list at a revision reads the log while it is trimmed.
func TestSnapshotAtWhileTrimming(t *testing.T) {
	r := newRig(t, Config{LogBytes: 16 << 10})
	table := r.table()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			r.cache.mu.RLock()
			oldest := table.since
			r.cache.mu.RUnlock()
			if _, err := table.SnapshotAt(context.Background(), oldest); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for running := true; running; {
		r.put("b", "1")
		r.put("b", "2")
		select {
		case <-done:
			running = false
		default:
		}
	}
}
