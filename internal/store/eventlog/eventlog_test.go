package eventlog

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/pintle-io/pintle/internal/store"
)

func events(from, to int64, size int) []store.Event {
	var out []store.Event
	for r := from; r <= to; r++ {
		out = append(out, store.Event{Revision: r, Value: make([]byte, size)})
	}
	return out
}

func revisions(t *testing.T, l *Log, after int64) string {
	t.Helper()
	got, _, ok, err := l.After(after)
	if !ok || err != nil {
		return fmt.Sprint(ok, err)
	}
	if len(got) == 0 {
		return "none"
	}
	return fmt.Sprint(got[0].Revision, "-", got[len(got)-1].Revision)
}

func TestLog(t *testing.T) {
	l := New(10, 1<<20)
	if got := revisions(t, l, 10); got != "none" {
		t.Errorf("a new log: %s", got)
	}
	if got := revisions(t, l, 9); got != "false <nil>" {
		t.Errorf("before a new log: %s", got)
	}
	_, wake, _, _ := l.After(10)
	l.Append(events(11, 15, 1))
	<-wake
	l.Append(events(16, 20, 1))
	for after, want := range map[int64]string{10: "11-20", 15: "16-20", 19: "20-20", 20: "none", 25: "none", 9: "false <nil>"} {
		if got := revisions(t, l, after); got != want {
			t.Errorf("after %d: %s, want %s", after, got, want)
		}
	}
	l.Trim(15)
	for after, want := range map[int64]string{14: "false <nil>", 15: "16-20"} {
		if got := revisions(t, l, after); got != want {
			t.Errorf("trimmed, after %d: %s, want %s", after, got, want)
		}
	}
	f := l.Fork()
	l.Append(events(21, 21, 1))
	f.Append(events(21, 30, 1))
	if a, b := revisions(t, l, 15), revisions(t, f, 15); a != "16-21" || b != "16-30" {
		t.Errorf("forked: %s and %s", a, b)
	}
	ended := errors.New("ended")
	_, wake, _, _ = l.After(21)
	l.Close(ended)
	l.Close(errors.New("again"))
	<-wake
	if _, _, _, err := l.After(21); err != ended {
		t.Errorf("after Close: %v", err)
	}
}

// The limit is in bytes, and the newest events stay whatever they weigh.
func TestLimit(t *testing.T) {
	l := New(0, 10000)
	for r := int64(1); r <= 100; r++ {
		l.Append(events(r, r, 744))
	}
	if floor, last := l.Range(); floor != 90 || last != 100 {
		t.Errorf("holds (%d, %d]", floor, last)
	}
	l.Append(events(101, 101, 1<<20))
	if floor, _ := l.Range(); floor != 100 {
		t.Errorf("floor %d", floor)
	}
}

// What a reader holds does not change under it.
func TestSharing(t *testing.T) {
	l := New(0, 3000)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for at := int64(0); at < 5000; {
				got, wake, ok, err := l.After(at)
				switch {
				case err != nil:
					t.Error(err)
					return
				case !ok:
					at, _ = l.Range()
				case wake != nil:
					<-wake
				default:
					for _, e := range got {
						if at++; e.Revision != at {
							t.Errorf("%d after %d", e.Revision, at-1)
							return
						}
					}
				}
			}
		})
	}
	for r := int64(1); r <= 5000; r++ {
		l.Append(events(r, r, 10))
	}
	wg.Wait()
}
