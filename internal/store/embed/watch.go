package embed

import (
	"context"
	"sync"

	"github.com/pintle-io/pintle/internal/store"
)

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, from int64) (store.Watch, error) {
	if err := s.calls.enter(ctx); err != nil {
		return nil, err
	}
	defer s.calls.leave()
	if from < s.compacted.Load() {
		return nil, store.ErrCompacted
	}
	return &watch{s: s, at: from, done: make(chan struct{})}, nil
}

// watch is a cursor: into the memory's log while it is near the end, else into the history on disk.
type watch struct {
	s    *Store
	at   int64
	once sync.Once
	done chan struct{}
}

func (w *watch) Next(ctx context.Context) ([]store.Event, int64, error) {
	for {
		select {
		case <-w.done:
			return nil, 0, store.ErrClosed
		default:
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		events, wake, ok, err := w.s.log.After(w.at)
		if err == nil && !ok {
			events, err = w.s.history(ctx, w.at)
		}
		switch {
		case err != nil:
			return nil, 0, err
		case len(events) > 0:
			w.at = events[len(events)-1].Revision
			return events, w.at, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
		case <-w.done:
		}
	}
}

func (w *watch) Close() { w.once.Do(func() { close(w.done) }) }
