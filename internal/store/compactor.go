package store

import (
	"context"
	"errors"
	"time"
)

// SelfCompacting is a Store whose compaction has to be agreed upon with other servers.
type SelfCompacting interface {
	RunCompactor(ctx context.Context, keep time.Duration) error
}

// RunCompactor compacts, until ctx ends or the store is closed, what is older than keep. History reaches back at
// least keep and at most a fifth more. A store in which nothing changes is left alone.
func RunCompactor(ctx context.Context, s Store, keep time.Duration) error {
	if own, ok := s.(SelfCompacting); ok {
		return own.RunCompactor(ctx, keep)
	}
	const slices = 5
	// seen[i] is the revision i ticks ago.
	var seen [slices + 1]int64
	tick := time.NewTicker(max(keep/slices, time.Millisecond))
	defer tick.Stop()
	for {
		revision, err := s.Revision(ctx)
		if err != nil {
			return err
		}
		copy(seen[1:], seen[:])
		seen[0] = revision
		if old := seen[slices]; old > s.Compacted() {
			// A failing medium fails commits too, which tell more people; only the end of the store ends this.
			if err := s.Compact(ctx, old); errors.Is(err, ErrClosed) {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
