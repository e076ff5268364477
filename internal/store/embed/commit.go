package embed

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pintle-io/pintle/internal/store"
)

// Commit implements store.Store. It goes: check guards and write to Pebble's log, one commit at a time → wait for
// the sync, together with all others that wait → publish in revision order → answer.
func (s *Store) Commit(ctx context.Context, guards []store.Guard, ops []store.Op) ([]int64, error) {
	if err := s.calls.enter(ctx); err != nil {
		return nil, err
	}
	defer s.calls.leave()
	if s.readOnly {
		return nil, errReadOnly
	}
	if err := store.CheckCommit(guards, ops); err != nil {
		return nil, err
	}
	for i := range ops {
		if len(ops[i].Value) > maxValue {
			return nil, fmt.Errorf("commit of %d bytes at %s: %w", len(ops[i].Value), ops[i].Key, store.ErrTooLarge)
		}
	}
	revisions, upTo, batch, err := s.write(guards, ops)
	if batch == nil {
		// Nothing was written. The answer may tell of commits that are not durable yet: wait for them.
		if werr := s.waitVisible(ctx, upTo); werr != nil {
			return nil, werr
		}
		return revisions, err
	}
	// From here on the commit may become durable whatever happens, so the context does not end it.
	if err := s.sync(batch, upTo); err != nil {
		return nil, err
	}
	return revisions, nil
}

// write checks the guards, assigns revisions and writes the batch without waiting for the sync. It returns the
// newest assigned revision that the answer depends on, and no batch if nothing has changed.
func (s *Store) write(guards []store.Guard, ops []store.Op) (revisions []int64, upTo int64, batch *pebble.Batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fault(); err != nil {
		return nil, 0, nil, err
	}
	look := lookup{s: s}
	defer look.close()
	found := make([]version, len(guards))
	holds := true
	for i, g := range guards {
		if g.Revision != 0 && s.heads.get(g.Key) == g.Revision {
			found[i] = version{g.Revision, g.Value}
			continue
		}
		if found[i], err = look.newest(g.Key); err != nil {
			return nil, 0, nil, err
		}
		holds = holds && found[i].record(g.Key).Revision == g.Revision
	}
	if !holds {
		e := &store.GuardError{Current: make([]store.Record, len(guards))}
		for i, g := range guards {
			if found[i], err = look.newest(g.Key); err != nil {
				return nil, 0, nil, err
			}
			e.Current[i] = found[i].record(g.Key)
		}
		return nil, s.assigned, nil, e
	}
	prevs := make([]store.Record, len(ops))
	for i := range ops {
		if prevs[i], err = look.prev(ops[i].Key, guards, found); err != nil {
			return nil, 0, nil, err
		}
	}
	revisions = make([]int64, len(ops))
	batch, events, err := s.apply(ops, prevs, revisions)
	if err != nil {
		return nil, 0, nil, err
	}
	if len(events) == 0 {
		_ = batch.Close()
		return revisions, s.assigned, nil, nil
	}
	if err := s.submit(batch, events); err != nil {
		return nil, 0, nil, err
	}
	return revisions, s.assigned, batch, nil
}

// lookup reads newest versions under mu, with one iterator that is made at the first read.
type lookup struct {
	s  *Store
	it *pebble.Iterator
}

func (l *lookup) newest(key store.Key) (version, error) {
	if l.it == nil {
		it, err := l.s.db.NewIter(pointReads)
		if err != nil {
			return version{}, err
		}
		l.it = it
	}
	v, err := newest(l.it, l.s.keyBuf, key, math.MaxInt64)
	if err == nil && v.value != nil {
		l.s.heads.set(key, v.revision, true)
	}
	return v, err
}

// prev is the record that an op on key replaces; guards that hold say most of it.
func (l *lookup) prev(key store.Key, guards []store.Guard, found []version) (store.Record, error) {
	for i := range guards {
		if guards[i].Key == key && (found[i].value != nil || guards[i].Revision == 0) {
			return found[i].record(key), nil
		}
	}
	v, err := l.newest(key)
	return v.record(key), err
}

func (l *lookup) close() {
	if l.it != nil {
		_ = l.it.Close()
	}
}

// heads remembers the newest revision of keys that were written or read under mu. It holds hashes of keys, not
// keys: a revision belongs to one key only, so one that is found here is the newest of its key, whatever else
// has the same hash; what is not found is read from disk.
type heads struct {
	seed maphash.Seed
	m    map[uint64]int64
}

// maxHeads bounds the table to some 30 MB; then it begins anew.
const maxHeads = 1 << 20

func newHeads() heads { return heads{maphash.MakeSeed(), map[uint64]int64{}} }

// get returns 0 for what it does not know.
func (h *heads) get(key store.Key) int64 { return h.m[maphash.Comparable(h.seed, key)] }

func (h *heads) set(key store.Key, revision int64, exists bool) {
	n := maphash.Comparable(h.seed, key)
	switch {
	case !exists:
		delete(h.m, n)
	default:
		if len(h.m) >= maxHeads {
			clear(h.m)
		}
		h.m[n] = revision
	}
}

// apply fills a batch with the ops and assigns their revisions, with mu held. Nothing is changed before submit.
func (s *Store) apply(ops []store.Op, prevs []store.Record, revisions []int64) (*pebble.Batch, []store.Event, error) {
	size := 64
	for i := range ops {
		size += len(ops[i].Value) + 2*pathLen(ops[i].Key) + 64
	}
	batch := s.db.NewBatchWithSize(size)
	events := make([]store.Event, 0, len(ops))
	revision := s.assigned
	for i := range ops {
		op := &ops[i]
		if op.Value == nil && prevs[i].Revision == 0 {
			revisions[i] = revision
			continue
		}
		revision++
		revisions[i] = revision
		n := pathLen(op.Key)
		d := batch.SetDeferred(n+8, 1+len(op.Value))
		appendRevision(appendPath(d.Key[:0], op.Key), revision)
		d.Value[0] = markTombstone
		if op.Value != nil {
			d.Value[0] = markValue
			copy(d.Value[1:], op.Value)
		}
		if err := d.Finish(); err != nil {
			return nil, nil, err
		}
		s.keyBuf = appendPath(s.keyBuf[:0], op.Key)
		path := s.keyBuf
		var key [17]byte
		entry := indexEntry{path: path, prev: prevs[i].Revision, deleted: op.Value == nil}
		value := entry.append(make([]byte, 0, len(path)+12))
		if err := batch.Set(indexKey(key[:0], revision), value, nil); err != nil {
			return nil, nil, err
		}
		if op.Value != nil && op.TTL > 0 {
			at := store.ExpiresAt(s.clock(), op.TTL)
			if err := batch.Set(expiryKey(key[:0], at.Unix(), revision), path, nil); err != nil {
				return nil, nil, err
			}
			s.alarm.Set(at)
		}
		s.heads.set(op.Key, revision, op.Value != nil)
		e := store.Event{Key: op.Key, Revision: revision, Value: op.Value}
		if prevs[i].Revision != 0 {
			e.Prev = prevs[i]
		}
		events = append(events, e)
	}
	return batch, events, nil
}

// submit hands a batch with events to Pebble and makes it pending, with mu held.
func (s *Store) submit(batch *pebble.Batch, events []store.Event) error {
	if err := s.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		s.fence.fail(err)
		return s.fault()
	}
	// When Pebble could not go on it has told its logger and returned as if nothing were wrong; then there is no
	// sync to wait for.
	if err := s.fault(); err != nil {
		return err
	}
	s.assigned = events[len(events)-1].Revision
	s.pendingMu.Lock()
	s.pending = append(s.pending, pending{s.assigned, events})
	s.pendingMu.Unlock()
	return nil
}

// sync waits until a submitted batch is durable and publishes everything up to its last revision.
func (s *Store) sync(batch *pebble.Batch, last int64) error {
	if err := batch.SyncWait(); err != nil {
		s.fence.fail(err)
	}
	_ = batch.Close()
	if err := s.fault(); err != nil {
		return err
	}
	// The log is written and recovered in order: what is durable up to here has all that came before.
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	n := 0
	for ; n < len(s.pending) && s.pending[n].last <= last; n++ {
		s.log.Append(s.pending[n].events)
		s.visible.Store(s.pending[n].last)
		s.pending[n] = pending{}
	}
	if s.pending = s.pending[n:]; len(s.pending) == 0 {
		s.pending = nil
	}
	return nil
}

// waitVisible waits until a revision is durable.
func (s *Store) waitVisible(ctx context.Context, revision int64) error {
	for s.visible.Load() < revision {
		_, wake, ok, err := s.log.After(revision - 1)
		if err != nil {
			return err
		}
		if !ok || wake == nil {
			continue // the log has passed it
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
