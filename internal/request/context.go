package request

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Context carries a Request and its deadline, for the price of one allocation: the timer and the channel of the
// deadline are made when somebody first waits for it, which a read that is served from memory never does.
type Context struct {
	context.Context
	Request  *Request
	deadline time.Time

	mu    sync.Mutex
	done  chan struct{}
	timer *time.Timer
	err   error
	stop  func() bool // stops following the parent
	after []*func()   // see AfterFunc
}

// NewContext returns a context for r that ends with parent, at the deadline (the zero Time is none), or at Cancel.
func NewContext(parent context.Context, r *Request, deadline time.Time) *Context {
	return &Context{Context: parent, Request: r, deadline: deadline}
}

// Value finds the Request for From.
func (c *Context) Value(k any) any {
	if _, ok := k.(key); ok {
		return c.Request
	}
	return c.Context.Value(k)
}

// Deadline implements context.Context.
func (c *Context) Deadline() (time.Time, bool) {
	parent, ok := c.Context.Deadline()
	switch {
	case c.deadline.IsZero(), ok && parent.Before(c.deadline):
		return parent, ok
	}
	return c.deadline, true
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
			return c.done
		}
		if !c.deadline.IsZero() {
			c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
		}
		if c.Context.Done() != nil {
			c.stop = context.AfterFunc(c.Context, func() { c.end(c.Context.Err()) })
		}
	}
	return c.done
}

// Err implements context.Context.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		if err := c.Context.Err(); err != nil {
			return err
		}
		if c.done == nil && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
			return context.DeadlineExceeded
		}
	}
	return c.err
}

// Cancel ends the context and frees what it holds.
func (c *Context) Cancel() { c.end(context.Canceled) }

func (c *Context) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.stop != nil {
		c.stop()
	}
	if c.done != nil {
		close(c.done)
	}
	for _, f := range c.after {
		go (*f)()
	}
	c.after = nil
}

// AfterFunc calls f in a goroutine of its own when the context ends, unless it is stopped before. Package context
// asks for it where it would start a goroutine otherwise.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	c.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.after = append(c.after, &f)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.after, &f)
		if i < 0 {
			return false
		}
		c.after = slices.Delete(c.after, i, i+1)
		return true
	}
}
