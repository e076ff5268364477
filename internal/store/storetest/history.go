package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/pintle-io/pintle/internal/store"
)

func testWatch(t *testing.T, c Config) {
	s := open(t, c)
	a, n := pod("a"), key("nodes", "", "n")
	from := revision(t, s)
	live := watch(t, s, from)
	r1 := must(t, s, put(a, "1"))[0]
	r2 := must(t, s, put(a, "2"), put(n, "n"))
	r3 := must(t, s, store.Op{Key: a})[0]
	r4 := must(t, s, put(a, "3"))[0]
	want := []store.Event{
		{Key: a, Revision: r1, Value: []byte("1")},
		{Key: a, Revision: r2[0], Value: []byte("2"), Prev: store.Record{Key: a, Revision: r1, Value: []byte("1")}},
		{Key: n, Revision: r2[1], Value: []byte("n")},
		{Key: a, Revision: r3, Prev: store.Record{Key: a, Revision: r2[0], Value: []byte("2")}},
		{Key: a, Revision: r4, Value: []byte("3")},
	}
	sameEvents(t, "live", collect(t, live, from, r4), want)
	sameEvents(t, "from the start", collect(t, watch(t, s, from), from, r4), want)
	sameEvents(t, "from the first", collect(t, watch(t, s, r1), r1, r4), want[1:])
	sameEvents(t, "from the second", collect(t, watch(t, s, r2[1]), r2[1], r4), want[3:])
	sameEvents(t, "from the end", collect(t, watch(t, s, r4), r4, r4), nil)
}

// testWatchEnds ends a blocked Next in each way it can end.
func testWatchEnds(t *testing.T, c Config) {
	s := open(t, c)
	r := must(t, s, put(pod("a"), "1"))[0]
	next := func(w store.Watch, ctx context.Context) <-chan error {
		ended := make(chan error, 1)
		go func() {
			for {
				if _, _, err := w.Next(ctx); err != nil {
					ended <- err
					return
				}
			}
		}()
		return ended
	}
	w := watch(t, s, r)
	ended := next(w, patience(t))
	w.Close()
	if err := <-ended; err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next after Close: %v", err)
	}
	w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	w2 := watch(t, s, r)
	ended = next(w2, ctx)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("next of a cancelled context: %v", err)
	}
}

func testCompact(t *testing.T, c Config) {
	s := open(t, c)
	ctx := patience(t)
	base := revision(t, s)
	var revs []int64
	for _, v := range []string{"1", "2", "3", "4", "5"} {
		revs = append(revs, must(t, s, put(pod("a"), v))[0])
	}
	must(t, s, put(pod("b"), "b"))
	revs = append(revs, must(t, s, store.Op{Key: pod("b")})[0])
	slow := watch(t, s, base)
	if err := s.Compact(ctx, revs[2]); err != nil {
		t.Fatalf("compact: %v", err)
	}
	if s.Compacted() != revs[2] {
		t.Errorf("compacted %d, want %d", s.Compacted(), revs[2])
	}
	for _, r := range []int64{base, revs[1]} {
		if r == 0 {
			continue
		}
		listError(t, s, store.Range{Prefix: "pods", Revision: r}, store.ErrCompacted)
		if err := watchError(t, s, r); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("watch from %d: %v", r, err)
		}
	}
	// A stream that was behind is either cut off or was complete.
	var err error
	var seen []store.Event
	for last := base; err == nil && last < revs[5]; {
		var events []store.Event
		events, last, err = slow.Next(ctx)
		seen = append(seen, events...)
	}
	if err != nil && !errors.Is(err, store.ErrCompacted) {
		t.Errorf("the slow watch: %v", err)
	} else if err == nil && len(seen) != 7 {
		t.Errorf("the slow watch has seen %d events and no error", len(seen))
	}
	for i := 2; i < 5; i++ {
		records, _ := list(t, s, store.Range{Prefix: "pods", Revision: revs[i]})
		if len(records) != 1 || records[0].Revision != revs[i] {
			t.Errorf("list at %d: %s", revs[i], showRecords(records))
		}
		if events := collect(t, watch(t, s, revs[i]), revs[i], revs[5]); len(events) != 4-i+2 {
			t.Errorf("watch from %d: %s", revs[i], showEvents(events, 0))
		}
	}
	// Again, backwards, and up to now.
	for _, r := range []int64{revs[2], revs[0]} {
		if err := s.Compact(ctx, r); err != nil && !errors.Is(err, store.ErrCompacted) || s.Compacted() != revs[2] {
			t.Errorf("compact to %d again: %v, compacted %d", r, err, s.Compacted())
		}
	}
	if err := s.Compact(ctx, revs[5]); err != nil {
		t.Errorf("compact to now: %v", err)
	}
	records, _ := list(t, s, store.Range{Prefix: "pods"})
	if len(records) != 1 || string(records[0].Value) != "5" {
		t.Errorf("after compaction: %s", showRecords(records))
	}
	listError(t, s, store.Range{Prefix: "pods", Revision: revs[4]}, store.ErrCompacted)
	if events := collect(t, watch(t, s, revs[5]), revs[5], must(t, s, put(pod("a"), "6"))[0]); len(events) != 1 || string(events[0].Prev.Value) != "5" {
		t.Errorf("the event after a compaction: %s", showEvents(events, 0))
	}
}

// watchError returns the error of a watch that must not work, from Watch or from its first Next.
func watchError(t *testing.T, s store.Store, from int64) error {
	w, err := s.Watch(patience(t), from)
	if err != nil {
		return err
	}
	defer w.Close()
	_, _, err = w.Next(patience(t))
	return err
}
