package embed

import (
	"context"

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
	return s.log.Cursor(from, s.history), nil
}
