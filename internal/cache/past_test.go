package cache

import (
	"context"
	"fmt"
	"testing"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/memory"
)

// slowly is a store whose streams tell two events at a time, and count themselves.
type slowly struct {
	*memory.Store
	read, open int // batches of streams opened after the cache's own; streams that are open
}

type slowWatch struct {
	store.Watch
	s    *slowly
	held []store.Event
}

func (s *slowly) Watch(ctx context.Context, from int64) (store.Watch, error) {
	w, err := s.Store.Watch(ctx, from)
	if err != nil || from == 1 {
		return w, err // the feed's
	}
	s.open++
	return &slowWatch{Watch: w, s: s}, nil
}

func (w *slowWatch) Next(ctx context.Context) (events []store.Event, progress int64, err error) {
	w.s.read++
	if len(w.held) == 0 {
		if w.held, _, err = w.Watch.Next(ctx); err != nil {
			return nil, 0, err
		}
	}
	n := min(2, len(w.held))
	events, w.held = w.held[:n], w.held[n:]
	return events, events[n-1].Revision, nil
}

func (w *slowWatch) Close() {
	w.s.open--
	w.Watch.Close()
}

// A reader from long before the log's beginning holds one batch of the history at a time, misses nothing though the log is
// trimmed meanwhile, and goes over to the log in the end.
func TestCursorStreamsThePast(t *testing.T) {
	s := &slowly{Store: memory.New(memory.Config{})}
	c, err := New(Config{Store: s, LogBytes: 3000})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: s.Store, cache: c, res: configMaps()}
	t.Cleanup(func() { c.Close(); s.Store.Close() })
	table := r.table()
	first := r.put("a", "0")
	for i := range 100 {
		r.put("a", fmt.Sprint("v", i))
	}
	cursor, err := table.CursorAt(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if s.read != 1 {
		t.Errorf("%d batches were read before anybody asked", s.read)
	}
	at, last, switched := first, first+100, false
	for n := 0; at < last; n++ {
		events, _, _, err := cursor.Take(t.Context(), nil, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if at++; e.Revision != at || e.Prev == nil {
				t.Fatalf("%d after %d", e.Revision, at-1)
			}
		}
		if cursor.past != nil && len(cursor.past.batch) > 2 {
			t.Fatalf("%d events are held", len(cursor.past.batch))
		}
		if n < 20 { // the log moves on under the reader
			last = r.put("a", fmt.Sprint("w", n))
		}
		switched = switched || cursor.past == nil
	}
	if !switched || s.open != 0 {
		t.Errorf("in the log: %v; %d streams are open", switched, s.open)
	}

	cursor, err = table.CursorAt(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if cursor.Close(); s.open != 0 {
		t.Errorf("%d streams are open", s.open)
	}
}
