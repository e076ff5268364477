package main

import (
	"runtime"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64][2]int{0: {200, 50}, 4 << 20: {200, 50}, 16 << 20: {50, 12}, 24 << 20: {50, 12}, 64 << 20: {33, 12}, 1 << 30: {33, 12}} {
		if got := [2]int{gcPercent(live, workSlack(live)), gcPercent(live, restSlack(live))}; got != want {
			t.Errorf("%d live bytes: %d%%, want %d%%", live, got, want)
		}
	}
}

// TestRest goes through a burst and the rest after it with a heap of the test's own.
func TestRest(t *testing.T) {
	const mb = 1 << 20
	h, percent, freed := heap{live: 8 * mb}, 0, 0
	rest := time.NewTimer(time.Hour)
	u := &tuner{heap: func() heap { return h }, set: func(p int) { percent = p }, free: func() { freed++ }, rest: rest}
	armed := func() bool { return rest.Stop() }
	armed()

	h = heap{live: 8 * mb, objects: 20 * mb, unused: 2 * mb, allocs: 100 * mb}
	u.collected()
	if percent != 100 || !armed() {
		t.Errorf("a collection under load: %d%%", percent)
	}
	if u.look(); freed != 0 || !armed() {
		t.Error("it does not rest, and is not looked at again")
	}
	if u.look(); freed != 1 || armed() {
		t.Error("it rests, and gives nothing back")
	}
	h = heap{live: 8 * mb, objects: 8 * mb, allocs: 100 * mb}
	u.collected()
	if percent != 25 || armed() {
		t.Errorf("the collection of giving back: %d%%, or it is looked at again", percent)
	}
	if u.look(); freed != 1 || percent != 25 {
		t.Error("there is nothing to give back")
	}
	if u.collected(); percent != 100 || !armed() {
		t.Errorf("the next collection: %d%%", percent)
	}
}

func TestAfterGC(t *testing.T) {
	called := make(chan bool, 1)
	afterGC(func() { called <- true })
	runtime.GC()
	<-called
}
