// Package eventlog is the newest part of a store's history in memory: the events, in revision order, bounded
// in bytes, with a way to wait for the next one. The memory store has no other history; the embedded store
// reads what has fallen off from disk.
//
// Nouns: a Log holds the events of the revisions (Floor, Last]; Append adds at the end, Trim takes away at the
// front, and a reader asks for what comes After a revision.
//
// Invariants: revisions ascend strictly; a slice that After returned is never written again, so readers share
// it without a copy and a slow reader holds up nobody.
//
// Concurrency: any goroutine may call anything; appends must come in revision order.
package eventlog

import (
	"sort"
	"sync"

	"github.com/pintle-io/pintle/internal/store"
)

// overhead is what an event weighs beside its value: the struct and its slot, roughly.
const overhead = 256

// maxBatch bounds one answer of After, so that one reader that is far behind yields now and then.
const maxBatch = 1024

// Log is the log. Make one with New.
type Log struct {
	limit int

	mu     sync.Mutex
	events []store.Event // append-only; trimmed by reslicing
	bytes  int
	floor  int64
	last   int64
	wake   chan struct{} // closed by the next change; nil while nobody waits
	err    error         // set by Close
}

// New returns an empty log that stands at revision and keeps about limit bytes.
func New(revision int64, limit int) *Log {
	return &Log{floor: revision, last: revision, limit: limit}
}

// Append adds events and sets the last revision to that of the last one. It drops the oldest events beyond the
// limit.
func (l *Log) Append(events []store.Event) {
	if len(events) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, events...)
	l.last = events[len(events)-1].Revision
	for i := range events {
		l.bytes += weight(&events[i])
	}
	// The newest event always stays: a watcher that waits must find it.
	drop := 0
	for l.bytes > l.limit && drop < len(l.events)-len(events) {
		l.bytes -= weight(&l.events[drop])
		l.floor = l.events[drop].Revision
		drop++
	}
	l.events = l.events[drop:]
	l.signal()
}

func weight(e *store.Event) int { return overhead + len(e.Value) + len(e.Prev.Value) }

// Trim forgets the events up to and including revision.
func (l *Log) Trim(revision int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if revision <= l.floor {
		return
	}
	drop := l.index(revision)
	for i := range l.events[:drop] {
		l.bytes -= weight(&l.events[i])
	}
	// A fresh array: the old one would keep what was trimmed alive until it is outgrown.
	l.events = append([]store.Event(nil), l.events[drop:]...)
	l.floor = revision
	l.signal()
}

// index is the place of the first event after revision.
func (l *Log) index(revision int64) int {
	return sort.Search(len(l.events), func(i int) bool { return l.events[i].Revision > revision })
}

// Range returns the revisions that the log holds: those above floor up to last.
func (l *Log) Range() (floor, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.floor, l.last
}

// After returns the events after revision, oldest first and not always all of them. When there is none yet, the
// channel is closed as soon as it is worth asking again. ok is false when the log does not reach back that far.
// After Close the error is Close's, and once the reader has seen all events.
func (l *Log) After(revision int64) (events []store.Event, wake <-chan struct{}, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, nil, true, l.err
	}
	if revision < l.floor {
		return nil, nil, false, nil
	}
	if revision < l.last {
		events = l.events[l.index(revision):]
		events = events[:min(len(events), maxBatch):min(len(events), maxBatch)]
		return events, nil, true, nil
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return nil, l.wake, true, nil
}

// All returns every event that the log holds.
func (l *Log) All() []store.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[:len(l.events):len(l.events)]
}

// Fork returns a log of its own with the same events.
func (l *Log) Fork() *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Log{limit: l.limit, events: l.events[:len(l.events):len(l.events)], bytes: l.bytes, floor: l.floor, last: l.last}
}

// Close ends all readers with err.
func (l *Log) Close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	l.signal()
}

func (l *Log) signal() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}
