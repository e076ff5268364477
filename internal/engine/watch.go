package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/store"
)

// A quiet watch that asked for bookmarks gets one every so often, and one shortly before its time is up, from which its
// client goes on.
const (
	bookmarkEvery     = time.Minute
	bookmarkBeforeEnd = 2 * time.Second
)

// takeAtMost is how many events a watch takes from the log at a time.
const takeAtMost = 256

// Watch is one watcher's place in the log. It belongs to one goroutine.
type Watch struct {
	cursor  *cache.Cursor
	sel     selection
	initial []*cache.Record
	// from hides events up to it: the client has asked for what comes after a revision that is still to come.
	from int64
	// closing is the revision of the bookmark that ends the initial events; 0: none is due.
	closing   int64
	bookmarks bool
	next      *time.Timer // the next bookmark
	told      int64       // the revision of the last event or bookmark
	pace      pace
	taken     []*cache.Event
	out       []Event
}

// Watch starts a watch: from now with the present state first (no resourceVersion, or "0", or sendInitialEvents),
// or from behind a revision. Errors: 410 when the revision is older than the history.
func (e *Engine) Watch(ctx context.Context, req *request.Request, t Target, o ListOptions) (*Watch, error) {
	table, err := e.Cache.Table(ctx, t.Resource)
	if err != nil {
		return nil, e.status(err, t)
	}
	rev, err := parseRV(o.ResourceVersion)
	if err != nil {
		return nil, e.status(err, t)
	}
	w := &Watch{sel: newSelection(t, o), bookmarks: o.AllowWatchBookmarks}
	sendInitial := o.SendInitialEvents != nil && *o.SendInitialEvents
	skipInitial := o.SendInitialEvents != nil && !*o.SendInitialEvents
	switch {
	case sendInitial, rev == 0 && !skipInitial:
		if sendInitial || o.ResourceVersion == "" {
			if err := e.reach(ctx, o.ResourceVersion); err != nil {
				return nil, e.status(err, t)
			}
		}
		snap, cursor := table.SnapshotAndCursor()
		w.cursor, w.told = cursor, snap.Revision
		if w.sel.far() {
			all := slices.Collect(snap.In(t.Resource.Prefix, t.Namespace, store.Key{}))
			if err := cache.Convert(ctx, all, t.Version); err != nil {
				return nil, e.status(err, t)
			}
		}
		for r := range snap.In(t.Resource.Prefix, t.Namespace, store.Key{}) {
			if w.sel.matches(r) {
				w.initial = append(w.initial, r)
			}
		}
		if sendInitial && w.bookmarks {
			w.closing = snap.Revision
		}
	case rev == 0:
		if o.ResourceVersion == "" {
			if err := e.reach(ctx, ""); err != nil {
				return nil, e.status(err, t)
			}
		}
		_, w.cursor = table.SnapshotAndCursor()
	default:
		if rev < e.Store.Compacted() {
			return nil, tooOld(rev, e.Store.Compacted())
		}
		w.cursor, err = table.CursorAt(ctx, rev)
		if errors.Is(err, cache.ErrGone) || errors.Is(err, store.ErrCompacted) {
			return nil, tooOld(rev, e.Store.Compacted())
		}
		if err != nil {
			return nil, e.status(err, t)
		}
		w.from, w.told = rev, rev
	}
	if w.bookmarks {
		w.next = time.NewTimer(untilBookmark(ctx))
	}
	return w, nil
}

func untilBookmark(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		if last := time.Until(end) - bookmarkBeforeEnd; last > 0 {
			return min(bookmarkEvery, last)
		}
	}
	return bookmarkEvery
}

func tooOld(asked, oldest int64) error {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", asked, oldest))
}

// Close frees what the watch holds.
func (w *Watch) Close() {
	if w.cursor != nil {
		w.cursor.Close()
	}
	if w.next != nil {
		w.next.Stop()
	}
}

// ErrWatchEnded says that the resource is served in another way now: the watch ends as if its time were up.
var ErrWatchEnded = errors.New("the watched resource has changed")

// Next blocks until there is something to tell. The slice is valid until the next call. Errors: 410 when the
// watcher has fallen behind the log; ErrWatchEnded; the context's.
func (w *Watch) Next(ctx context.Context) ([]Event, error) {
	w.out = w.out[:0]
	if len(w.initial) > 0 {
		n := min(len(w.initial), takeAtMost)
		if err := cache.Convert(ctx, w.initial[:n], w.sel.version); err != nil {
			return nil, err
		}
		for _, r := range w.initial[:n] {
			w.out = append(w.out, Event{Type: watch.Added, Record: r, Revision: r.Revision})
		}
		if w.initial = w.initial[n:]; len(w.initial) == 0 {
			w.initial = nil
		}
		return w.out, nil
	}
	if w.closing > 0 {
		w.out = append(w.out, Event{Type: watch.Bookmark, Revision: w.closing, InitialEnd: true})
		w.closing = 0
		return w.out, nil
	}
	for {
		if err := w.holdBack(ctx); err != nil {
			return nil, err
		}
		taken, drained, wake, err := w.cursor.Take(ctx, w.taken[:0], takeAtMost)
		w.taken = taken
		switch {
		case err == nil:
		case errors.Is(err, cache.ErrEnded):
			return nil, ErrWatchEnded
		case errors.Is(err, cache.ErrGone), errors.Is(err, store.ErrCompacted):
			return nil, tooOld(w.told, w.told+1)
		default:
			return nil, err
		}
		for _, e := range taken {
			w.tell(e)
		}
		clear(taken)
		if len(w.out) > 0 {
			w.pace.delivered()
			return w.out, nil
		}
		if wake == nil {
			continue
		}
		var tick <-chan time.Time
		if w.next != nil {
			tick = w.next.C
		}
		select {
		case <-wake:
		case <-tick:
			w.next.Reset(untilBookmark(ctx))
			if drained > w.from || w.from == 0 {
				w.told = drained
				w.out = append(w.out, Event{Type: watch.Bookmark, Revision: drained})
				return w.out, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// holdBack waits until the watcher may be told again.
func (w *Watch) holdBack(ctx context.Context) error {
	d := w.pace.delay(time.Now())
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell adds what the watcher is to see of an event. An object that comes into or leaves the selection is added
// or deleted for this watcher.
func (w *Watch) tell(e *cache.Event) {
	if e.Revision <= w.from {
		return
	}
	was := e.Prev != nil && w.sel.matches(e.Prev)
	is := e.Record != nil && w.sel.matches(e.Record)
	switch {
	case is && was:
		w.out = append(w.out, Event{Type: watch.Modified, Record: e.Record, Revision: e.Revision})
	case is:
		w.out = append(w.out, Event{Type: watch.Added, Record: e.Record, Revision: e.Revision})
	case was:
		w.out = append(w.out, Event{Type: watch.Deleted, Record: e.Gone(), Revision: e.Revision})
	default:
		return
	}
	w.told = e.Revision
}
