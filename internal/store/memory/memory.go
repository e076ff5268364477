// Package memory is the store that lives and dies with the process: for tests, throw-away servers and forks.
//
// Nouns: the state is an immutable tree of records and the revision it is of; the log holds the events that led
// to it. A list at an older revision undoes the events since then on the newest tree; the few trees that were
// asked for last are kept, so the pages of one list cost that once.
//
// Invariants: each op has a revision of its own; a new store is empty at revision 1, as a new etcd is; what the
// log has dropped is compacted.
//
// Concurrency: readers load the state without a lock; commits take one. No goroutine runs while nothing
// happens, and a timer only while records with a TTL exist.
package memory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/alarm"
	"github.com/pintle-io/pintle/internal/store/eventlog"
	"github.com/pintle-io/pintle/internal/store/tree"
)

// Config is what New needs. The zero Config is good.
type Config struct {
	// Clock tells when records expire; time.Now by default.
	Clock func() time.Time
	// HistoryBytes bounds the memory that past events hold; 64 MiB by default. Beyond it the store compacts
	// itself.
	HistoryBytes int
}

// Store is the store. Make one with New or Fork.
type Store struct {
	clock func() time.Time
	log   *eventlog.Log
	state atomic.Pointer[state]

	alarm *alarm.Alarm

	mu     sync.Mutex // serialises commits; held while state and log change
	closed bool
	expiry expiries

	olderMu sync.Mutex
	older   [4]*state // the trees of lists at old revisions, newest use first
}

type state struct {
	revision int64
	records  records
}

type records = tree.Tree[store.Key, version]

type version struct {
	revision int64
	value    []byte
}

// New returns an empty store.
func New(c Config) *Store {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.HistoryBytes <= 0 {
		c.HistoryBytes = 64 << 20
	}
	s := &Store{clock: c.Clock, log: eventlog.New(1, c.HistoryBytes)}
	s.alarm = alarm.New(c.Clock, func() { _ = s.Expire(context.Background()) })
	s.state.Store(&state{revision: 1})
	return s
}

// Fork returns a store of its own that begins as this one is now: records, revision and history. It costs the
// same whatever the store holds, apart from records with a TTL.
func (s *Store) Fork() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &Store{clock: s.clock, closed: s.closed, log: s.log.Fork(), expiry: append(expiries(nil), s.expiry...)}
	f.state.Store(s.state.Load())
	f.alarm = alarm.New(f.clock, func() { _ = f.Expire(context.Background()) })
	if len(f.expiry) > 0 {
		f.alarm.Set(f.expiry[0].at)
	}
	return f
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	st, err := s.open(ctx)
	if err != nil {
		return store.Record{}, err
	}
	v, ok := st.records.Get(key)
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return store.Record{Key: key, Revision: v.revision, Value: v.value}, nil
}

// open returns the newest state of a store that is not closed.
func (s *Store) open(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	st := s.state.Load()
	if st == nil {
		return nil, store.ErrClosed
	}
	return st, nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, r store.Range, yield func(store.Record) bool) (int64, error) {
	st, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	if r.Revision != 0 && r.Revision != st.revision {
		if st, err = s.at(r.Revision); err != nil {
			return 0, err
		}
	}
	n := 0
	for k, v := range st.records.From(r.Start()) {
		if !r.Contains(k) {
			break
		}
		if k == r.After {
			continue
		}
		n++
		if !yield(store.Record{Key: k, Revision: v.revision, Value: v.value}) || n == r.Limit {
			break
		}
	}
	return st.revision, nil
}

// at returns the state as it was at revision.
func (s *Store) at(revision int64) (*state, error) {
	s.olderMu.Lock()
	defer s.olderMu.Unlock()
	s.mu.Lock()
	st, events, closed := s.state.Load(), s.log.All(), s.closed
	floor, _ := s.log.Range()
	s.mu.Unlock()
	switch {
	case closed:
		return nil, store.ErrClosed
	case revision < floor:
		return nil, store.ErrCompacted
	case revision > st.revision:
		return nil, store.ErrFuture
	}
	// The nearest known state that is not older.
	place := len(s.older) - 1
	for i, o := range s.older {
		if o != nil && o.revision == revision {
			place, st = i, o
			break
		}
		if o != nil && o.revision > revision && o.revision < st.revision {
			st = o
		}
	}
	if st.revision != revision {
		old := state{revision: revision, records: st.records}
		for i := len(events) - 1; i >= 0 && events[i].Revision > revision; i-- {
			e := &events[i]
			switch {
			case e.Revision > st.revision:
			case e.Prev.Revision == 0:
				old.records = old.records.Delete(e.Key)
			default:
				old.records = old.records.Set(e.Key, version{e.Prev.Revision, e.Prev.Value})
			}
		}
		st = &old
	}
	copy(s.older[1:place+1], s.older[:place])
	s.older[0] = st
	return st, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, guards []store.Guard, ops []store.Op) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := store.CheckCommit(guards, ops); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	st := s.state.Load()
	for _, g := range guards {
		if v, _ := st.records.Get(g.Key); v.revision != g.Revision {
			return nil, guardError(st.records, guards)
		}
	}
	revisions := make([]int64, len(ops))
	s.apply(ops, revisions)
	return revisions, nil
}

func guardError(records records, guards []store.Guard) error {
	e := &store.GuardError{Current: make([]store.Record, len(guards))}
	for i, g := range guards {
		v, _ := records.Get(g.Key)
		e.Current[i] = store.Record{Key: g.Key, Revision: v.revision, Value: v.value}
	}
	return e
}

// apply makes the ops the newest state, with mu held. revisions may be nil.
func (s *Store) apply(ops []store.Op, revisions []int64) {
	st := *s.state.Load()
	events := make([]store.Event, 0, len(ops))
	for i, op := range ops {
		prev, had := st.records.Get(op.Key)
		switch {
		case op.Value != nil:
			st.revision++
			st.records = st.records.Set(op.Key, version{st.revision, op.Value})
		case had:
			st.revision++
			st.records = st.records.Delete(op.Key)
		}
		if revisions != nil {
			revisions[i] = st.revision
		}
		if op.Value == nil && !had {
			continue
		}
		e := store.Event{Key: op.Key, Revision: st.revision, Value: op.Value}
		if had {
			e.Prev = store.Record{Key: op.Key, Revision: prev.revision, Value: prev.value}
		}
		events = append(events, e)
		if op.Value != nil && op.TTL > 0 {
			s.expiry.add(expiry{at: store.ExpiresAt(s.clock(), op.TTL), key: op.Key, revision: st.revision})
		}
	}
	s.state.Store(&st)
	s.log.Append(events)
	if len(s.expiry) > 0 {
		s.alarm.Set(s.expiry[0].at)
	}
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, from int64) (store.Watch, error) {
	if _, err := s.open(ctx); err != nil {
		return nil, err
	}
	if from < s.Compacted() {
		return nil, store.ErrCompacted
	}
	return s.log.Cursor(from, nil), nil
}

// Revision implements store.Store.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	st, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	return st.revision, nil
}

// Compact implements store.Store.
func (s *Store) Compact(ctx context.Context, revision int64) error {
	st, err := s.open(ctx)
	if err != nil {
		return err
	}
	if revision > st.revision {
		return fmt.Errorf("compact to %d at %d: %w", revision, st.revision, store.ErrFuture)
	}
	s.log.Trim(revision)
	s.olderMu.Lock()
	defer s.olderMu.Unlock()
	for i, o := range s.older {
		if o != nil && o.revision < revision {
			s.older[i] = nil
		}
	}
	return nil
}

// Compacted implements store.Store.
func (s *Store) Compacted() int64 {
	floor, _ := s.log.Range()
	return floor
}

// Shared implements store.Store: a memory store belongs to its process.
func (s *Store) Shared() bool { return false }

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.alarm.Stop()
	s.state.Store(nil)
	s.log.Close(store.ErrClosed)
	return nil
}
