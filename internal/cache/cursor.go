package cache

import (
	"context"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/store"
)

// Cursor is a reader's place in a table's log. It belongs to one goroutine.
type Cursor struct {
	t    *Table
	pos  uint64
	life uint64
	// early are events from before the log's beginning, read from the store's history.
	early []*Event
}

// SnapshotAndCursor is the latest state and a cursor that yields everything after it.
func (t *Table) SnapshotAndCursor() (Snapshot, *Cursor) {
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	return t.snapshot(), &Cursor{t: t, pos: t.base + uint64(len(t.log)), life: t.life}
}

// CursorAt is a cursor that yields the events after revision. Where the log does not reach back so far, the
// store's history fills the gap. Errors: ErrGone, store.ErrCompacted.
func (t *Table) CursorAt(ctx context.Context, revision int64) (*Cursor, error) {
	t.cache.mu.RLock()
	cu := &Cursor{t: t, life: t.life, pos: t.base}
	since := t.since
	if revision >= since {
		cu.pos += uint64(t.after(revision))
		t.cache.mu.RUnlock()
		return cu, nil
	}
	t.cache.mu.RUnlock()
	var err error
	cu.early, err = t.past(ctx, revision, since)
	return cu, err
}

// past reads the table's events in (from, to] from the store's history.
func (t *Table) past(ctx context.Context, from, to int64) ([]*Event, error) {
	w, err := t.cache.cfg.Store.Watch(ctx, from)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	defer askProgress(ctx, w)()
	var out []*Event
	for {
		events, progress, err := w.Next(ctx)
		if err != nil {
			return nil, err
		}
		for i := range events {
			ev := &events[i]
			if ev.Revision > to {
				return out, nil
			}
			if ev.Key.Prefix != t.prefix {
				continue
			}
			e := &Event{Revision: ev.Revision, Type: watch.Added}
			if ev.Prev.Revision != 0 {
				e.Prev = t.Record(ev.Prev)
				e.Type = watch.Modified
			}
			if ev.Value == nil {
				e.Type = watch.Deleted
			} else {
				e.Record = t.Record(store.Record{Key: ev.Key, Revision: ev.Revision, Value: ev.Value})
			}
			out = append(out, e)
		}
		if progress >= to {
			return out, nil
		}
	}
}

// Take appends up to most of the next events to buf. When it has taken all there are, drained is the revision
// up to which the reader is complete, and wake is closed when there is more. Errors: ErrGone.
func (cu *Cursor) Take(buf []*Event, most int) (events []*Event, drained int64, wake <-chan struct{}, err error) {
	if len(cu.early) > 0 {
		n := min(most, len(cu.early))
		buf = append(buf, cu.early[:n]...)
		cu.early = cu.early[n:]
		return buf, 0, nil, nil
	}
	t := cu.t
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	if cu.life != t.life || cu.pos < t.base {
		return buf, 0, nil, ErrGone
	}
	rest := t.log[cu.pos-t.base:]
	if len(rest) > most {
		cu.pos += uint64(most)
		return append(buf, rest[:most]...), 0, nil, nil
	}
	cu.pos += uint64(len(rest))
	if len(rest) == 0 && t.ended.Load() {
		return buf, 0, nil, ErrEnded
	}
	t.awaited.Store(true)
	return append(buf, rest...), max(t.cache.applied, t.at), t.wake, nil
}

// fifo is a queue of the tables whose logs hold events, oldest event first.
type fifo struct {
	q    []*Table
	head int
}

func (f *fifo) len() int { return len(f.q) - f.head }

func (f *fifo) push(t *Table) { f.q = append(f.q, t) }

func (f *fifo) pop() *Table {
	t := f.q[f.head]
	f.q[f.head] = nil
	f.head++
	if f.head > 1024 && 2*f.head > len(f.q) {
		n := copy(f.q, f.q[f.head:])
		clear(f.q[n:])
		f.q, f.head = f.q[:n], 0
	}
	return t
}
