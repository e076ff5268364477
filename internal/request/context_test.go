package request

import (
	"context"
	"errors"
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
