// Package storetest says what a Store is: whatever passes Run.
//
// Run is a conformance suite (each clause of package store's comments has a test), a random-operation model
// whose seed is printed, and tests under concurrency. It never sleeps: time is a clock that the tests move.
// Benchmark measures any Store in the same way.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pintle-io/pintle/internal/store"
)

// Config says how to get a store and what it does not promise.
type Config struct {
	// New returns a new, empty store. Run closes it.
	New func(t testing.TB, clock func() time.Time) store.Store
	// OneRevision says that all ops of a commit have the same revision (etcd).
	OneRevision bool
	// RealTime says that records expire by a clock that tests cannot move; tests of it then take seconds, and
	// are left out with -short.
	RealTime bool
	// Steps is how many steps the random model takes; 0 is a default for quick stores.
	Steps int
}

// Run runs everything.
func Run(t *testing.T, c Config) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Config)
	}{
		{"New", testNew},
		{"Commit", testCommit},
		{"Guards", testGuards},
		{"DeleteMissing", testDeleteMissing},
		{"BadKeys", testBadKeys},
		{"Keys", testKeys},
		{"Values", testValues},
		{"List", testList},
		{"ListOld", testListOld},
		{"ListStops", testListStops},
		{"Order", testOrder},
		{"Watch", testWatch},
		{"WatchEnds", testWatchEnds},
		{"Compact", testCompact},
		{"Future", testFuture},
		{"Closed", testClosed},
		{"Cancelled", testCancelled},
		{"TTL", testTTL},
		{"Model", testModel},
		{"Counters", testCounters},
		{"Mirror", testMirror},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c) })
	}
}

// Expirer is what a store offers whose clock can be moved: it deletes what is due, as its timer would.
type Expirer interface {
	Expire(ctx context.Context) error
}

// A clock that only moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1700000000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t testing.TB, c Config) store.Store {
	t.Helper()
	s := c.New(t, newClock().Now)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// patience bounds every wait of a test, so that a store that hangs fails one test instead of all.
func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func seed(t testing.TB) uint64 {
	n := uint64(time.Now().UnixNano())
	if env := os.Getenv("STORETEST_SEED"); env != "" {
		n, _ = strconv.ParseUint(env, 10, 64)
	}
	t.Logf("STORETEST_SEED=%d", n)
	return n
}

func key(prefix, namespace, name string) store.Key {
	return store.Key{Prefix: prefix, Namespace: namespace, Name: name}
}

func pod(name string) store.Key { return key("pods", "default", name) }

func put(k store.Key, value string) store.Op { return store.Op{Key: k, Value: []byte(value)} }

// must commits ops without guards.
func must(t testing.TB, s store.Store, ops ...store.Op) []int64 {
	t.Helper()
	revisions, err := s.Commit(patience(t), nil, ops)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	if len(revisions) != len(ops) {
		t.Fatalf("%d revisions for %d ops", len(revisions), len(ops))
	}
	return revisions
}

func revision(t testing.TB, s store.Store) int64 {
	t.Helper()
	r, err := s.Revision(patience(t))
	if err != nil {
		t.Fatalf("revision: %v", err)
	}
	return r
}

func list(t testing.TB, s store.Store, r store.Range) ([]store.Record, int64) {
	t.Helper()
	var records []store.Record
	rev, err := s.List(patience(t), r, func(rec store.Record) bool {
		records = append(records, rec)
		return true
	})
	if err != nil {
		t.Fatalf("list %+v: %v", r, err)
	}
	return records, rev
}

func listError(t testing.TB, s store.Store, r store.Range, want error) {
	t.Helper()
	_, err := s.List(patience(t), r, func(store.Record) bool {
		t.Errorf("a failing list yields")
		return false
	})
	if !errors.Is(err, want) {
		t.Fatalf("list %+v: %v, want %v", r, err, want)
	}
}

func watch(t testing.TB, s store.Store, from int64) store.Watch {
	t.Helper()
	w, err := s.Watch(patience(t), from)
	if err != nil {
		t.Fatalf("watch from %d: %v", from, err)
	}
	t.Cleanup(w.Close)
	return w
}

// collect reads a watch until it is complete up to revision.
func collect(t testing.TB, w store.Watch, from, upTo int64) []store.Event {
	t.Helper()
	ctx := patience(t)
	var all []store.Event
	last := from
	if p, ok := w.(store.ProgressRequester); ok {
		defer ask(ctx, p)()
	}
	for last < upTo {
		events, progress, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("next after %d: %v", last, err)
		}
		at := last
		for _, e := range events {
			if e.Revision <= last || e.Revision < at || e.Revision > progress {
				t.Fatalf("event of revision %d after %d, complete up to %d, with progress %d", e.Revision, at, last, progress)
			}
			at = e.Revision
		}
		if progress < at || progress < last {
			t.Fatalf("progress %d after %d", progress, max(at, last))
		}
		last = progress
		all = append(all, events...)
	}
	return all
}

// ask asks for progress again and again until the returned function is called.
func ask(ctx context.Context, p store.ProgressRequester) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			_ = p.RequestProgress(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

func sameRecord(a, b store.Record) bool {
	return a.Key == b.Key && a.Revision == b.Revision && sameValue(a.Value, b.Value)
}

// sameValue tells nil (no record) from empty.
func sameValue(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func sameRecords(t testing.TB, what string, got, want []store.Record) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !sameRecord(got[i], want[i]) {
			t.Fatalf("%s: record %d differs:\n got %s\nwant %s", what, i, showRecords(got), showRecords(want))
		}
	}
}

func sameEvents(t testing.TB, what string, got, want []store.Event) {
	t.Helper()
	same := func(a, b store.Event) bool {
		// The key of a Prev that is not there says nothing.
		return a.Key == b.Key && a.Revision == b.Revision && sameValue(a.Value, b.Value) &&
			a.Prev.Revision == b.Prev.Revision && sameValue(a.Prev.Value, b.Prev.Value) &&
			(a.Prev.Revision == 0 || a.Prev.Key == a.Key)
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !same(got[i], want[i]) {
			t.Fatalf("%s: event %d differs:\n got %s\nwant %s", what, i, showEvents(got, i), showEvents(want, i))
		}
	}
}

func showRecords(records []store.Record) string {
	var b bytes.Buffer
	for _, r := range records {
		fmt.Fprintf(&b, "%s@%d=%.20q ", r.Key, r.Revision, r.Value)
	}
	return b.String()
}

func showEvents(events []store.Event, around int) string {
	var b bytes.Buffer
	for i := max(0, around-2); i < min(len(events), around+3); i++ {
		e := events[i]
		fmt.Fprintf(&b, "%s@%d=%.20q(was @%d=%.20q) ", e.Key, e.Revision, e.Value, e.Prev.Revision, e.Prev.Value)
	}
	return b.String()
}
