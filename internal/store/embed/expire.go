package embed

import (
	"context"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pintle-io/pintle/internal/store"
)

// Expire deletes the records whose time has come, and sets the alarm for the next. The store's own timer calls
// it.
func (s *Store) Expire(ctx context.Context) error {
	if err := s.calls.enter(ctx); err != nil {
		return err
	}
	defer s.calls.leave()
	if s.readOnly {
		return errReadOnly
	}
	now := s.clock().Unix()
	for {
		batch, last, more, err := s.expireSome(now)
		if err != nil {
			return err
		}
		if batch != nil {
			if err := s.sync(batch, last); err != nil {
				return err
			}
		}
		if !more {
			return s.setAlarm()
		}
	}
}

// expireSome deletes some of the records that are due: those that have not been written since. The entries of
// the others go as well.
func (s *Store) expireSome(now int64) (batch *pebble.Batch, last int64, more bool, err error) {
	const some = 256
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fault(); err != nil {
		return nil, 0, false, err
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindExpiry}, UpperBound: expiryKey(nil, now+1, 0)})
	if err != nil {
		return nil, 0, false, err
	}
	defer it.Close()
	records, err := s.db.NewIter(pointReads)
	if err != nil {
		return nil, 0, false, err
	}
	defer records.Close()
	var (
		names   namer
		ops     []store.Op
		prevs   []store.Record
		entries [][]byte
	)
	for ok := it.First(); ok; ok = it.Next() {
		if len(entries) == some {
			more = true
			break
		}
		_, revision, err := parseExpiryKey(it.Key())
		if err != nil {
			return nil, 0, false, err
		}
		path, err := it.ValueAndErr()
		if err != nil {
			return nil, 0, false, err
		}
		key, err := names.key(path)
		if err != nil {
			return nil, 0, false, err
		}
		entries = append(entries, append([]byte(nil), it.Key()...))
		v, err := newest(records, s.keyBuf, key, math.MaxInt64)
		if err != nil {
			return nil, 0, false, err
		}
		// A record that was written again has an entry of its own, or none; so no key can come twice.
		if v.value != nil && v.revision == revision {
			ops = append(ops, store.Op{Key: key})
			prevs = append(prevs, v.record(key))
		}
	}
	if err := it.Error(); err != nil || len(entries) == 0 {
		return nil, 0, false, err
	}
	batch, events, err := s.apply(ops, prevs, make([]int64, len(ops)))
	if err != nil {
		return nil, 0, false, err
	}
	for _, e := range entries {
		if err := batch.Delete(e, nil); err != nil {
			return nil, 0, false, err
		}
	}
	if len(events) == 0 {
		// Only void entries: nothing that anybody waits for.
		defer batch.Close()
		return nil, 0, more, batch.Commit(pebble.NoSync)
	}
	if err := s.submit(batch, events); err != nil {
		return nil, 0, false, err
	}
	return batch, s.assigned, more, nil
}

// setAlarm sets the alarm to the soonest expiry.
func (s *Store) setAlarm() error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindExpiry}, UpperBound: []byte{kindExpiry + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	if it.First() {
		second, _, err := parseExpiryKey(it.Key())
		if err != nil {
			return err
		}
		s.alarm.Set(time.Unix(second, 0))
	}
	return it.Error()
}
