package embed

import (
	"context"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pintle-io/pintle/internal/store"
)

// Compact implements store.Store. It deletes the versions that were replaced up to revision, the tombstones and
// the index entries. Nothing is synced for it: after a crash the history reaches back a little further again.
func (s *Store) Compact(ctx context.Context, revision int64) error {
	if err := s.calls.enter(ctx); err != nil {
		return err
	}
	defer s.calls.leave()
	if s.readOnly {
		return errReadOnly
	}
	if revision > s.visible.Load() {
		return store.ErrFuture
	}
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	from := s.compacted.Load()
	if revision <= from {
		return nil
	}
	if err := s.fault(); err != nil {
		return err
	}
	// Readers that begin now are refused; those that run have iterators that see no deletion.
	s.compacted.Store(revision)
	s.log.Trim(revision)
	for from < revision {
		if s.calls.isClosed() {
			return store.ErrClosed
		}
		next, err := s.compactSome(from, revision)
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// compactSome does a part, (from, next], in one batch, so that the meta entry and the deletions agree.
func (s *Store) compactSome(from, to int64) (next int64, err error) {
	const some = 1000
	opts := indexRange(from)
	opts.UpperBound = indexKey(nil, to+1)
	it, err := s.db.NewIter(opts)
	if err != nil {
		return 0, err
	}
	defer it.Close()
	batch := s.db.NewBatch()
	defer batch.Close()
	var key []byte
	next = to
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		revision, err := parseIndexKey(it.Key())
		if err != nil {
			return 0, err
		}
		raw, err := it.ValueAndErr()
		if err != nil {
			return 0, err
		}
		e, err := parseIndexEntry(raw)
		if err != nil {
			return 0, err
		}
		if e.prev != 0 {
			key = appendRevision(append(key[:0], e.path...), e.prev)
			if err := batch.Delete(key, nil); err != nil {
				return 0, err
			}
		}
		if e.deleted {
			key = appendRevision(append(key[:0], e.path...), revision)
			if err := batch.Delete(key, nil); err != nil {
				return 0, err
			}
		}
		if n++; n == some {
			next = revision
			break
		}
	}
	if err := it.Error(); err != nil {
		return 0, err
	}
	if err := batch.DeleteRange(indexKey(nil, 0), indexKey(nil, next+1), nil); err != nil {
		return 0, err
	}
	if err := batch.Set([]byte(metaCompacted), binary.BigEndian.AppendUint64(nil, uint64(next)), nil); err != nil {
		return 0, err
	}
	// Not under mu: deletions of dead entries and commits do not touch the same keys.
	if err := batch.Commit(pebble.NoSync); err != nil {
		return 0, err
	}
	return next, s.fault()
}
