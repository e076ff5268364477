// Package alarm is the timer of a store whose records expire: it runs while something is due and costs nothing
// while nothing is.
package alarm

import (
	"sync"
	"time"
)

// Alarm calls its function once after the earliest time it was set to. The function sets it again if more is
// due. It is safe for concurrent use; the function runs on a goroutine of its own, without locks.
type Alarm struct {
	clock func() time.Time
	ring  func()

	mu      sync.Mutex
	timer   *time.Timer
	at      time.Time // zero: not set
	stopped bool
}

// New returns an alarm that is not set.
func New(clock func() time.Time, ring func()) *Alarm {
	return &Alarm{clock: clock, ring: ring}
}

// Set makes the alarm ring at the given time unless it is set to an earlier one already. It never rings within
// the next second: so records that expire in a stream are deleted in bunches, and a clock that stands still
// keeps nobody busy.
func (a *Alarm) Set(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped || !a.at.IsZero() && !at.Before(a.at) {
		return
	}
	a.at = at
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = time.AfterFunc(max(at.Sub(a.clock()), time.Second), func() {
		a.mu.Lock()
		a.at = time.Time{}
		stopped := a.stopped
		a.mu.Unlock()
		if !stopped {
			a.ring()
		}
	})
}

// Stop unsets the alarm for good. A call of the function that has begun may still run.
func (a *Alarm) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
}
