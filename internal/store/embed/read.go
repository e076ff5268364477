package embed

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pintle-io/pintle/internal/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := s.calls.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.calls.leave()
	if !key.Valid() {
		return store.Record{}, store.ErrNotFound
	}
	visible := s.visible.Load()
	it, err := s.db.NewIter(pointReads)
	if err != nil {
		return store.Record{}, err
	}
	defer it.Close()
	var stack [256]byte
	v, err := newest(it, stack[:0], key, visible)
	if err != nil {
		return store.Record{}, err
	}
	if v.value == nil {
		return store.Record{}, store.ErrNotFound
	}
	return store.Record{Key: key, Revision: v.revision, Value: v.value}, nil
}

// version is what a key holds: nothing at all (revision 0), a tombstone (value nil) or a value.
type version struct {
	revision int64
	value    []byte
}

// record is the version as a record; a tombstone is none.
func (v version) record(key store.Key) store.Record {
	if v.value == nil {
		return store.Record{Key: key}
	}
	return store.Record{Key: key, Revision: v.revision, Value: v.value}
}

// pointReads are the options of iterators that look for single keys: the filters tell which tables lack them.
var pointReads = &pebble.IterOptions{UseL6Filters: true}

// newest returns the newest version of key up to a revision. buf is scratch.
func newest(it *pebble.Iterator, buf []byte, key store.Key, upTo int64) (version, error) {
	buf = appendPath(buf[:0], key)
	buf = appendRevision(buf, upTo)
	if !it.SeekPrefixGE(buf) {
		return version{}, it.Error()
	}
	_, revision, err := splitVersionKey(it.Key())
	if err != nil {
		return version{}, err
	}
	raw, err := it.ValueAndErr()
	if err != nil {
		return version{}, err
	}
	value, err := versionValue(raw)
	return version{revision, value}, err
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, r store.Range, yield func(store.Record) bool) (int64, error) {
	if err := s.calls.enter(ctx); err != nil {
		return 0, err
	}
	defer s.calls.leave()
	// The revision before the iterator: then the iterator has all of it.
	visible := s.visible.Load()
	at := r.Revision
	if at == 0 {
		at = visible
	}
	if at > visible {
		return 0, store.ErrFuture
	}
	lower, upper := rangeBounds(r)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	// After the iterator: a compaction moves this first and deletes then, so what the iterator sees is whole.
	if at < s.compacted.Load() {
		return 0, store.ErrCompacted
	}
	names := namer{last: store.Key{Prefix: r.Prefix, Namespace: r.Namespace}}
	var seek []byte
	n := 0
	for ok := it.First(); ok; {
		path, revision, err := splitVersionKey(it.Key())
		if err != nil {
			return 0, err
		}
		if revision > at {
			seek = appendRevision(append(seek[:0], path...), at)
			ok = it.SeekGE(seek)
			continue
		}
		raw, err := it.ValueAndErr()
		if err != nil {
			return 0, err
		}
		if len(raw) == 0 || raw[0] != markTombstone {
			value, err := versionValue(raw)
			if err != nil {
				return 0, err
			}
			key, err := names.key(path)
			if err != nil {
				return 0, err
			}
			n++
			if !yield(store.Record{Key: key, Revision: revision, Value: value}) || n == r.Limit {
				return at, nil
			}
			if n%256 == 0 {
				if err := ctx.Err(); err != nil {
					return 0, err
				}
				if s.calls.isClosed() {
					return 0, store.ErrClosed
				}
			}
		}
		// The path stays behind in seek, for the key is only good until the iterator moves.
		seek = append(seek[:0], path...)
		ok = nextPath(it, seek)
	}
	if err := it.Error(); err != nil {
		return 0, err
	}
	return at, nil
}

// nextPath moves the iterator behind the versions of path: step by step if they are few, else in one leap.
func nextPath(it *pebble.Iterator, path []byte) bool {
	for range 3 {
		if !it.Next() {
			return false
		}
		if key := it.Key(); len(key) != len(path)+8 || !bytes.Equal(key[:len(path)], path) {
			return true
		}
	}
	path[len(path)-1]++
	return it.SeekGE(path)
}

// history returns some of the events after a revision, oldest first, from disk: for watches that are too far
// behind for the memory's log.
func (s *Store) history(ctx context.Context, after int64) ([]store.Event, error) {
	const maxEvents, maxBytes = 256, 1 << 20
	if err := s.calls.enter(ctx); err != nil {
		return nil, err
	}
	defer s.calls.leave()
	visible := s.visible.Load()
	it, err := s.db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	if after < s.compacted.Load() {
		return nil, store.ErrCompacted
	}
	type entry struct {
		indexEntry
		revision int64
	}
	var entries []entry
	for ok := it.SeekGE(indexKey(nil, after+1)); ok && len(entries) < maxEvents; ok = it.Next() {
		if it.Key()[0] != kindIndex {
			break
		}
		revision, err := parseIndexKey(it.Key())
		if err != nil {
			return nil, err
		}
		if revision > visible {
			break
		}
		raw, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		e, err := parseIndexEntry(raw)
		if err != nil {
			return nil, err
		}
		e.path = append([]byte(nil), e.path...)
		entries = append(entries, entry{e, revision})
	}
	if err := it.Error(); err != nil {
		return nil, err
	}
	var (
		names  namer
		events []store.Event
		size   int
		buf    []byte
	)
	get := func(path []byte, revision int64) ([]byte, error) {
		buf = appendRevision(append(buf[:0], path...), revision)
		if !it.SeekGE(buf) || !bytes.Equal(it.Key(), buf) {
			return nil, fmt.Errorf("%w: no version %d of %s", errBadEntry, revision, printable(path))
		}
		raw, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		size += len(raw)
		return versionValue(raw)
	}
	for _, e := range entries {
		key, err := names.key(e.path)
		if err != nil {
			return nil, err
		}
		ev := store.Event{Key: key, Revision: e.revision}
		if !e.deleted {
			if ev.Value, err = get(e.path, e.revision); err != nil {
				return nil, err
			}
		}
		if e.prev != 0 {
			ev.Prev = store.Record{Key: key, Revision: e.prev}
			if ev.Prev.Value, err = get(e.path, e.prev); err != nil {
				return nil, err
			}
		}
		events = append(events, ev)
		if size > maxBytes {
			break
		}
	}
	return events, nil
}
