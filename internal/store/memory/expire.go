package memory

import (
	"container/heap"
	"context"
	"time"

	"github.com/pintle-io/pintle/internal/store"
)

// expiry says that the record that revision wrote at key ends at a time. It is void once the key has been
// written again; nobody looks for it before its time.
type expiry struct {
	at       time.Time
	key      store.Key
	revision int64
}

// expiries is a heap, soonest first.
type expiries []expiry

func (h expiries) Len() int           { return len(h) }
func (h expiries) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h expiries) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiries) Push(x any)        { *h = append(*h, x.(expiry)) }
func (h *expiries) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = expiry{}
	*h = old[:len(old)-1]
	return e
}

func (h *expiries) add(e expiry) { heap.Push(h, e) }

// Expire deletes the records whose time has come. The store's own timer calls it.
func (s *Store) Expire(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	now := s.clock()
	var ops []store.Op
	records := s.state.Load().records
	for len(s.expiry) > 0 && !s.expiry[0].at.After(now) {
		e := heap.Pop(&s.expiry).(expiry)
		if v, ok := records.Get(e.key); ok && v.revision == e.revision {
			ops = append(ops, store.Op{Key: e.key})
		}
	}
	s.apply(ops, nil)
	return nil
}
