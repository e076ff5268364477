package patch

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// Tracker keeps metadata.managedFields. It holds nothing but the compiled plans of the types it has met, and
// may be used by any number of goroutines.
type Tracker struct {
	plans  sync.Map  // planKey: *plan
	arenas sync.Pool // *arena
}

// NewTracker returns an empty Tracker.
func NewTracker() *Tracker { return &Tracker{} }

// Manager is who writes, and when.
type Manager struct {
	Name        string      // empty: "unknown"
	Subresource string      // the subresource written through; its requests can't touch managedFields themselves
	APIVersion  string      // of the request: the version that its object is in
	Time        metav1.Time // of the request
}

// Converter returns the object in another version of its kind, with the schema there. It is asked about the
// versions that managedFields entries name, and answers ErrMissingVersion for one that the kind does not have.
type Converter func(obj object.Object, apiVersion string) (object.Object, *schema.Schema, error)

// ErrMissingVersion says that a kind has no such version: entries that name it are dropped.
var ErrMissingVersion = errors.New("no such version")

// Update says in new's managedFields that m has made new out of live, by anything but an apply. live is nil when
// new is being created; reset are the paths that the request can't change, whatever new says.
//
// When that can't be done, new has no managedFields afterwards; the error is only worth a line in a log, since
// the reference answers no request with it.
func (t *Tracker) Update(s *schema.Schema, live, new object.Object, m Manager, reset schema.Paths, conv Converter) error {
	mem := t.arena()
	defer t.release(mem)
	entries := requested(mem, live, new, m.Subresource != "")
	if len(entries) == 0 && live != nil && live.GetUID() != "" {
		// Nobody ever managed the object, or somebody resets it: it stays untracked until it is applied to.
		new.SetManagedFields(nil)
		return nil
	}
	out, err := t.update(mem, entries, s, live, new, m, reset, conv)
	if err != nil {
		new.SetManagedFields(nil)
		return err
	}
	setEntries(new, out)
	return nil
}

func (t *Tracker) update(mem *arena, entries []entry, s *schema.Schema, live, new object.Object, m Manager, reset schema.Paths, conv Converter) ([]entry, error) {
	c := change{tracker: t, mem: mem, schema: s, live: live, new: new, version: m.APIVersion, reset: reset, conv: conv}
	entries, diff, err := c.settle(entries, nil)
	if err != nil {
		return nil, err
	}
	own := mem.keep(pick(mem.begin(), diff, added|modified))
	if intersects(own, stripped(), member) {
		own = mem.keep(subtract(mem.begin(), own, stripped(), member))
	}
	if len(own) > 0 {
		entries = addTo(mem, entries, m, own)
	}
	return capUpdates(entries), nil
}

// addTo gives m the paths of own, beside those it has.
func addTo(mem *arena, entries []entry, m Manager, own []node) []entry {
	self := entry{manager: m.name(), operation: metav1.ManagedFieldsOperationUpdate, version: m.APIVersion, subresource: m.Subresource}
	for i := range entries {
		if e := &entries[i]; e.same(&self) {
			e.become(mem.keep(union(mem.begin(), own, e.set)))
			e.time = m.time()
			return entries
		}
	}
	self.become(own)
	self.time = m.time()
	return append(entries, self)
}

func (m *Manager) name() string {
	if m.Name == "" {
		return "unknown"
	}
	return m.Name
}

func (m *Manager) time() *metav1.Time {
	t := metav1.NewTime(m.Time.UTC())
	return &t
}

// change is one step from live to new, seen in as many versions as there are entries in.
type change struct {
	tracker   *Tracker
	mem       *arena
	schema    *schema.Schema
	live, new object.Object
	version   string
	reset     schema.Paths
	conv      Converter
	valid     bool // live and new need no validation

	seen map[string]seen // by version
}

type seen struct {
	live   object.Object
	schema *schema.Schema
	diff   []node
	err    error
}

// in returns the change in an entry's version.
func (c *change) in(version string) seen {
	if s, ok := c.seen[version]; ok {
		return s
	}
	s := c.look(version)
	if c.seen == nil {
		c.seen = map[string]seen{}
	}
	c.seen[version] = s
	return s
}

func (c *change) look(version string) seen {
	if version == c.version {
		s := seen{live: c.live, schema: c.schema}
		s.diff, s.err = c.tracker.diff(c.mem, c.schema, c.live, c.new, c.reset, c.valid)
		return s
	}
	if c.conv == nil {
		return seen{err: ErrMissingVersion}
	}
	new, sc, err := c.conv(c.new, version)
	if err != nil {
		return seen{err: err}
	}
	var live object.Object
	if c.live != nil {
		if live, _, err = c.conv(c.live, version); err != nil {
			return seen{err: err}
		}
	}
	if err := c.tracker.valid(sc, live); err != nil {
		return seen{err: fmt.Errorf("failed to convert old object: %w", err)}
	}
	if err := c.tracker.valid(sc, new); err != nil {
		return seen{err: fmt.Errorf("failed to convert new object: %w", err)}
	}
	s := seen{live: live, schema: sc}
	s.diff, s.err = c.tracker.diff(c.mem, sc, live, new, c.reset, false)
	return s
}

// settle takes from all entries but skip what the change has changed, added or removed, and returns those that
// still have something, with the change in the request's version.
func (c *change) settle(entries []entry, skip *entry) ([]entry, []node, error) {
	own := c.in(c.version)
	if own.err != nil {
		return nil, nil, own.err
	}
	kept := entries[:0]
	for _, e := range entries {
		if skip == nil || !e.same(skip) {
			s := c.in(e.version)
			if errors.Is(s.err, ErrMissingVersion) {
				continue
			}
			if s.err != nil {
				return nil, nil, s.err
			}
			if stale(e.set, s.schema) {
				e.become(c.mem.keep(reconcile(c.mem.begin(), e.set, s.schema)))
			}
			if intersects(e.set, s.diff, anyChange) {
				e.become(c.mem.keep(subtract(c.mem.begin(), e.set, s.diff, anyChange)))
			}
		}
		if len(e.set) > 0 {
			kept = append(kept, e)
		}
	}
	return kept, own.diff, nil
}

// valid says how an object that was converted for an entry's sake is not of its schema. Of such objects, the
// reference wants more than of others: no duplicates.
func (t *Tracker) valid(s *schema.Schema, o object.Object) error {
	if o == nil {
		return nil
	}
	return validate(s, t.Tree(o), false)
}

// diff compares two objects of one version; a nil live is an empty one.
func (t *Tracker) diff(mem *arena, s *schema.Schema, live, new object.Object, reset schema.Paths, valid bool) ([]node, error) {
	d := differ{nodes: mem.begin(), keys: mem.keys}
	if u, ok := new.(*unstructured.Unstructured); ok {
		var old map[string]any
		if live != nil {
			old = live.(*unstructured.Unstructured).Object
		}
		if !valid {
			if err := validate(s, u.Object, true); err != nil {
				return nil, err
			}
			if err := validate(s, old, true); err != nil {
				return nil, err
			}
		}
		d.treeMaps(s, old, u.Object)
	} else {
		pl := t.plan(reflect.TypeOf(new).Elem(), s)
		var old unsafe.Pointer
		if live != nil {
			if reflect.TypeOf(live) != reflect.TypeOf(new) {
				return nil, fmt.Errorf("cannot compare a %T with a %T", live, new)
			}
			old = reflect.ValueOf(live).UnsafePointer()
		} else {
			old = reflect.New(pl.typ).UnsafePointer()
		}
		d.fields(pl, old, reflect.ValueOf(new).UnsafePointer())
	}
	mem.keys = d.keys
	if d.err != nil {
		return nil, d.err
	}
	out := mem.keep(d.nodes)
	if len(reset) > 0 {
		out = mem.keep(without(mem.begin(), out, reset))
	}
	return out, nil
}

// plan returns the plan of the objects of one Go type.
func (t *Tracker) plan(typ reflect.Type, s *schema.Schema) *plan {
	key := planKey{typ, s, true}
	if pl, ok := t.plans.Load(key); ok {
		return pl.(*plan)
	}
	pl, _ := t.plans.LoadOrStore(key, compilePlan(typ, s, true))
	return pl.(*plan)
}
