package main

import (
	"runtime"
	"testing"
	"time"
)

// TestTuner goes through a burst, the rest after it, and a load, with a heap and a clock of the test's own.
func TestTuner(t *testing.T) {
	const mb = 1 << 20
	h, now, percent, freed := heap{live: 8 * mb}, time.Unix(1000, 0), 0, 0
	rest := time.NewTimer(time.Hour)
	u := &tuner{now: func() time.Time { return now }, heap: func() heap { return h }, set: func(p int) { percent = p }, free: func() { freed++ }, rest: rest}
	armed := rest.Stop // and disarms it
	armed()

	h = heap{live: 8 * mb, objects: 20 * mb, unused: 2 * mb, allocs: 100 * mb}
	if u.collected(); percent != 50 || !armed() {
		t.Errorf("a collection in a burst: %d%%", percent)
	}
	if u.look(); freed != 0 || !armed() {
		t.Error("it does not rest, and is not looked at again")
	}
	if u.look(); freed != 1 || armed() {
		t.Error("it rests, and gives nothing back")
	}
	h = heap{live: 8 * mb, objects: 8 * mb, allocs: 100 * mb}
	if u.collected(); percent != 25 || armed() {
		t.Errorf("the collection of giving back: %d%%, or it is looked at again", percent)
	}
	if u.look(); freed != 1 || percent != 25 {
		t.Error("there is nothing to give back")
	}
	for _, c := range []struct {
		after   time.Duration
		live    uint64
		percent int
	}{{0, 8 * mb, 50}, {burstFor / 2, 8 * mb, 50}, {burstFor, 8 * mb, 200}, {2 * burstFor, 96 * mb, 33}, {3 * burstFor, 0, 400}} {
		now, h.live = time.Unix(2000, 0).Add(c.after), c.live
		if u.collected(); percent != c.percent || !armed() {
			t.Errorf("%d bytes live after %s of work: %d%%, want %d%%", c.live, c.after, percent, c.percent)
		}
	}
	h = heap{live: 96 * mb, objects: 100 * mb, allocs: 100 * mb}
	if u.look(); freed != 1 || percent != 12 {
		t.Errorf("4 MB to give back of 96: %d%%", percent)
	}
}

func TestAfterGC(t *testing.T) {
	called := make(chan bool, 1)
	afterGC(func() { called <- true })
	runtime.GC()
	<-called
}
