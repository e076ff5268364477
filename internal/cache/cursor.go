package cache

import (
	"context"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/store"
)

// Cursor is a reader's place in a table's log, or, where it lags behind the log's beginning, in the store's history. It
// belongs to one goroutine; whoever has made it closes it.
type Cursor struct {
	t    *Table
	pos  uint64
	life uint64
	past *past // not nil while the reader is behind the log's beginning
}

// past is a stream of the store's history that catches up with a log. It holds one batch of the store's at a time.
type past struct {
	stream   store.Watch
	quiet    func() // ends the questions for progress
	at       int64  // all events up to here were taken
	batch    []store.Event
	progress int64 // how far the batch goes
}

// SnapshotAndCursor is the latest state and a cursor that yields everything after it.
func (t *Table) SnapshotAndCursor() (Snapshot, *Cursor) {
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	return t.snapshot(), &Cursor{t: t, pos: t.base + uint64(len(t.log)), life: t.life}
}

// CursorAt is a cursor that yields the events after revision. Where the log does not reach back so far, it begins in
// the store's history; ctx is then that of all its life. Errors: ErrGone, store.ErrCompacted.
func (t *Table) CursorAt(ctx context.Context, revision int64) (*Cursor, error) {
	t.cache.mu.RLock()
	cu := &Cursor{t: t, life: t.life}
	if revision >= t.since {
		cu.pos = t.base + uint64(t.after(revision))
		t.cache.mu.RUnlock()
		return cu, nil
	}
	t.cache.mu.RUnlock()
	w, err := t.cache.cfg.Store.Watch(ctx, revision)
	if err != nil {
		return nil, err
	}
	cu.past = &past{stream: w, quiet: askProgress(ctx, w), at: revision, progress: revision}
	if err := cu.past.read(ctx); err != nil { // a revision that is gone is told here
		cu.Close()
		return nil, err
	}
	return cu, nil
}

// Close lets go of the store's history, if the cursor still reads it.
func (cu *Cursor) Close() {
	if p := cu.past; p != nil {
		p.quiet()
		p.stream.Close()
		cu.past = nil
	}
}

// read waits for the next batch.
func (p *past) read(ctx context.Context) (err error) {
	p.batch, p.progress, err = p.stream.Next(ctx)
	return err
}

// take appends up to most of the table's events up to a revision, as far as the batch goes.
func (p *past) take(t *Table, buf []*Event, most int, to int64) []*Event {
	for most > 0 && len(p.batch) > 0 && p.batch[0].Revision <= to {
		ev := &p.batch[0]
		p.batch = p.batch[1:]
		p.at = ev.Revision
		if ev.Key.Prefix == t.prefix {
			buf = append(buf, t.told(ev))
			most--
		}
	}
	switch {
	case most == 0:
	case len(p.batch) == 0:
		p.at = max(p.at, min(p.progress, to))
	default: // what comes next is in the log already
		p.at = to
	}
	return buf
}

// told is a store's event as the log would have it.
func (t *Table) told(ev *store.Event) *Event {
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
	return e
}

// catchUp takes from the history until there is something, or the log reaches back to where the reader is. The log may
// be trimmed meanwhile: then there is more to read.
func (cu *Cursor) catchUp(ctx context.Context, buf []*Event, most int) ([]*Event, error) {
	t, p := cu.t, cu.past
	for {
		t.cache.mu.RLock()
		since, gone := t.since, cu.life != t.life
		if !gone && p.at >= since {
			cu.pos = t.base + uint64(t.after(p.at))
		}
		t.cache.mu.RUnlock()
		switch {
		case gone:
			return buf, ErrGone
		case p.at >= since:
			cu.Close()
			return buf, nil
		case len(p.batch) == 0:
			if err := p.read(ctx); err != nil {
				return buf, err
			}
		}
		if buf = p.take(t, buf, most, since); len(buf) > 0 {
			return buf, nil
		}
	}
}

// Take appends up to most of the next events to buf, which is empty. When it has taken all there are, drained is the
// revision up to which the reader is complete, and wake is closed when there is more. It blocks only behind the log's
// beginning. Errors: ErrGone, ErrEnded, what the store says of its history, the context's.
func (cu *Cursor) Take(ctx context.Context, buf []*Event, most int) (events []*Event, drained int64, wake <-chan struct{}, err error) {
	if cu.past != nil {
		if buf, err = cu.catchUp(ctx, buf, most); err != nil || len(buf) > 0 {
			return buf, 0, nil, err
		}
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
