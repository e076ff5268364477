package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Apply merges an applied configuration into live and says so in the result's managedFields. live is in m's
// version and names its kind; it has no UID when the apply creates it. Fields that m applied before and does not
// any more are removed, unless somebody else has them.
//
// An apply that changes nothing returns a copy of live with its managedFields; any other result is given to defaults, if
// that is not nil.
// Errors are for the client: fields that others have and that are not forced are an apierrors conflict, one cause
// each; what is no Status is the request's failure as the reference has it, an internal error.
func (t *Tracker) Apply(s *schema.Schema, live object.Object, config map[string]any, m Manager, force bool, reset schema.Paths, conv Converter, defaults func(object.Object)) (object.Object, error) {
	mem := t.arena()
	defer t.release(mem)
	a := applier{tracker: t, mem: mem, schema: s, live: live, config: config, manager: m, reset: reset, conv: conv, defaults: defaults}
	old := list(live)
	entries, err := decodeEntries(mem, old, old)
	if err != nil {
		return nil, fmt.Errorf("failed to decode managed fields: %v", err)
	}
	out, entries, err := a.upgrade(entries, force)
	if err != nil {
		if c, ok := err.(conflicts); ok {
			return nil, c.status()
		}
		return nil, err
	}
	if m.Name == "kubectl" && out.GetAnnotations()[lastApplied] != "" {
		if err := a.rememberApplied(out); err != nil {
			return nil, err
		}
	}
	setEntries(out, entries)
	return out, nil
}

type applier struct {
	tracker *Tracker
	schema  *schema.Schema
	live    object.Object
	config  map[string]any
	manager Manager
	reset   schema.Paths
	conv    Converter
	mem     *arena

	defaults func(object.Object) // may be nil
}

// upgrade applies. To kubectl, fields that kubectl's client-side apply set and nobody changed since are no conflict.
func (a *applier) upgrade(entries []entry, force bool) (object.Object, []entry, error) {
	if err := a.checkKind(); err != nil {
		return nil, nil, err
	}
	out, done, err := a.apply(entries, force)
	c, isConflict := err.(conflicts)
	if a.manager.Name != "kubectl" || !isConflict {
		return out, done, err
	}
	allowed, lookErr := a.clientApplied()
	if lookErr != nil {
		return nil, nil, err
	}
	c = slices.DeleteFunc(c, func(c conflict) bool { return has(allowed, c.path) })
	if len(c) > 0 {
		return nil, nil, c
	}
	return a.apply(entries, true)
}

func (a *applier) checkKind() error {
	u := unstructured.Unstructured{Object: a.config}
	want := a.live.GetObjectKind().GroupVersionKind()
	if got := u.GroupVersionKind(); got.Kind != want.Kind || got.GroupVersion().String() != a.manager.APIVersion {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid object type: %v", got))
	}
	return nil
}

// apply is one try.
func (a *applier) apply(in []entry, force bool) (object.Object, []entry, error) {
	entries := slices.Clone(in)
	if len(entries) == 0 {
		// Whoever made the object what it is now was not tracked.
		before := a.manager
		before.Name = beforeApply
		var err error
		if entries, err = a.tracker.update(a.mem, nil, a.schema, nil, a.live, before, a.reset, a.conv); err != nil {
			if invalid := validate(a.schema, a.tracker.Tree(a.live), true); invalid != nil {
				err = fmt.Errorf("failed to convert new object (%s) to smd typed: %v", describe(a.live), invalid)
			}
			return nil, nil, fmt.Errorf("failed to create manager for existing fields: %w", err)
		}
	}
	u := unstructured.Unstructured{Object: a.config}
	if u.GetManagedFields() != nil {
		return nil, nil, apierrors.NewBadRequest("metadata.managedFields must be nil")
	}
	if err := validate(a.schema, a.config, false); err != nil {
		return nil, nil, fmt.Errorf("failed to create typed patch object (%s): %w", describe(&u), err)
	}
	live := a.tracker.Tree(a.live)
	if err := validate(a.schema, live, true); err != nil {
		return nil, nil, fmt.Errorf("failed to create typed live object (%s): %w", describe(a.live), err)
	}

	self := entry{manager: a.manager.name(), operation: metav1.ManagedFieldsOperationApply, version: a.manager.APIVersion, subresource: a.manager.Subresource}
	kept := entries[:0]
	var last entry
	for _, e := range entries { // entries of versions that are no more are dropped before anything else
		if e.same(&self) {
			self.time = e.time
		}
		sc, err := a.schemaIn(e.version)
		if errors.Is(err, ErrMissingVersion) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if stale(e.set, sc) {
			e.become(a.mem.keep(reconcile(a.mem.begin(), e.set, sc)))
		}
		if e.same(&self) {
			last = e
			continue
		}
		kept = append(kept, e)
	}
	set := a.set(a.schema, a.config)
	if len(a.reset) > 0 {
		set = a.mem.keep(without(a.mem.begin(), set, a.reset))
	}
	self.become(set)
	entries = append(kept, self)

	merged, _ := mergeTrees(a.schema, live, a.config, true, true)
	tree, _ := merged.(map[string]any)
	// Who applies all that he applied before has nothing to take back. (Between versions, only prune can tell.)
	if len(last.set) > 0 && (last.version != self.version || !contains(self.set, last.set) ||
		slices.ContainsFunc(entries, func(e entry) bool { return e.version != self.version })) {
		var err error
		if tree, err = a.prune(tree, entries, last); err != nil {
			return nil, nil, fmt.Errorf("failed to prune fields: %w", err)
		}
	}
	entries, err := a.settle(entries, &self, live, tree, force)
	if err != nil {
		return nil, nil, err
	}
	return a.finish(entries, &self, live, tree)
}

// settle takes from the others what the apply changes, or finds that it may not.
func (a *applier) settle(entries []entry, self *entry, live, tree map[string]any, force bool) ([]entry, error) {
	c := change{tracker: a.tracker, mem: a.mem, schema: a.schema, live: &unstructured.Unstructured{Object: live}, new: &unstructured.Unstructured{Object: tree},
		version: a.manager.APIVersion, reset: a.reset, conv: a.convTree, valid: true}
	if own := c.in(a.manager.APIVersion); own.err != nil {
		if invalid := validate(a.schema, tree, true); invalid != nil { // pruning has left a null where none may be
			return nil, fmt.Errorf("failed to compare objects: %w", invalid)
		}
		return nil, fmt.Errorf("failed to compare objects: %w", own.err)
	}
	var cs conflicts
	if !force {
		for i := range entries {
			e := &entries[i]
			if e.same(self) {
				continue
			}
			d := c.in(e.version)
			if d.err != nil {
				if errors.Is(d.err, ErrMissingVersion) {
					continue
				}
				return nil, d.err
			}
			each(a.mem.keep(intersect(a.mem.begin(), e.set, d.diff, added|modified)), nil, func(path []elem) {
				cs = append(cs, conflict{*e, slices.Clone(path)})
			})
		}
	}
	if len(cs) > 0 {
		slices.SortStableFunc(cs, func(x, y conflict) int { return strings.Compare(x.with.id(), y.with.id()) })
		return nil, cs
	}
	entries, _, err := c.settle(entries, self)
	return entries, err
}

// finish makes the result out of the merged tree.
func (a *applier) finish(entries []entry, self *entry, live, tree map[string]any) (object.Object, []entry, error) {
	changed := !equalTrees(live, tree)
	for i := range entries {
		e := &entries[i]
		if !e.same(self) {
			continue
		}
		if intersects(e.set, stripped(), member) {
			e.become(a.mem.keep(subtract(a.mem.begin(), e.set, stripped(), member)))
		}
		if changed {
			e.time = a.manager.time()
		}
		if len(e.set) == 0 {
			entries = slices.Delete(entries, i, i+1)
		}
		break
	}
	if !changed {
		return a.live.DeepCopyObject().(object.Object), entries, nil
	}
	out, err := fromTree(a.live, tree)
	if err != nil {
		u := unstructured.Unstructured{Object: a.config}
		return nil, nil, fmt.Errorf("failed to convert new object (%s) to proper version: unable to convert unstructured object to %v: %w", describe(&u), u.GroupVersionKind(), err)
	}
	if a.defaults != nil {
		a.defaults(out)
	}
	return out, entries, nil
}

// set is fieldSet, and named is named, in the applier's memory.
func (a *applier) set(s *schema.Schema, v any) []node {
	return a.mem.keep(fieldSet(a.mem.begin(), s, v))
}

func (a *applier) named(set []node, s *schema.Schema) []node {
	set = a.mem.keep(append(a.mem.begin(), set...))
	markNamed(set, s, true)
	return set
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// Tree returns the object as a tree without its managedFields. It shares values with the object.
func (t *Tracker) Tree(obj object.Object) map[string]any {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		meta, _ := u.Object["metadata"].(map[string]any)
		if _, ok := meta["managedFields"]; !ok {
			return u.Object
		}
		out := make(map[string]any, len(u.Object))
		for k, v := range u.Object {
			out[k] = v
		}
		inner := make(map[string]any, len(meta))
		for k, v := range meta {
			if k != "managedFields" {
				inner[k] = v
			}
		}
		out["metadata"] = inner
		return out
	}
	return asMap(t.shapeOf(reflect.TypeOf(obj).Elem()).tree(reflect.ValueOf(bare(obj)).UnsafePointer()))
}

// shapeOf is the plan of a type without a schema: it only tells the fields.
func (t *Tracker) shapeOf(typ reflect.Type) *plan {
	key := planKey{typ: typ}
	if pl, ok := t.plans.Load(key); ok {
		return pl.(*plan)
	}
	pl, _ := t.plans.LoadOrStore(key, compilePlan(typ, nil, false))
	return pl.(*plan)
}

// fromTree makes an object like one.
func fromTree(like object.Object, tree map[string]any) (object.Object, error) {
	if _, ok := like.(*unstructured.Unstructured); ok {
		return &unstructured.Unstructured{Object: runtime.DeepCopyJSON(tree)}, nil
	}
	out := reflect.New(reflect.TypeOf(like).Elem()).Interface().(object.Object)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(tree, out); err != nil {
		return nil, err
	}
	return out, nil
}

// describe names an object in messages.
func describe(o object.Object) string {
	return fmt.Sprintf("%v/%v; %v", o.GetNamespace(), o.GetName(), o.GetObjectKind().GroupVersionKind())
}

// clientApplied is what kubectl's client-side apply set and nobody has changed since.
func (a *applier) clientApplied() ([]node, error) {
	text := a.live.GetAnnotations()[lastApplied]
	if text == "" {
		return nil, errors.New("no last applied annotation")
	}
	live := a.tracker.Tree(a.live)
	if err := validate(a.schema, live, false); err != nil {
		return nil, err
	}
	var u unstructured.Unstructured
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		return nil, err
	}
	if u.GetAPIVersion() != a.manager.APIVersion {
		return nil, errors.New("last applied in another version")
	}
	if err := validate(a.schema, u.Object, false); err != nil {
		return nil, err
	}
	diff, err := a.tracker.diff(a.mem, a.schema, &u, &unstructured.Unstructured{Object: live}, nil, true)
	if err != nil {
		return nil, err
	}
	set := a.set(a.schema, u.Object)
	return a.mem.keep(subtract(a.mem.begin(), set, diff, anyChange)), nil
}

// rememberApplied keeps kubectl's annotation in step, for clients that still apply on their side.
func (a *applier) rememberApplied(out object.Object) error {
	config := unstructured.Unstructured{Object: runtime.DeepCopyJSON(a.config)}
	annotations := config.GetAnnotations()
	delete(annotations, lastApplied)
	config.SetAnnotations(annotations)
	text, err := runtime.Encode(unstructured.UnstructuredJSONScheme, &config)
	if err != nil {
		return fmt.Errorf("failed to build last-applied annotation: couldn't encode object into last applied annotation: %w", err)
	}
	annotations = out.GetAnnotations()
	annotations[lastApplied] = string(text)
	if apivalidation.ValidateAnnotationsSize(annotations) != nil {
		delete(annotations, lastApplied)
	}
	out.SetAnnotations(annotations)
	return nil
}
