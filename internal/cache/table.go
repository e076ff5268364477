package cache

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/tree"
)

// Tree is a table's records in key order.
type Tree = tree.Tree[store.Key, *Record]

// Event is one change of a table.
type Event struct {
	Type     watch.EventType // Added, Modified or Deleted
	Revision int64
	Record   *Record // after the change; nil for Deleted
	Prev     *Record // before it; nil for Added

	gone atomic.Pointer[Record]
}

// Gone is the object before the change, at the change's revision: what those are shown who lose sight of it.
func (e *Event) Gone() *Record {
	if g := e.gone.Load(); g != nil {
		return g
	}
	p := e.Prev
	g := &Record{Key: p.Key, Revision: e.Revision, Value: p.Value, Head: p.Head, table: p.table, fields: p.fields, foreign: p.foreign}
	g.form.Store(p.form.Load())
	g.inherit(p)
	if !e.gone.CompareAndSwap(nil, g) {
		g.release()
	}
	return e.gone.Load()
}

// Table is one resource's records and its part of the log.
type Table struct {
	cache    *Cache
	prefix   string
	resource *resource.Resource
	storage  *resource.Version
	storedAs object.Encoding
	fields   []string // selectable beyond name and namespace, sorted
	getters  []func(object.Object) string

	root atomic.Pointer[Tree]

	// Guarded by cache.mu.
	since   int64 // events after this revision are in the log
	at      int64 // the revision of the load, or of the latest event if that is newer
	log     []*Event
	base    uint64 // position of log[0]; positions count all events since the table was made
	life    uint64 // counts drops: a cursor of an earlier life is gone
	wake    chan struct{}
	awaited atomic.Bool // somebody holds wake
	loading bool
	stats   Stats         // Bytes, Events and Loads
	pending []store.Event // what the feed brought while the table was loading

	loadMu sync.Mutex
	loaded atomic.Bool
	ended  atomic.Bool // by Cache.Replace

	pmu      sync.Mutex
	prepared map[store.Key]*Record
}

func newTable(c *Cache, r *resource.Resource) *Table {
	t := &Table{cache: c, prefix: r.Prefix, resource: r, storage: r.Storage(), storedAs: object.JSON, wake: make(chan struct{})}
	if !t.storage.Codec.StoreJSON && t.storage.Codec.Can(object.Protobuf) {
		t.storedAs = object.Protobuf
	}
	getters := map[string]func(object.Object) string{}
	for i := range r.Versions {
		maps.Copy(getters, r.Versions[i].Fields) // all take the storage version
	}
	t.fields = slices.Sorted(maps.Keys(getters))
	for _, name := range t.fields {
		t.getters = append(t.getters, getters[name])
	}
	t.root.Store(&Tree{})
	return t
}

// load fills the table from the store. The feed goes on meanwhile: what it brings waits in pending, and what
// the list already has is skipped.
func (t *Table) load(ctx context.Context) error {
	t.loadMu.Lock()
	defer t.loadMu.Unlock()
	if t.loaded.Load() {
		return nil
	}
	c := t.cache
	c.mu.Lock()
	t.loading, t.pending = true, nil
	c.mu.Unlock()
	var rev, size int64
	var err error
	root := tree.Build(func(yield func(store.Key, *Record) bool) {
		rev, err = c.cfg.Store.List(ctx, store.Range{Prefix: t.prefix}, func(r store.Record) bool {
			size += int64(len(r.Value))
			return yield(r.Key, t.Record(r))
		})
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	t.loading = false
	if err != nil {
		t.pending = nil
		return err
	}
	t.root.Store(&root)
	t.since, t.at = rev, rev
	t.stats.Bytes = size
	t.stats.Loads++
	t.loaded.Store(true)
	for i := range t.pending {
		t.apply(&t.pending[i])
	}
	t.pending = nil
	return nil
}

// apply puts one event into tree and log. The caller holds cache.mu.
func (t *Table) apply(ev *store.Event) {
	if t.loading {
		t.pending = append(t.pending, *ev)
		return
	}
	if !t.loaded.Load() || ev.Revision <= t.at {
		return
	}
	root := *t.root.Load()
	prev, had := root.Get(ev.Key)
	e := &Event{Revision: ev.Revision}
	if had {
		e.Prev = prev
		prev.superseded()
	}
	switch {
	case ev.Value == nil:
		if !had {
			return
		}
		e.Type = watch.Deleted
		root = root.Delete(ev.Key)
	default:
		e.Type = watch.Added
		if had {
			e.Type = watch.Modified
		}
		e.Record = t.take(ev)
		root = root.Set(ev.Key, e.Record)
	}
	t.at = ev.Revision
	t.root.Store(&root)
	t.stats.Events++
	t.stats.Bytes += int64(len(ev.Value))
	if had {
		t.stats.Bytes -= int64(len(prev.Value))
	}
	t.log = append(t.log, e)
	t.cache.logs.push(t)
	t.cache.logSize += e.size()
}

// take is the record of an event: the one its writer prepared, or read from the bytes.
func (t *Table) take(ev *store.Event) *Record {
	t.pmu.Lock()
	r := t.prepared[ev.Key]
	if r != nil && r.Revision == 0 && bytes.Equal(r.Value, ev.Value) {
		delete(t.prepared, ev.Key)
	} else {
		r = nil
	}
	t.pmu.Unlock()
	if r == nil {
		return t.Record(store.Record{Key: ev.Key, Revision: ev.Revision, Value: ev.Value})
	}
	r.Revision = ev.Revision
	return r
}

// size is what the log is charged for an event: the object that only the log still holds, and its encodings.
func (e *Event) size() int64 {
	n := int64(256)
	if e.Prev != nil {
		n += 3 * int64(len(e.Prev.Value))
	}
	return n
}

// trim drops the oldest event of the log. The caller holds cache.mu.
func (t *Table) trim() {
	if len(t.log) == 0 {
		return
	}
	e := t.log[0]
	t.log[0] = nil
	t.log = t.log[1:]
	t.base++
	t.since = e.Revision
	t.cache.logSize -= e.size()
	if e.Prev != nil {
		e.Prev.release()
	}
	if g := e.gone.Load(); g != nil {
		g.release()
	}
}

// drop forgets everything. The caller holds cache.mu.
func (t *Table) drop() {
	t.base += uint64(len(t.log))
	t.log = nil
	t.life++
	t.loaded.Store(false)
	t.root.Store(&Tree{})
	t.wakeAll()
}

func (t *Table) wakeAll() {
	if !t.awaited.Swap(false) {
		return
	}
	close(t.wake)
	t.wake = make(chan struct{})
}

// Get returns the record at key, or nil.
func (t *Table) Get(key store.Key) *Record {
	r, _ := t.root.Load().Get(key)
	return r
}

// Latest is the revision of the table's last event, or of its load.
func (t *Table) Latest() int64 {
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	return t.at
}

// Len is the number of records.
func (t *Table) Len() int { return t.root.Load().Len() }

// Snapshot is a table at one revision.
type Snapshot struct {
	Tree     Tree
	Revision int64
}

// Snapshot is the latest state.
func (t *Table) Snapshot() Snapshot {
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	return t.snapshot()
}

func (t *Table) snapshot() Snapshot {
	return Snapshot{*t.root.Load(), max(t.cache.applied, t.at)}
}

// SnapshotAt is the state at a revision: the latest state with the later events undone, or, where the log does
// not reach back, what the store's history says. Errors: ErrGone; the revision must have been applied.
func (t *Table) SnapshotAt(ctx context.Context, revision int64) (Snapshot, error) {
	t.cache.mu.RLock()
	if t.loaded.Load() && revision >= t.since {
		root, later := *t.root.Load(), slices.Clone(t.log[t.after(revision):]) // the log is trimmed in place
		t.cache.mu.RUnlock()
		for _, e := range slices.Backward(later) {
			if e.Prev != nil {
				root = root.Set(e.Prev.Key, e.Prev)
			} else {
				root = root.Delete(e.Record.Key)
			}
		}
		return Snapshot{root, revision}, nil
	}
	t.cache.mu.RUnlock()
	return t.history(ctx, revision)
}

// after is the place in the log of the first event behind the revision. The caller holds cache.mu.
func (t *Table) after(revision int64) int {
	return sort.Search(len(t.log), func(i int) bool { return t.log[i].Revision > revision })
}

func (t *Table) history(ctx context.Context, revision int64) (Snapshot, error) {
	var err error
	latest := *t.root.Load()
	root := tree.Build(func(yield func(store.Key, *Record) bool) {
		_, err = t.cache.cfg.Store.List(ctx, store.Range{Prefix: t.prefix, Revision: revision}, func(r store.Record) bool {
			if now, ok := latest.Get(r.Key); ok && now.Revision == r.Revision {
				return yield(r.Key, now)
			}
			return yield(r.Key, t.Record(r))
		})
	})
	return Snapshot{root, revision}, err
}

// In yields the snapshot's records of a namespace (all of them when it is empty), from behind a key on.
func (s Snapshot) In(prefix, namespace string, after store.Key) iter.Seq[*Record] {
	from := store.Key{Prefix: prefix, Namespace: namespace}
	if after.Name != "" {
		from = after
	}
	return func(yield func(*Record) bool) {
		for k, r := range s.Tree.From(from) {
			if namespace != "" && k.Namespace != namespace {
				return
			}
			if k == after {
				continue
			}
			if !yield(r) {
				return
			}
		}
	}
}
