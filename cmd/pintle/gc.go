package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// The heap may grow by a third of what lives before it is collected again, and by 16 MiB at least while there is much to
// do. Go's own rule, as much again, is too little for a server of a few megabytes, which would collect every few hundred
// writes, and too much for one that holds stored bytes by the hundred megabytes, which are cheap to mark because they
// hold no pointers.
//
// A burst of work that is over within a quarter of a second is not worth as much room, which would stay torn: what lives among what
// does not keeps pages in use. And a server that has come to rest gives back to the system what it has no use for.
const (
	workSlack  = 16 << 20
	burstSlack = 4 << 20
	burstFor   = 250 * time.Millisecond
	restSlack  = 2 << 20
)

// At rest is who allocates less than so much in such a time.
const (
	restFor   = 500 * time.Millisecond
	restBytes = 512 << 10
)

// tuner follows these rules. A collection begins its look at whether the server rests, which ends when it does: a server
// in which nothing happens has no timer.
type tuner struct {
	now  func() time.Time
	heap func() heap
	set  func(percent int) // debug.SetGCPercent
	free func()            // debug.FreeOSMemory: collects, too

	mu      sync.Mutex
	percent int
	allocs  uint64    // when it was last looked at
	freeing bool      // the next collection is that of free
	worksAt time.Time // since when it does not rest; zero: it rests
	rest    *time.Timer
}

// tuneGC has the runtime follow these rules from now on. Whoever sets GOGC or GOMEMLIMIT knows better.
func tuneGC() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	t := &tuner{now: time.Now, heap: readHeap, set: func(percent int) { debug.SetGCPercent(percent) }, free: debug.FreeOSMemory}
	t.rest = time.AfterFunc(restFor, t.look)
	var collected func()
	collected = func() {
		t.collected()
		afterGC(collected)
	}
	collected()
}

// collected sets the bound of the next collection.
func (t *tuner) collected() {
	h, now := t.heap(), t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.freeing {
		t.freeing = false
		t.bound(h.slackAtRest(), h.live)
		return
	}
	if t.worksAt.IsZero() {
		t.worksAt = now
	}
	least := uint64(workSlack)
	if now.Sub(t.worksAt) < burstFor {
		least = burstSlack
	}
	t.bound(max(h.live/3, least), h.live)
	t.rest.Reset(restFor)
}

// look gives back what is not needed, if the server rests.
func (t *tuner) look() {
	h := t.heap()
	if t.rests(&h) {
		t.free()
	}
}

// rests says whether the server rests and has something to give back.
func (t *tuner) rests(h *heap) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	busy := h.allocs-t.allocs >= restBytes
	t.allocs = h.allocs
	if busy {
		t.rest.Reset(restFor)
		return false
	}
	t.worksAt = time.Time{}
	t.bound(h.slackAtRest(), h.live)
	t.freeing = h.spare() >= h.slackAtRest()
	return t.freeing
}

// bound tells the runtime by how much a heap of so many live bytes may grow. It takes a smaller one for one of 4 MiB.
func (t *tuner) bound(slack, live uint64) {
	if next := int(slack * 100 / max(live, 4<<20)); next != t.percent {
		t.percent = next
		t.set(next)
	}
}

// heap is the state of the heap, in bytes.
type heap struct {
	live    uint64 // found by the last collection
	objects uint64 // live, or not collected yet
	unused  uint64 // kept from the system for new objects
	allocs  uint64 // ever
}

// spare is what a collection would make free, and what is free.
func (h *heap) spare() uint64 { return h.objects - min(h.live, h.objects) + h.unused }

// slackAtRest is what the heap may grow by at rest, and what is worth a collection there.
func (h *heap) slackAtRest() uint64 { return max(h.live/8, restSlack) }

func readHeap() heap {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()}
}

// afterGC calls f once, after the next collection.
func afterGC(f func()) {
	sentinel := new([16]byte) // large enough not to share its block with others
	runtime.AddCleanup(sentinel, func(f func()) { f() }, f)
}
