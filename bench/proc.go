package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpu is the processor time that all processes of the server have used, in user and kernel mode.
func (s *server) cpu() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	var sum time.Duration
	for _, p := range s.procs {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		if err != nil {
			continue
		}
		// The fields after the command's closing parenthesis begin with the third.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, i := range []int{14, 15} {
			n, _ := strconv.ParseInt(fields[i-3], 10, 64)
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// memory is anonymous and whole resident memory in bytes, over all processes.
func (s *server) memory() (anon, rss int64) {
	for _, p := range s.procs {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			n, _ := strconv.ParseInt(f[1], 10, 64)
			switch f[0] {
			case "RssAnon:":
				anon += n << 10
			case "VmRSS:":
				rss += n << 10
			}
		}
	}
	return anon, rss
}

// peakDuring runs work and raises peak to the most anonymous memory seen meanwhile.
func (s *server) peakDuring(peak *int64, work func() error) error {
	done := make(chan struct{})
	seen := make(chan int64)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		var peak int64
		for {
			anon, _ := s.memory()
			peak = max(peak, anon)
			select {
			case <-done:
				seen <- peak
				return
			case <-tick.C:
			}
		}
	}()
	err := work()
	close(done)
	*peak = max(*peak, <-seen)
	return err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
