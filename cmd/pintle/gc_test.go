package main

import (
	"runtime"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 1600, 4 << 20: 400, 16 << 20: 100, 48 << 20: 33, 1 << 30: 33} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d live bytes: %d%%, want %d%%", live, got, want)
		}
	}
}

func TestAfterGC(t *testing.T) {
	called := make(chan bool, 1)
	afterGC(func() { called <- true })
	runtime.GC()
	<-called
}
