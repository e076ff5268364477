package eventlog

import (
	"context"
	"sync"

	"github.com/pintle-io/pintle/internal/store"
)

// Cursor is a store.Watch: a reader's place in a log.
type Cursor struct {
	log   *Log
	at    int64
	older func(ctx context.Context, after int64) ([]store.Event, error)
	once  sync.Once
	done  chan struct{}
}

// Cursor returns a cursor that yields the events after a revision. older reads those that the log no longer has; nil
// means that nobody has them.
func (l *Log) Cursor(after int64, older func(ctx context.Context, after int64) ([]store.Event, error)) *Cursor {
	return &Cursor{log: l, at: after, older: older, done: make(chan struct{})}
}

// Next implements store.Watch.
func (c *Cursor) Next(ctx context.Context) ([]store.Event, int64, error) {
	for {
		select {
		case <-c.done:
			return nil, 0, store.ErrClosed
		default:
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		events, wake, ok, err := c.log.After(c.at)
		if err == nil && !ok {
			if c.older == nil {
				return nil, 0, store.ErrCompacted
			}
			events, err = c.older(ctx, c.at)
		}
		switch {
		case err != nil:
			return nil, 0, err
		case len(events) > 0:
			c.at = events[len(events)-1].Revision
			return events, c.at, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
		case <-c.done:
		}
	}
}

// Close implements store.Watch.
func (c *Cursor) Close() { c.once.Do(func() { close(c.done) }) }
