// Package cache is the state that reads are served from: for each resource the latest records in a
// copy-on-write tree, and its part of the one event log.
//
// Nouns: the Cache follows one store through one feed; a Table is one resource's tree and log; a Record is one
// stored object, with the encodings that were made of it; a Snapshot is a table at one revision; a Cursor is a
// reader's place in a table's log.
//
// Invariants: events are applied in revision order and once; Applied never goes back; whoever sees Applied at
// R finds every event up to R in trees and logs. A table is loaded on first use, by a list of the store, while
// the feed goes on: what the list already holds is skipped. Trees, records and events are never changed after
// they are published (a record's encodings excepted, which only grow).
//
// Concurrency: everything may be called from any goroutine. One lock, Cache.mu, orders the feed against
// snapshots and cursors; a Get takes none.
package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// Config is what a Cache stands on. Zero limits mean the defaults.
type Config struct {
	Store store.Store
	// LogBytes bounds the event logs of all tables together, in bytes of stored objects held (default 16 MiB).
	LogBytes int64
	// EncodingBytes bounds the shared encodings kept beside the stored bytes (default 128 MiB). Beyond it
	// encodings are made for each reader.
	EncodingBytes int64
	Logger        *slog.Logger
}

// Cache follows one store.
type Cache struct {
	cfg Config

	mu      sync.RWMutex
	tables  map[string]*Table
	current map[string]*resource.Resource // by prefix, of those that can change
	applied int64
	logs    fifo  // which table's log holds the oldest event, across all tables
	logSize int64 // bytes that the logs hold

	wmu     sync.Mutex
	waiters []waiter
	stream  store.Watch // the feed's

	encoded atomic.Int64 // bytes of encodings kept
	ended   chan struct{}
	cancel  context.CancelFunc
}

type waiter struct {
	revision int64
	done     chan struct{}
}

// ErrGone says that a revision is older than what can be told.
var ErrGone = errors.New("cache: revision is too old")

// ErrEnded says that a table's resource is served in another way now, or not any more: whoever follows it begins anew.
var ErrEnded = errors.New("cache: the resource has changed")

// New starts following the store. Close ends it.
func New(c Config) (*Cache, error) {
	if c.LogBytes == 0 {
		c.LogBytes = 16 << 20
	}
	if c.EncodingBytes == 0 {
		c.EncodingBytes = 128 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &Cache{cfg: c, tables: map[string]*Table{}, current: map[string]*resource.Resource{}, ended: make(chan struct{}), cancel: cancel}
	rev, err := c.Store.Revision(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	w, err := c.Store.Watch(ctx, rev)
	if err != nil {
		cancel()
		return nil, err
	}
	k.applied, k.stream = rev, w
	go k.feed(ctx, w)
	return k, nil
}

// Close ends the feed. The store stays open.
func (c *Cache) Close() {
	c.cancel()
	<-c.ended
}

// feed is the life of the one goroutine that applies what the store tells. When the stream breaks it starts
// again from the applied revision; when the store has forgotten that, every table is dropped and its readers
// are sent away with ErrGone.
func (c *Cache) feed(ctx context.Context, w store.Watch) {
	defer close(c.ended)
	for {
		events, progress, err := w.Next(ctx)
		if err == nil {
			c.apply(events, progress)
			continue
		}
		w.Close()
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		c.cfg.Logger.Warn("the store's event stream broke", "err", err)
		if w = c.reopen(ctx, err); w == nil {
			return
		}
		c.wmu.Lock()
		c.stream = w
		c.wmu.Unlock()
	}
}

func (c *Cache) reopen(ctx context.Context, cause error) store.Watch {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		if errors.Is(cause, store.ErrCompacted) {
			if rev, err := c.cfg.Store.Revision(ctx); err == nil {
				c.reset(rev)
			}
		}
		var w store.Watch
		if w, cause = c.cfg.Store.Watch(ctx, c.Applied()); cause == nil {
			return w
		}
		if errors.Is(cause, store.ErrClosed) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// apply publishes a batch of events.
func (c *Cache) apply(events []store.Event, progress int64) {
	c.mu.Lock()
	for i := range events {
		if t := c.tables[events[i].Key.Prefix]; t != nil {
			t.apply(&events[i])
		}
	}
	c.applied = max(c.applied, progress)
	for c.logSize > c.cfg.LogBytes && c.logs.len() > 1 {
		c.logs.pop().trim()
	}
	for i := range events {
		if t := c.tables[events[i].Key.Prefix]; t != nil {
			t.wakeAll()
		}
	}
	c.mu.Unlock()
	c.release(progress)
}

// reset drops what every table knows; the feed goes on at revision.
func (c *Cache) reset(revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tables {
		t.drop()
	}
	c.logs, c.logSize = fifo{}, 0
	c.applied = revision
}

// Applied is the revision up to which the cache is complete.
func (c *Cache) Applied() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.applied
}

// WaitApplied blocks until the cache has come to revision.
func (c *Cache) WaitApplied(ctx context.Context, revision int64) error {
	if c.Applied() >= revision {
		return nil
	}
	w := waiter{revision, make(chan struct{})}
	c.wmu.Lock()
	c.waiters = append(c.waiters, w)
	stream := c.stream
	c.wmu.Unlock()
	if c.Applied() >= revision { // it came between the look and the queue
		c.release(revision)
	}
	defer askProgress(ctx, stream)()
	select {
	case <-w.done:
		return nil
	case <-c.ended:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askProgress asks a stream that does not know it by itself how far it has come, now and then until stop is called.
func askProgress(ctx context.Context, w store.Watch) (stop func()) {
	p, ok := w.(store.ProgressRequester)
	if !ok {
		return func() {}
	}
	const (
		first = 5 * time.Millisecond // most often the next event comes sooner
		then  = 100 * time.Millisecond
	)
	ctx, cancel := context.WithCancel(ctx)
	var ask *time.Timer
	ready := make(chan struct{})
	ask = time.AfterFunc(first, func() {
		<-ready
		if ctx.Err() == nil && p.RequestProgress(ctx) == nil {
			ask.Reset(then)
		}
	})
	close(ready)
	return func() { cancel(); ask.Stop() }
}

// release wakes those who wait for a revision up to applied.
func (c *Cache) release(applied int64) {
	c.wmu.Lock()
	keep := c.waiters[:0]
	for _, w := range c.waiters {
		if w.revision <= applied {
			close(w.done)
		} else {
			keep = append(keep, w)
		}
	}
	clear(c.waiters[len(keep):])
	c.waiters = keep
	c.wmu.Unlock()
}

// Fresh waits until the cache has everything that was committed before the call. Where only this process
// writes, a commit is applied before its client is answered, and there is nothing to wait for.
func (c *Cache) Fresh(ctx context.Context) error {
	if !c.cfg.Store.Shared() {
		return nil
	}
	rev, err := c.cfg.Store.Revision(ctx)
	if err != nil {
		return err
	}
	return c.WaitApplied(ctx, rev)
}

// Table returns the resource's table, loaded.
func (c *Cache) Table(ctx context.Context, r *resource.Resource) (*Table, error) {
	c.mu.RLock()
	t := c.tables[r.Prefix]
	c.mu.RUnlock()
	if t == nil {
		r.Storage() // panics outside the lock for what is not stored
		c.mu.Lock()
		if now := c.current[r.Prefix]; now != nil {
			r = now
		}
		if t = c.tables[r.Prefix]; t == nil {
			t = newTable(c, r)
			c.tables[r.Prefix] = t
		}
		c.mu.Unlock()
	}
	if t.loaded.Load() {
		return t, nil
	}
	return t, t.load(ctx)
}

// Replace ends the table of a resource that has changed, or that is gone (a nil r). Cursors yield what is left and end;
// the next who asks for the resource gets a table of r, whatever older descriptor he asks with.
func (c *Cache) Replace(prefix string, r *resource.Resource) {
	c.mu.Lock()
	t := c.tables[prefix]
	if t != nil {
		t.ended.Store(true)
		t.wakeAll()
	}
	delete(c.tables, prefix)
	if r != nil {
		c.current[prefix] = r
	} else {
		delete(c.current, prefix)
	}
	c.mu.Unlock()
	if t != nil {
		for _, rec := range t.root.Load().From(store.Key{}) {
			rec.release()
		}
	}
}

// Stats are numbers of one table.
type Stats struct {
	Objects  int
	Bytes    int64 // stored
	Events   int64 // applied
	Loads    int64 // from the store: once, and again when the feed has lost its place
	Revision int64 // up to which the table is complete
}

// Stats tells of a resource's table, if it has been loaded.
func (c *Cache) Stats(r *resource.Resource) (s Stats, loaded bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.tables[r.Prefix]
	if t == nil || !t.loaded.Load() {
		return s, false
	}
	s = t.stats
	s.Objects, s.Revision = t.Len(), max(c.applied, t.at)
	return s, true
}

// Size is what the cache holds: bytes of the event logs and of shared encodings.
func (c *Cache) Size() (logs, encodings int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.logSize, c.encoded.Load()
}

// Prepare makes the record that a commit of value is going to be, so that the feed need not read the bytes
// again. obj is the object in the storage version; whole says that it is what is read back, without Version.Restore.
func (t *Table) Prepare(key store.Key, value []byte, head object.Head, obj object.Object, whole bool) *Record {
	r := &Record{Key: key, Value: value, Head: head, table: t}
	if whole {
		r.form.Store(canonical)
	}
	r.setFields(obj)
	t.pmu.Lock()
	if t.prepared == nil {
		t.prepared = map[store.Key]*Record{}
	}
	t.prepared[key] = r
	t.pmu.Unlock()
	return r
}

// Forget takes back what Prepare announced, after the commit's end.
func (t *Table) Forget(r *Record) {
	t.pmu.Lock()
	if t.prepared[r.Key] == r {
		delete(t.prepared, r.Key)
	}
	t.pmu.Unlock()
}
