package embed_test

import (
	"context"
	"errors"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/embed"
)

// syncGate is a disk whose log syncs wait for the test.
type syncGate struct {
	closed  atomic.Bool
	entered chan struct{} // one for each sync that waits
	open    chan struct{}
	syncs   atomic.Int64
}

func (g *syncGate) wrap(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		if !isSync || path.Ext(op.Path) != ".log" {
			return nil
		}
		g.syncs.Add(1)
		if g.closed.Load() {
			g.entered <- struct{}{}
			<-g.open
		}
		return nil
	}))
}

// What is not synced yet is seen by nobody, and refuses nobody: a commit that loses against one that is pending
// waits until that is durable.
func TestInvisibleUntilDurable(t *testing.T) {
	g := &syncGate{entered: make(chan struct{}, 100), open: make(chan struct{})}
	s := mustOpen(t, embed.Config{Dir: "data", FS: g.wrap(vfs.NewMem())})
	defer s.Close()
	ctx := context.Background()
	k := store.Key{Prefix: "pods", Namespace: "a", Name: "b"}
	before, err := s.Commit(ctx, nil, []store.Op{{Key: k, Value: []byte("old")}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(ctx, before[0])
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	g.closed.Store(true)
	winner := make(chan error, 1)
	go func() {
		_, err := s.Commit(ctx, []store.Guard{{Key: k, Revision: before[0]}}, []store.Op{{Key: k, Value: []byte("new")}})
		winner <- err
	}()
	<-g.entered // it is in the log, and its sync is under way
	loser := make(chan error, 1)
	go func() {
		_, err := s.Commit(ctx, []store.Guard{{Key: k, Revision: before[0]}}, []store.Op{{Key: k, Value: []byte("lost")}})
		loser <- err
	}()
	watched := make(chan []store.Event, 1)
	go func() {
		events, _, _ := w.Next(ctx)
		watched <- events
	}()
	for range 100 {
		rec, err := s.Get(ctx, k)
		if err != nil || string(rec.Value) != "old" {
			t.Fatalf("get: %q, %v", rec.Value, err)
		}
		if r, _ := s.Revision(ctx); r != before[0] {
			t.Fatalf("revision %d", r)
		}
		_, err = s.List(ctx, store.Range{Prefix: "pods"}, func(r store.Record) bool {
			if string(r.Value) != "old" {
				t.Fatalf("list: %q", r.Value)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.List(ctx, store.Range{Prefix: "pods", Revision: before[0] + 1}, func(store.Record) bool { return true }); !errors.Is(err, store.ErrFuture) {
			t.Fatalf("list at the pending revision: %v", err)
		}
		select {
		case err := <-winner:
			t.Fatalf("acknowledged before the sync: %v", err)
		case err := <-loser:
			t.Fatalf("refused before the sync: %v", err)
		case <-watched:
			t.Fatal("watched before the sync")
		default:
		}
	}
	g.closed.Store(false)
	close(g.open)
	if err := <-winner; err != nil {
		t.Fatal(err)
	}
	var ge *store.GuardError
	if err := <-loser; !errors.As(err, &ge) || ge.Current[0].Revision != before[0]+1 || string(ge.Current[0].Value) != "new" {
		t.Fatalf("loser: %v", err)
	}
	if events := <-watched; len(events) != 1 || string(events[0].Value) != "new" || string(events[0].Prev.Value) != "old" {
		t.Fatalf("events: %v", events)
	}
}

// Commits that come while a sync is under way share the next one.
func TestGroupCommit(t *testing.T) {
	g := &syncGate{entered: make(chan struct{}, 100), open: make(chan struct{})}
	s := mustOpen(t, embed.Config{Dir: "data", FS: g.wrap(vfs.NewMem())})
	defer s.Close()
	ctx := context.Background()
	g.closed.Store(true)
	commit := func(name string) error {
		_, err := s.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "pods", Namespace: "a", Name: name}, Value: []byte("x")}})
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := commit("first"); err != nil {
			t.Error(err)
		}
	})
	<-g.entered
	start := g.syncs.Load()
	const many = 50
	for i := range many {
		wg.Go(func() {
			if err := commit(string(rune('A' + i))); err != nil {
				t.Error(err)
			}
		})
	}
	for s.Pending() < 1+many {
		runtime.Gosched()
	}
	g.closed.Store(false)
	close(g.open)
	wg.Wait()
	// The one that was under way, and one for all others (a spare one for a full block of the log).
	if n := g.syncs.Load() - start; n > 2 {
		t.Errorf("%d syncs for %d commits", n, many)
	}
	if r, _ := s.Revision(ctx); r != 1+1+many {
		t.Errorf("revision %d", r)
	}
}
