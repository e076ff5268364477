package patch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// maxUpdateManagers is how many entries of operation Update an object may have; the oldest are merged.
const (
	maxUpdateManagers = 10
	ancientManager    = "ancient-changes"
	beforeApply       = "before-first-apply"
)

// entry is one of an object's managedFields. An applier is one whatever version it applies in, an updater is
// another one in each version.
type entry struct {
	manager     string
	operation   metav1.ManagedFieldsOperationType
	version     string
	subresource string
	time        *metav1.Time
	set         []node
	raw         *metav1.FieldsV1 // set as it was written, nil once it has changed
	tree        map[string]any   // the same of a tree
}

func (e *entry) applied() bool { return e.operation == metav1.ManagedFieldsOperationApply }

// same says whether both are of one manager.
func (e *entry) same(o *entry) bool {
	return e.manager == o.manager && e.operation == o.operation && e.subresource == o.subresource &&
		(e.applied() || e.version == o.version)
}

func (e *entry) become(set []node) { e.set, e.raw, e.tree = set, nil, nil }

// id orders managers where the reference orders them by their identities, which are JSON.
func (e *entry) id() string {
	id := metav1.ManagedFieldsEntry{Manager: e.manager, Operation: e.operation, Subresource: e.subresource}
	if !e.applied() {
		id.APIVersion = e.version
	}
	b, _ := json.Marshal(id)
	return string(b)
}

// requested is the managedFields that a request starts from: those it sends along, unless they mean nothing or
// it writes through a subresource; else the live ones.
func requested(mem *arena, live, new object.Object, subresource bool) []entry {
	old := list(live)
	if !subresource {
		sent := list(new)
		if sent.isReset() {
			return nil
		}
		if entries, err := decodeEntries(mem, sent, old); err == nil && len(entries) > 0 {
			return entries
		}
	}
	entries, err := decodeEntries(mem, old, old)
	if err != nil {
		return nil
	}
	return entries
}

// decodeEntries reads entries. Sets that trusted has too were written by the server and keep their bytes;
// others are written anew.
func decodeEntries(mem *arena, in, trusted listed) ([]entry, error) {
	out := make([]entry, 0, len(in.entries)+1)
	for i := range in.entries {
		f := &in.entries[i]
		if f.Operation != metav1.ManagedFieldsOperationApply && f.Operation != metav1.ManagedFieldsOperationUpdate {
			return nil, fmt.Errorf("operation must be `Apply` or `Update`")
		}
		if f.APIVersion == "" {
			return nil, fmt.Errorf("apiVersion must not be empty")
		}
		switch f.FieldsType {
		case "FieldsV1":
		case "":
			return nil, fmt.Errorf("missing fieldsType in managed fields entry %d", i)
		default:
			return nil, fmt.Errorf("invalid fieldsType %q in managed fields entry %d", f.FieldsType, i)
		}
		e := entry{manager: f.Manager, operation: f.Operation, version: f.APIVersion, subresource: f.Subresource, time: f.Time}
		if f.FieldsV1 != nil {
			raw := f.FieldsV1.GetRawBytes()
			set, err := parseSet(mem, unsafe.String(unsafe.SliceData(raw), len(raw)))
			if err != nil {
				return nil, fmt.Errorf("error decoding versioned set from %v: %v", *f, fmt.Errorf("error decoding set: %v", err))
			}
			e.set = set
			if i < len(trusted.entries) && sameFields(trusted.entries[i].FieldsV1, f.FieldsV1) {
				e.raw = f.FieldsV1
			}
		} else if tree := in.tree(i); tree != nil {
			set, err := setOfTree(mem, tree)
			if err != nil {
				return nil, fmt.Errorf("error decoding versioned set from %v: %v", *f, fmt.Errorf("error decoding set: %v", err))
			}
			e.set = set
			if i < len(trusted.trees) && trusted.trees[i] != nil && equalTrees(trusted.trees[i], tree) {
				e.tree = tree
			}
		}
		if at := slices.IndexFunc(out, func(o entry) bool { return o.same(&e) }); at >= 0 {
			out[at] = e
		} else {
			out = append(out, e)
		}
	}
	return out, nil
}

// encodeEntries writes entries in their order: appliers first, then by time.
func encodeEntries(in []entry) []metav1.ManagedFieldsEntry {
	if len(in) == 0 {
		return nil
	}
	sortEntries(in)
	out := make([]metav1.ManagedFieldsEntry, len(in))
	for i := range in {
		e := &in[i]
		out[i] = metav1.ManagedFieldsEntry{Manager: e.manager, Operation: e.operation, APIVersion: e.version, Time: e.time,
			FieldsType: "FieldsV1", FieldsV1: e.raw, Subresource: e.subresource}
		if e.raw == nil {
			raw := appendSet(make([]byte, 0, 16+24*len(e.set)), e.set)
			out[i].FieldsV1 = &metav1.FieldsV1{}
			out[i].FieldsV1.SetRawBytes(raw)
		}
	}
	return out
}

func seconds(t *metav1.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Unix()
}

// capUpdates merges the oldest updaters of each version until there are few enough.
func capUpdates(entries []entry) []entry {
	var updaters []entry
	for _, e := range entries {
		if !e.applied() {
			updaters = append(updaters, e)
		}
	}
	if len(updaters) <= maxUpdateManagers {
		return entries
	}
	slices.SortFunc(updaters, func(a, b entry) int {
		if x, y := seconds(a.time), seconds(b.time); x != y {
			return int(max(-1, min(1, x-y)))
		}
		return strings.Compare(a.id(), b.id())
	})
	index := func(of *entry) int { return slices.IndexFunc(entries, func(e entry) bool { return e.same(of) }) }
	first := map[string]*entry{} // by version: the oldest, which becomes the bucket when a second is found
	left := len(updaters)
	for i := 0; i < len(updaters) && left > maxUpdateManagers; i++ {
		e := &updaters[i]
		oldest, ok := first[e.version]
		if !ok {
			first[e.version] = e
			continue
		}
		bucket := entry{manager: ancientManager, operation: metav1.ManagedFieldsOperationUpdate, version: e.version}
		if index(&bucket) < 0 {
			at := index(oldest)
			bucket.set, bucket.raw, bucket.tree = entries[at].set, entries[at].raw, entries[at].tree
			entries[at] = bucket
		}
		at := index(&bucket)
		entries[at].become(union(nil, e.set, entries[at].set))
		entries[at].time = e.time // the newer one
		// (An older bucket that is not the oldest of its version loses what it has: so the reference does it.)
		from := index(e)
		entries = slices.Delete(entries, from, from+1)
		left--
	}
	return entries
}

// stripped are the paths that no manager is given.
var stripped = sync.OnceValue(func() []node {
	meta := make([]node, 0, len(serverOwned))
	for _, name := range serverOwned {
		meta = append(meta, node{elem: fieldElem(name), mark: member})
	}
	out := []node{{elem: fieldElem("apiVersion"), mark: member}, {elem: fieldElem("kind"), mark: member}}
	return append(append(out, node{elem: fieldElem("metadata"), mark: member, size: int32(len(meta))}), meta...)
})

// stale says whether the schema has made atomic what the set has paths below of.
func stale(set []node, s *schema.Schema) bool {
	for i := 0; i < len(set); i = next(set, i) {
		sub, ok := below(set, i), true
		if len(sub) == 0 {
			continue
		}
		var c *schema.Schema
		if c, ok = stepSchema(s, set[i].elem); !ok {
			continue
		}
		if collapses(c) || stale(sub, c) {
			return true
		}
	}
	return false
}

// reconcile appends the set, with what lies below paths that the schema has made atomic replaced by these paths.
func reconcile(out, set []node, s *schema.Schema) []node {
	for i := 0; i < len(set); i = next(set, i) {
		c, ok := stepSchema(s, set[i].elem)
		if set[i].size == 0 || !ok {
			out = append(out, set[i:next(set, i)]...)
			continue
		}
		at := len(out)
		out = append(out, node{elem: set[i].elem})
		if collapses(c) {
			out[at].mark = member
			continue
		}
		out = reconcile(out, below(set, i), c)
		out = closeNode(out, at, set[i].mark)
	}
	return out
}

func collapses(s *schema.Schema) bool {
	switch {
	case s == nil:
		return false
	case s.Type == schema.List:
		return s.ListType == schema.ListAtomic
	}
	return s.Atomic
}

// stepSchema is the schema behind a step; ok is false where schemas don't reach.
func stepSchema(s *schema.Schema, e elem) (c *schema.Schema, ok bool) {
	switch {
	case s == nil:
		return nil, false
	case isMapType(s):
		c = childSchema(s, e.name)
	case s.Type == schema.List:
		c = s.Items
	}
	return c, c != nil
}
