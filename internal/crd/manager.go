package crd

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store"
)

// Config is what a Manager stands on.
type Config struct {
	Engine  *engine.Engine
	Catalog *resource.Catalog
	// Builtin are the groups that are served whatever is defined.
	Builtin []resource.Group
	Schemas *schema.Builtin
	NewUID  func() types.UID // of conversion reviews
	Clock   func() time.Time
	Logger  *slog.Logger
	Metrics Metrics // nil: nobody counts
}

// Metrics count conversions by webhooks.
type Metrics interface {
	Conversion(crd, from, to string, succeeded bool, took time.Duration)
	// ConversionWebhook counts a call. failure is empty, or one of a few words.
	ConversionWebhook(failure string, took time.Duration)
}

// Manager serves what CustomResourceDefinitions define.
type Manager struct {
	cfg      Config
	crds     resource.Row // of the definitions themselves
	defs     map[string]*entry
	groups   map[string]resource.Group // of what byGroup has that is served
	webhooks *webhooks
	ending   sync.WaitGroup
	// byGroup is what defs holds, by group.
	byGroup map[string]map[string]*entry
	running atomic.Bool // Run was called
	start   sync.Once
	started chan struct{} // closed when the definitions that were there are in the catalog
	tab     atomic.Pointer[cache.Table]

	mu      sync.Mutex
	seen    int64 // events up to this revision are in the catalog
	waiters []waiter
}

type waiter struct {
	revision int64
	done     chan struct{}
}

// New returns a Manager; Run brings it to life. It is nil where definitions are not served.
func New(c Config) *Manager {
	row, ok := c.Catalog.Load().Lookup(v1.GroupName, "v1", "customresourcedefinitions")
	if !ok {
		return nil
	}
	m := &Manager{cfg: c, crds: row, started: make(chan struct{}), defs: map[string]*entry{}, byGroup: map[string]map[string]*entry{},
		groups: map[string]resource.Group{}}
	m.webhooks = newWebhooks(m, c.NewUID)
	m.webhooks.metrics = c.Metrics
	return m
}

func (m *Manager) request() *request.Request { return request.ByServer(m.cfg.Clock()) }

func (m *Manager) target(name, sub string) engine.Target {
	t := engine.Target{Resource: m.crds.Resource, Version: m.crds.Version, Name: name}
	if sub != "" {
		t.Sub = m.crds.Version.Sub(sub)
	}
	return t
}

// table is the definitions' table, which Run has loaded before anything is served.
func (m *Manager) table() *cache.Table { return m.tab.Load() }

// Begin says that Run is about to be called: from now on Settle waits for it.
func (m *Manager) Begin() {
	if m != nil {
		m.running.Store(true)
	}
}

// Run follows the definitions until ctx is done.
func (m *Manager) Run(ctx context.Context) {
	m.Begin()
	defer m.ending.Wait()
	for wait := 10 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		m.cfg.Logger.Warn("the watch of CustomResourceDefinitions ended", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// follow takes the definitions as they are, and then each change of them.
func (m *Manager) follow(ctx context.Context) error {
	table, err := m.cfg.Engine.Cache.Table(ctx, m.crds.Resource)
	if err != nil {
		return err
	}
	m.tab.Store(table)
	if err := m.cfg.Engine.Cache.Fresh(ctx); err != nil {
		return err
	}
	snap, cursor := table.SnapshotAndCursor()
	changed := map[string]*cache.Record{}
	for name := range m.defs {
		changed[name] = nil
	}
	for rec := range snap.In(m.crds.Resource.Prefix, "", store.Key{}) {
		changed[rec.Key.Name] = rec
	}
	m.take(ctx, changed)
	m.reached(snap.Revision)
	m.start.Do(func() { close(m.started) })
	var buf []*cache.Event
	for {
		events, drained, wake, err := cursor.Take(ctx, buf[:0], 256)
		if err != nil {
			return err
		}
		clear(changed)
		for _, e := range events {
			if e.Type == watch.Deleted {
				changed[e.Prev.Key.Name] = nil
			} else {
				changed[e.Record.Key.Name] = e.Record
			}
		}
		m.take(ctx, changed)
		if len(events) > 0 {
			m.reached(events[len(events)-1].Revision)
		}
		m.reached(drained)
		buf = events
		clear(buf)
		if wake == nil {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// news is a definition that has changed.
type news struct {
	name string
	rec  *cache.Record // nil: it is gone
	doc  *document
}

// take brings the catalog up to date with changed definitions (a nil record: gone). Definitions whose names or conditions
// are to be written are written, and taken as they are then.
func (m *Manager) take(ctx context.Context, changed map[string]*cache.Record) {
	batch := make([]news, 0, len(changed))
	for name, rec := range changed {
		if was := m.defs[name]; rec == nil || was == nil || was.rec.Revision < rec.Revision { // not taken as it was written
			batch = append(batch, news{name: name, rec: rec})
		}
	}
	slices.SortFunc(batch, func(a, b news) int { return strings.Compare(a.name, b.name) })
	groups := map[string]bool{} // in which something has changed for clients
	for len(batch) > 0 {
		free := map[string]bool{} // groups in which names have become free
		m.settle(ctx, batch, free, groups)
		for _, n := range batch {
			if n.doc != nil {
				m.one(ctx, n, free, groups)
			}
		}
		// Others may get the names that they want now, and free some of theirs.
		batch = batch[:0]
		for group := range free {
			for name, d := range m.byGroup[group] {
				if !sameNames(&d.wants, &d.has) {
					batch = append(batch, news{name: name, rec: d.rec})
				}
			}
		}
	}
	if len(groups) > 0 {
		m.publish(groups)
	}
}

// settle reads the definitions of a batch, and writes what is to be said in their status: in no order, so that the writes
// share syncs, but what each of them gets is decided in the batch's order. Definitions that are gone are let go of.
func (m *Manager) settle(ctx context.Context, batch []news, free, groups map[string]bool) {
	for _, n := range batch {
		if was := m.defs[n.name]; n.rec == nil && was != nil {
			delete(m.defs, n.name)
			if delete(m.byGroup[was.group], n.name); len(m.byGroup[was.group]) == 0 {
				delete(m.byGroup, was.group)
			}
			free[was.group] = true
			m.serve(n.name, was, nil, groups)
		}
	}
	promised := map[string]v1.CustomResourceDefinitionNames{} // by definition, to those before in the batch
	var writes sync.WaitGroup
	room := make(chan struct{}, settleAtOnce)
	for i := range batch {
		n := &batch[i]
		if n.rec == nil {
			continue
		}
		d, err := read(n.rec)
		if err != nil {
			m.cfg.Logger.Error("a CustomResourceDefinition cannot be read", "name", n.name, "err", err)
			continue
		}
		n.doc = d
		if !d.unsettled() {
			continue
		}
		t := m.taken(n.name, d, promised)
		promised[n.name], _ = acceptNames(d.Spec.Names, d.Status.AcceptedNames, t)
		room <- struct{}{}
		writes.Go(func() {
			m.write(ctx, n, t)
			<-room
		})
	}
	writes.Wait()
}

// settleAtOnce bounds the writes of status under way at once.
const settleAtOnce = 16

// taken are the names that a definition cannot have: those of the others in its group, and those that are about to be.
func (m *Manager) taken(name string, d *document, promised map[string]v1.CustomResourceDefinitionNames) taken {
	t := taken{map[string]bool{}, map[string]bool{}}
	for other, o := range m.byGroup[d.Spec.Group] {
		if other != name {
			t.add(&o.has)
		}
	}
	for other, has := range promised {
		if strings.HasSuffix(other, "."+d.Spec.Group) && other != name {
			t.add(&has)
		}
	}
	t.add(&d.Status.AcceptedNames)
	return t
}

// write writes what is to be said in a definition's status, and reads it as it is then; its doc is nil when it is gone.
func (m *Manager) write(ctx context.Context, n *news, t taken) {
	now, err := m.update(ctx, n.name, n.rec, func(crd *v1beta1.CustomResourceDefinition) bool {
		return settle(crd, t, m.cfg.Clock())
	})
	switch {
	case err != nil && ctx.Err() == nil:
		m.cfg.Logger.Error("a CustomResourceDefinition's status cannot be written", "name", n.name, "err", err)
	case now == nil:
		n.doc = nil // the event of its end comes
	case now != n.rec:
		n.rec = now
		if n.doc, err = read(now); err != nil {
			n.doc = nil
		}
	}
}

// one takes one definition as it is.
func (m *Manager) one(ctx context.Context, n news, free, groups map[string]bool) {
	was, d := m.defs[n.name], n.doc
	def := &entry{rec: n.rec, group: d.Spec.Group, generation: d.Metadata.Generation, wants: d.Spec.Names, has: d.Status.AcceptedNames}
	if was != nil {
		def.ending = was.ending && was.rec.Head.UID == n.rec.Head.UID
		if !sameNames(&was.has, &def.has) {
			free[def.group] = true
		}
	}
	m.defs[n.name] = def
	if m.byGroup[def.group] == nil {
		m.byGroup[def.group] = map[string]*entry{}
	}
	m.byGroup[def.group][n.name] = def
	m.serve(n.name, was, m.made(was, def, d), groups)
	if d.dying() && !def.ending {
		def.ending = true
		m.ending.Go(func() { m.end(ctx, n.name, n.rec.Head.UID) })
	}
}

// made is the resource of a definition, the same as before where nothing that it is made of has changed.
func (m *Manager) made(was, def *entry, d *document) *resource.Resource {
	if !d.served() {
		return nil
	}
	closing := d.is(v1.Terminating)
	r := (*resource.Resource)(nil)
	if was != nil && was.resource != nil && was.rec.Head.UID == def.rec.Head.UID && was.generation == def.generation && reflect.DeepEqual(was.has, def.has) {
		def.converter = was.converter
		if r = was.resource; r.Rules.Closing == closing {
			return r
		}
		again := *r // its versions stay the same
		r = &again
	} else {
		r, def.converter = m.resourceOf(d, def.rec)
	}
	r.Rules.Closing = closing
	return r
}

// serve puts a definition's resource into its group, or takes it out (nil).
func (m *Manager) serve(name string, was *entry, r *resource.Resource, groups map[string]bool) {
	var before *resource.Resource
	if was != nil {
		before = was.resource
	}
	def := m.defs[name]
	if def != nil {
		def.resource = r
	}
	if was != nil && was.converter != nil && (def == nil || def.converter != was.converter) {
		was.converter.Close()
	}
	if r == before {
		return
	}
	c := m.cfg.Engine.Cache
	if r == nil {
		groups[was.group] = true
		c.Replace(before.Prefix, nil)
		return
	}
	groups[def.group] = true
	if before == nil || &before.Versions[0] != &r.Versions[0] {
		c.Replace(r.Prefix, r)
	}
	if before != nil && before.Prefix != r.Prefix {
		c.Replace(before.Prefix, nil)
	}
}

// publish sets the catalog.
func (m *Manager) publish(changed map[string]bool) {
	for name := range changed {
		if m.groups[name] = groupOf(name, m.byGroup[name]); len(m.groups[name].Versions) == 0 {
			delete(m.groups, name)
		}
	}
	all := slices.Clone(m.cfg.Builtin)
	custom := make([]resource.Group, 0, len(m.groups))
	for name, g := range m.groups {
		if i := slices.IndexFunc(all, func(b resource.Group) bool { return b.Name == name }); i >= 0 {
			all[i] = joined(all[i], g)
			continue
		}
		custom = append(custom, g)
	}
	resource.SortGroups(custom)
	m.cfg.Catalog.Set(append(all, custom...))
}

// groupOf lists by version what is served of a group's definitions.
func groupOf(name string, defs map[string]*entry) resource.Group {
	byVersion := map[string][]resource.Row{}
	for _, def := range defs {
		r := def.resource
		if r == nil {
			continue
		}
		for i := range r.Versions {
			if v := &r.Versions[i]; v.Served {
				byVersion[v.Name] = append(byVersion[v.Name], resource.Row{Resource: r, Version: v})
			}
		}
	}
	versions := make([]resource.GroupVersion, 0, len(byVersion))
	for v, rows := range byVersion {
		resource.SortRows(rows)
		versions = append(versions, resource.GroupVersion{Name: v, Rows: rows})
	}
	resource.SortGroupVersions(versions)
	return resource.NewGroup(name, versions)
}

// joined adds the versions of custom resources to a built-in group. A version that is built in is not added to.
func joined(builtin, custom resource.Group) resource.Group {
	versions := slices.Clone(builtin.Versions)
	for _, v := range custom.Versions {
		if !slices.ContainsFunc(versions, func(b resource.GroupVersion) bool { return b.Name == v.Name }) {
			versions = append(versions, v)
		}
	}
	return resource.NewGroup(builtin.Name, versions)
}

// update writes a definition's status as change makes it, as often as somebody else is faster, unless change says that
// there is nothing to write. It returns the record that results; nil: the definition is gone.
func (m *Manager) update(ctx context.Context, name string, rec *cache.Record, change func(*v1beta1.CustomResourceDefinition) bool) (*cache.Record, error) {
	served, storage := m.crds.Version, m.crds.Resource.Storage()
	gone := false
	res, err := m.cfg.Engine.Change(ctx, m.request(), m.target(name, "status"), request.ServerManager, func(old object.Object) (object.Object, error) {
		if gone = old.GetUID() != rec.Head.UID; gone {
			return nil, nil // another one of the name, whose events come
		}
		obj, err := resource.Convert(ctx, old, served, storage)
		if err != nil {
			return nil, err
		}
		crd := obj.(*v1beta1.CustomResourceDefinition)
		crd.ObjectMeta, crd.Status = *crd.ObjectMeta.DeepCopy(), *crd.Status.DeepCopy()
		if !change(crd) {
			return nil, nil
		}
		return resource.Convert(ctx, crd, storage, served)
	})
	switch {
	case gone, apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return rec, err
	}
	return res.Record, nil
}

// reached wakes those who wait for what was committed up to revision.
func (m *Manager) reached(revision int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision <= m.seen {
		return
	}
	m.seen = revision
	m.waiters = slices.DeleteFunc(m.waiters, func(w waiter) bool {
		if w.revision <= revision {
			close(w.done)
			return true
		}
		return false
	})
}

// Settle waits until the Catalog has every change of definitions that this server has seen; when fresh, every one that
// was committed before the call, by whatever server.
func (m *Manager) Settle(ctx context.Context, fresh bool) error {
	if m == nil || !m.running.Load() {
		return nil // nobody follows them
	}
	select {
	case <-m.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	if fresh {
		if err := m.cfg.Engine.Cache.Fresh(ctx); err != nil {
			return err
		}
	}
	want := m.table().Latest()
	m.mu.Lock()
	if m.seen >= want {
		m.mu.Unlock()
		return nil
	}
	w := waiter{want, make(chan struct{})}
	m.waiters = append(m.waiters, w)
	m.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
