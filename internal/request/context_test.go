package request

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestContext(t *testing.T) {
	r := &Request{}
	c := NewContext(t.Context(), r, time.Time{})
	if From(c) != r {
		t.Fatal("the request is lost")
	}
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	child, cancel := context.WithCancel(c)
	defer cancel()
	c.Cancel()
	<-c.Done()
	<-child.Done()
	if !errors.Is(child.Err(), context.Canceled) || From(child) != r {
		t.Fatal(child.Err())
	}

	past := NewContext(t.Context(), r, time.Now().Add(-time.Second))
	if past.Err() != context.DeadlineExceeded {
		t.Fatal(past.Err())
	}
	<-past.Done()
	if past.Err() != context.DeadlineExceeded {
		t.Fatal(past.Err())
	}

	parent, stop := context.WithCancel(t.Context())
	p := NewContext(parent, r, time.Now().Add(time.Hour))
	done := p.Done()
	stop()
	<-done
	if p.Err() != context.Canceled {
		t.Fatal(p.Err())
	}
	late := NewContext(parent, r, time.Time{})
	if late.Err() != context.Canceled {
		t.Fatal(late.Err())
	}
	<-late.Done()
}

func TestContextStartsNoGoroutines(t *testing.T) {
	c := NewContext(t.Context(), &Request{}, time.Now().Add(time.Hour))
	before := runtime.NumGoroutine()
	var children []context.Context
	for range 10 {
		child, cancel := context.WithTimeout(c, time.Hour)
		defer cancel()
		children = append(children, child)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines", n-before)
	}
	stopped := make(chan bool, 1)
	stop := context.AfterFunc(c, func() { stopped <- true })
	if !stop() || stop() {
		t.Error("stop does not stop")
	}
	c.Cancel()
	for _, child := range children {
		<-child.Done()
	}
	ran := make(chan bool)
	context.AfterFunc(c, func() { ran <- true })
	<-ran
	select {
	case <-stopped:
		t.Error("what was stopped has run")
	default:
	}
}
