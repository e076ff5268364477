package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap may grow by a third of what lives before it is collected again, and by 16 MiB at least. Go's own rule, as
// much again, is too little for a server of a few megabytes, which would collect every few hundred writes, and too
// much for one that holds stored bytes by the hundred megabytes, which are cheap to mark because they hold no
// pointers.
const (
	heapSlackPart = 3
	heapSlackMin  = 16 << 20
)

// tuneGC follows that rule from now on. Whoever sets GOGC or GOMEMLIMIT knows better.
func tuneGC() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := 0
	var retune func()
	retune = func() {
		metrics.Read(sample)
		if next := gcPercent(sample[0].Value.Uint64()); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
		afterGC(retune)
	}
	retune()
}

// gcPercent is the rule for a heap with so many live bytes.
func gcPercent(live uint64) int {
	live = max(live, 1<<20)
	slack := max(live/heapSlackPart, heapSlackMin)
	return int(slack * 100 / live)
}

// afterGC calls f once, after the next collection.
func afterGC(f func()) {
	sentinel := new([16]byte) // large enough not to share its block with others
	runtime.AddCleanup(sentinel, func(f func()) { f() }, f)
}
