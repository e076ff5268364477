package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/memory"
	"github.com/pintle-io/pintle/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(t testing.TB, clock func() time.Time) store.Store {
		return memory.New(memory.Config{Clock: clock})
	}})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b testing.TB) store.Store { return memory.New(memory.Config{}) })
}

func pod(name string) store.Key {
	return store.Key{Prefix: "pods", Namespace: "default", Name: name}
}

func put(t *testing.T, s store.Store, name, value string) int64 {
	t.Helper()
	r, err := s.Commit(context.Background(), nil, []store.Op{{Key: pod(name), Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return r[0]
}

// The store's own timer deletes expired records, in time that passes by itself.
func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Config{})
		defer s.Close()
		ctx := context.Background()
		w, _ := s.Watch(ctx, 1)
		start := time.Now()
		for i, ttl := range []time.Duration{time.Hour, time.Minute, 10 * time.Minute} {
			if _, err := s.Commit(ctx, nil, []store.Op{{Key: pod(fmt.Sprint(i)), Value: []byte("x"), TTL: ttl}}); err != nil {
				t.Fatal(err)
			}
		}
		var gone []string
		for len(gone) < 3 {
			events, _, err := w.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Value == nil {
					gone = append(gone, fmt.Sprint(e.Key.Name, " ", time.Since(start).Round(2*time.Second)))
				}
			}
		}
		if fmt.Sprint(gone) != "[1 1m0s 2 10m0s 0 1h0m0s]" {
			t.Errorf("expired: %v", gone)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	s := memory.New(memory.Config{HistoryBytes: 100 << 10})
	defer s.Close()
	var last int64
	for i := range 1000 {
		last = put(t, s, fmt.Sprint(i%10), string(make([]byte, 1000)))
	}
	if c := s.Compacted(); c < last-50 || c > last-30 {
		t.Errorf("compacted %d at %d", c, last)
	}
	if _, err := s.Watch(context.Background(), last-200); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("watch: %v", err)
	}
	if _, err := s.List(context.Background(), store.Range{Prefix: "pods", Revision: last - 30}, func(store.Record) bool { return true }); err != nil {
		t.Errorf("list: %v", err)
	}
}

func TestFork(t *testing.T) {
	s := memory.New(memory.Config{})
	defer s.Close()
	ctx := context.Background()
	put(t, s, "a", "1")
	at := put(t, s, "b", "1")
	f := s.Fork()
	defer f.Close()
	put(t, s, "a", "trunk")
	put(t, f, "a", "fork")
	put(t, f, "c", "fork")
	get := func(s store.Store, name string) string {
		r, err := s.Get(ctx, pod(name))
		if err != nil {
			return err.Error()
		}
		return string(r.Value)
	}
	if a, b := get(s, "a"), get(f, "a"); a != "trunk" || b != "fork" {
		t.Errorf("a is %q and %q", a, b)
	}
	if get(s, "c") == "fork" {
		t.Error("the fork writes into the trunk")
	}
	w, err := f.Watch(ctx, at-1)
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := w.Next(ctx)
	if err != nil || len(events) != 3 || events[0].Key != pod("b") || string(events[1].Value) != "fork" {
		t.Errorf("events of the fork: %v, %v", events, err)
	}
	if err := f.Close(); err != nil || get(s, "a") != "trunk" {
		t.Errorf("closing the fork: %v, trunk has %q", err, get(s, "a"))
	}
}
