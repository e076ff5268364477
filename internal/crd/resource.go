package crd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store"
)

// kind is a custom kind as its hooks see it.
type kind struct {
	m         *Manager
	name      string // of the definition
	uid       types.UID
	group     string
	kind      string
	converter *converter
	versions  []kindVersion // as those of the resource
}

// kindVersion is what one version of a kind has beside its resource.Version.
type kindVersion struct {
	name   string
	status bool
	// statusDefault says that an object without a status gets one from the schema.
	statusDefault func() bool
	scale         *v1.CustomResourceSubresourceScale
	schema        func() *schema.Custom
}

// resourceOf makes the resource that a served definition is.
func (m *Manager) resourceOf(d *document, rec *cache.Record) (*resource.Resource, *converter) {
	s, names := &d.Spec, &d.Status.AcceptedNames
	k := &kind{m: m, name: d.Metadata.Name, uid: d.Metadata.UID, group: s.Group, kind: names.Kind, converter: m.converter(d)}
	r := &resource.Resource{
		Names: resource.Names{Plural: names.Plural, Singular: names.Singular, Kind: names.Kind, ListKind: names.ListKind,
			Short: names.ShortNames, Categories: names.Categories},
		Verbs: resource.Standard, Prefix: s.Group + "/" + names.Plural,
		Rules:    resource.Rules{InRequestVersion: true, UpdateTrustsMeta: true},
		Versions: make([]resource.Version, len(s.Versions)),
		Prepare:  k.prepare, Validate: k.validate, Warn: k.warn, Also: k.also,
	}
	if s.Scope == v1.NamespaceScoped {
		r.Scope = resource.Namespaced
	}
	k.versions = make([]kindVersion, len(s.Versions))
	for i := range s.Versions {
		k.versions[i], r.Versions[i] = m.versionOf(d, &s.Versions[i], rec)
		r.Versions[i].Default, r.Versions[i].Prune = k.setDefaults, k.prune
		if len(s.Versions) > 1 { // otherwise there is nothing to convert to
			r.Versions[i].Convert, r.Versions[i].Remote = k.converter.Convert, k.converter.remote()
		}
	}
	return r, k.converter
}

func (m *Manager) versionOf(d *document, in *version, rec *cache.Record) (kindVersion, resource.Version) {
	gvk := kschema.GroupVersionKind{Group: d.Spec.Group, Version: in.Name, Kind: d.Status.AcceptedNames.Kind}
	kv := kindVersion{name: in.Name, schema: m.lazySchema(rec, in.Name, d.preserves())}
	v := resource.Version{
		Group: gvk.Group, Name: gvk.Version, Served: in.Served, Storage: in.Storage, Deprecated: in.Deprecated,
		Codec:  &object.Codec{Kind: gvk},
		Origin: fmt.Sprintf("%s/%d", d.Metadata.UID, d.Metadata.Generation),
		Schema: m.tracked(kv.schema, rec, in.Name, d.preserves()),
		Restore: func(o object.Object) error {
			s, tree := kv.schema(), o.(*unstructured.Unstructured)
			err := s.PruneStored(tree.Object)
			s.Default(tree.Object)
			if tree.GetGeneration() == 0 {
				tree.SetGeneration(1) // very old objects have none
			}
			return err
		},
		Fields: selectable(in.SelectableFields), FieldError: fieldError,
		Columns: columns(columnsOf(in)),
	}
	if in.Deprecated {
		v.Warning = deprecation(d, in)
	}
	if s := in.Subresources; s != nil && s.Status != nil {
		kv.status = true
		v.Untracked = statusPaths
		kv.statusDefault = sync.OnceValue(func() bool {
			probe := map[string]any{}
			kv.schema().Default(probe)
			return probe["status"] != nil
		})
		v.Subs = append(v.Subs, resource.Subresource{Name: "status", Kind: gvk, Parent: true,
			Verbs: resource.Get | resource.Patch | resource.Update, Untracked: statusUntracked})
	}
	if s := in.Subresources; s != nil && s.Scale != nil {
		kv.scale = s.Scale
		sub := scaleSub(s.Scale, gvk)
		sub.Schema = m.scaleSchema
		v.Subs = append(v.Subs, sub)
	}
	return kv, v
}

// nothing is the schema of a version that a kind does not have: it knows no field.
var nothing = sync.OnceValue(func() *schema.Custom {
	c, _ := schema.Compile([]byte(`{"type":"object"}`), false)
	return c
})

// schemaFor is the schema of the version that an object says it is of, whichever the request is about; nil: it is of
// another kind. found says that the kind has the version.
func (k *kind) schemaFor(o object.Object) (s *schema.Custom, found bool) {
	gvk := o.GetObjectKind().GroupVersionKind()
	if gvk.Group != k.group || gvk.Kind != k.kind {
		return nil, false
	}
	for i := range k.versions {
		if v := &k.versions[i]; v.name == gvk.Version {
			return v.schema(), true
		}
	}
	return nothing(), false
}

// prune drops what the schema does not know. That an object is of another kind or version than was asked for (a patch may
// have made it so) is for others to tell.
func (k *kind) prune(o object.Object, report bool) ([]string, error) {
	s, _ := k.schemaFor(o)
	if s == nil {
		unknown, err := schema.PruneHead(tree(o), report)
		return named(unknown), err
	}
	unknown, err := s.Prune(tree(o), report)
	return named(unknown), err
}

// named says of each path that it is unknown.
func named(paths []string) []string {
	for i, path := range paths {
		paths[i] = fmt.Sprintf("unknown field %q", path)
	}
	return paths
}

func (k *kind) setDefaults(o object.Object) {
	if s, found := k.schemaFor(o); found {
		s.Default(tree(o))
	}
}

// Paths of custom objects. Where there is a status subresource, nothing else writes the status, and it nothing else.
var (
	statusPaths     = schema.Paths{"status": nil}
	statusUntracked = schema.Paths{"metadata": nil, "spec": nil}
)

func (m *Manager) scaleSchema() *schema.Schema {
	return m.cfg.Schemas.Kind(autoscalingv1.GroupName, "v1", "Scale")
}

// lazySchema compiles a version's schema when somebody first asks for it.
func (m *Manager) lazySchema(rec *cache.Record, version string, preserves bool) func() *schema.Custom {
	return sync.OnceValue(func() *schema.Custom {
		raw, err := schemaOf(rec, version)
		if err == nil {
			var c *schema.Custom
			if c, err = schema.Compile(raw, preserves); err == nil {
				return c
			}
		}
		// What was admitted compiles; of what somebody else has stored nothing is known.
		m.cfg.Logger.Error("a custom resource's schema cannot be read", "definition", rec.Key.Name, "version", version, "err", err)
		c, _ := schema.Compile(nil, true)
		return c
	})
}

// tracked is the schema by which owners are tracked and objects are applied: that of the version, unless it is not
// structural, which can be so in old definitions that preserve unknown fields.
func (m *Manager) tracked(of func() *schema.Custom, rec *cache.Record, version string, preserves bool) func() *schema.Schema {
	if !preserves {
		return func() *schema.Schema { return of().Root }
	}
	return sync.OnceValue(func() *schema.Schema {
		var s definition.Schema
		if raw, err := schemaOf(rec, version); err != nil || len(raw) == 0 || json.Unmarshal(raw, &s) == nil && definition.IsStructural(&s) {
			return of().Root
		}
		free, _ := schema.Compile(nil, true)
		return free.Root
	})
}

func columnsOf(v *version) []v1.CustomResourceColumnDefinition {
	out := make([]v1.CustomResourceColumnDefinition, len(v.AdditionalPrinterColumns))
	for i, c := range v.AdditionalPrinterColumns {
		out[i] = v1.CustomResourceColumnDefinition(c)
	}
	return out
}

// deprecation is what a client of a deprecated version is told, with the best version that is not, if there is one.
func deprecation(d *document, v *version) string {
	if v.DeprecationWarning != nil {
		return *v.DeprecationWarning
	}
	text := fmt.Sprintf("%s/%s %s is deprecated", d.Spec.Group, v.Name, d.Spec.Names.Kind)
	best := ""
	for _, o := range d.Spec.Versions {
		if o.Served && !o.Deprecated && resource.CompareVersions(o.Name, v.Name) < 0 && (best == "" || resource.CompareVersions(o.Name, best) < 0) {
			best = o.Name
		}
	}
	if best != "" {
		text += fmt.Sprintf("; use %s/%s %s", d.Spec.Group, best, d.Spec.Names.Kind)
	}
	return text
}

func (k *kind) version(v *resource.Version) *kindVersion {
	i := slices.IndexFunc(k.versions, func(x kindVersion) bool { return x.name == v.Name })
	return &k.versions[i]
}

func tree(o object.Object) map[string]any { return o.(*unstructured.Unstructured).Object }

// prepare: a definition that is being deleted takes no more objects; the status is written by its subresource alone,
// and that writes nothing else; generation counts every change but those of metadata.
func (k *kind) prepare(_ context.Context, c *resource.Change) error {
	if c.New.GetObjectKind().GroupVersionKind().Version == "" {
		return apierrors.NewInternalError(runtime.NewMissingVersionErr("object has no apiVersion field"))
	}
	v := k.version(c.Version)
	if c.Op == resource.OpCreate {
		if _, err := k.definition(c); err != nil {
			return err
		}
		if v.status {
			resource.ClearPaths(c.New, statusPaths)
			c.Lacking = v.statusDefault()
		}
		c.New.SetGeneration(1)
		return nil
	}
	if c.Sub != nil && c.Sub.Name == "status" {
		status, has := tree(c.New)["status"]
		managers := c.New.GetManagedFields()
		u := c.New.(*unstructured.Unstructured)
		u.Object = c.Old.(*unstructured.Unstructured).DeepCopy().Object
		u.SetManagedFields(managers)
		if delete(u.Object, "status"); has {
			u.Object["status"] = status
		}
		return nil
	}
	if v.status {
		resource.CopyPaths(c.New, c.Old, statusPaths)
	}
	if !sameButMetadata(tree(c.New), tree(c.Old)) {
		c.New.SetGeneration(c.Old.GetGeneration() + 1)
	}
	return nil
}

func sameButMetadata(a, b map[string]any) bool {
	count := func(m map[string]any) int {
		if _, ok := m["metadata"]; ok {
			return len(m) - 1
		}
		return len(m)
	}
	if count(a) != count(b) {
		return false
	}
	for name, x := range a {
		if name == "metadata" {
			continue
		}
		if y, ok := b[name]; !ok || !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

// definition is the stored definition, if it takes objects.
func (k *kind) definition(c *resource.Change) (*cache.Record, error) {
	rec := k.m.table().Get(store.Key{Prefix: k.m.crds.Resource.Prefix, Name: k.name})
	gr := kschema.GroupResource{Group: k.group, Resource: c.Resource.Names.Plural}
	switch {
	case rec == nil || rec.Head.UID != k.uid:
		return nil, apierrors.NewNotFound(gr, c.Name)
	case rec.Head.Deleting():
		return nil, apierrors.NewForbidden(gr, c.Name, errors.New("create not allowed while custom resource definition is terminating"))
	}
	return rec, nil
}

// also makes a create depend on the definition: it must be as it was when it took objects.
func (k *kind) also(_ context.Context, c *resource.Change) ([]resource.Guard, []resource.Write, error) {
	if c.Op != resource.OpCreate {
		return nil, nil, nil
	}
	rec, err := k.definition(c)
	if err != nil {
		return nil, nil, err
	}
	return []resource.Guard{{Resource: k.m.crds.Resource, Name: k.name, ResourceVersion: strconv.FormatInt(rec.Revision, 10)}}, nil, nil
}

// validate is the rules of the schema of the request's version, in the reference's order.
func (k *kind) validate(ctx context.Context, c *resource.Change) field.ErrorList {
	v := k.version(c.Version)
	s, obj := v.schema(), tree(c.New)
	var old map[string]any
	if c.Old != nil {
		old = tree(c.Old)
		ctx = schema.WithWarnings(ctx, c.Req.Warn)
	}
	if c.Sub != nil && c.Sub.Name == "status" {
		errs := append(s.ValidateStatusValues(ctx, obj, old), scaleStatusErrors(v.scale, obj)...)
		return append(errs, s.ValidateStatusRest(ctx, obj, old, slices.Concat(c.Found, errs))...)
	}
	errs := typeErrors(c.New.GetObjectKind().GroupVersionKind(), c.Version.Codec.Kind)
	if len(errs) == 0 {
		errs = append(s.ValidateValues(ctx, obj, old), scaleSpecErrors(v.scale, obj)...)
		errs = append(errs, scaleStatusErrors(v.scale, obj)...)
	}
	return append(errs, s.ValidateRest(ctx, obj, old, slices.Concat(c.Found, errs))...)
}

// typeErrors says that an object is not of the kind that was asked for.
func typeErrors(got, want kschema.GroupVersionKind) (errs field.ErrorList) {
	if got.Kind != want.Kind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), got.Kind, "must be "+want.Kind))
	}
	if got.GroupVersion() != want.GroupVersion() {
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), got.GroupVersion().String(), "must be "+want.GroupVersion().String()))
	}
	return errs
}

// warn tells of new finalizers whose names may meet with those of others.
func (k *kind) warn(_ context.Context, c *resource.Change) []string {
	if c.Sub != nil && c.Sub.Name == "status" {
		return nil
	}
	fresh := sets.New(c.New.GetFinalizers()...)
	if c.Old != nil {
		fresh.Delete(c.Old.GetFinalizers()...)
	}
	var out []string
	for _, f := range sets.List(fresh) {
		say := func(text string) { out = append(out, fmt.Sprintf("metadata.finalizers: %q: %s", f, text)) }
		for _, text := range validation.IsQualifiedName(f) {
			say(text)
		}
		switch {
		case strings.Contains(f, "/"), f == metav1.FinalizerOrphanDependents, f == metav1.FinalizerDeleteDependents, f == string(corev1.FinalizerKubernetes):
		case strings.Contains(f, "."):
			say("prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers")
		default:
			say("prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers")
		}
	}
	return out
}

// OpenAPI returns what the document of a custom version says beyond its resource: the schema as the definition has it
// (nil: there is none), whether unknown fields are kept everywhere, and the JSON paths of its selectable fields.
func (m *Manager) OpenAPI(v *resource.Version) (raw []byte, preserves bool, selectable []string) {
	rec := m.defined(v)
	if rec == nil {
		return nil, false, nil
	}
	d, err := read(rec)
	if err != nil {
		return nil, false, nil
	}
	raw, _ = schemaOf(rec, v.Name)
	for _, x := range d.Spec.Versions {
		if x.Name == v.Name {
			for _, f := range x.SelectableFields {
				selectable = append(selectable, f.JSONPath)
			}
		}
	}
	return raw, d.preserves(), selectable
}

// defined is the definition that a version comes from.
func (m *Manager) defined(v *resource.Version) *cache.Record {
	g := m.cfg.Catalog.Load().Group(v.Group)
	if g == nil {
		return nil
	}
	for _, gv := range g.Versions {
		for _, row := range gv.Rows {
			if row.Version == v {
				return m.table().Get(m.target(row.Resource.Names.Plural+"."+v.Group, "").Key())
			}
		}
	}
	return nil
}
