// Package describe makes descriptors of built-in kinds out of what is particular to each.
//
// Nouns: a Kind is a short form of a resource.Resource; everything that it leaves out is what most kinds have:
// the standard verbs, a name that is a DNS subdomain, the plural as the prefix in the store, unconditional
// updates, no generation. The zero value of each field is the usual case.
//
// Invariants: the first of Versions is the storage version unless another one says so.
//
// Concurrency: none of its own; what it makes is immutable once it is in a Catalog.
package describe

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// Kind is a built-in kind in short.
type Kind struct {
	Plural, Kind string
	Singular     string // usually Kind in lower case
	Short        []string
	Categories   []string
	Cluster      bool           // objects have no namespace
	Verbs        resource.Verbs // usually resource.Standard
	Prefix       string         // usually Plural
	Virtual      bool           // not stored
	Versions     []resource.Version

	CreateOnUpdate bool
	// Conditional refuses an update without resourceVersion.
	Conditional bool
	// AnyFinalizer allows finalizers without a domain.
	AnyFinalizer bool
	// ReturnDeleted answers a delete with the object.
	ReturnDeleted bool
	// Rules are the further rules.
	Rules resource.Rules

	// Status splits the status off: a create drops it, an update keeps it, and only the status subresource writes
	// it, where StatusReset is kept.
	Status bool
	// StatusReset is usually {"spec"}; see Spec and SpecAndMeta.
	StatusReset pschema.Paths
	// Subs are the further subresources, in every version.
	Subs []resource.Subresource
	// Fields and FieldError are those of every version.
	Fields     map[string]func(object.Object) string
	FieldError func(label string) string
}

// Paths that many kinds share. They must not be changed.
var (
	Spec   = pschema.Paths{"spec": nil}
	Status = pschema.Paths{"status": nil}
	// Meta is the metadata that a status subresource with this rule leaves alone; all else in metadata is the
	// server's or is fixed anyway.
	Meta = pschema.Paths{
		"labels": nil, "annotations": nil, "finalizers": nil, "ownerReferences": nil, "deletionTimestamp": nil,
	}
	SpecAndMeta = pschema.Paths{"spec": nil, "metadata": Meta}
	// Starts is a generation that starts at 1 and never counts.
	Starts = pschema.Paths{}
)

// Common sets of verbs of subresources.
const (
	Write   = resource.Get | resource.Patch | resource.Update
	Proxies = resource.Create | resource.Delete | resource.Get | resource.Patch | resource.Update | resource.Connect
	Streams = resource.Create | resource.Get | resource.Connect
)

// Version is a version whose objects are T's.
func Version[T any, P interface {
	*T
	object.Object
}](group, version string) resource.Version {
	return resource.Version{
		Group: group, Name: version, Served: true,
		Codec: &object.Codec{
			Kind: schema.GroupVersionKind{Group: group, Version: version},
			New:  func() object.Object { return P(new(T)) },
		},
	}
}

// Off is a version that is served only when --runtime-config asks for it.
func Off(v resource.Version) resource.Version {
	v.Served = false
	return v
}

// Stored is the version that is stored, where that is not the first one.
func Stored(v resource.Version) resource.Version {
	v.Storage = true
	return v
}

// Resource writes the Kind out.
func (k Kind) Resource() *resource.Resource {
	r := &resource.Resource{
		Names: resource.Names{
			Plural: k.Plural, Singular: k.Singular, Kind: k.Kind, ListKind: k.Kind + "List",
			Short: k.Short, Categories: k.Categories,
		},
		Scope: resource.Namespaced, Verbs: k.Verbs, Prefix: k.Prefix, Versions: k.Versions, Rules: k.Rules,
	}
	if k.Cluster {
		r.Scope = resource.Cluster
	}
	if r.Names.Singular == "" {
		r.Names.Singular = strings.ToLower(k.Kind)
	}
	if r.Verbs == 0 {
		r.Verbs = resource.Standard
	}
	if r.Prefix == "" && !k.Virtual {
		r.Prefix = k.Plural
	}
	r.Rules.CreateOnUpdate = k.CreateOnUpdate
	r.Rules.UnconditionalUpdate = !k.Conditional
	r.Rules.ReturnDeleted = k.ReturnDeleted
	r.Rules.QualifiedFinalizers = !k.AnyFinalizer
	subs := k.Subs
	if k.Status {
		if r.Rules.CreateReset == nil {
			r.Rules.CreateReset = Status
		}
		if r.Rules.Reset == nil {
			r.Rules.Reset = Status
		}
		reset := k.StatusReset
		if reset == nil {
			reset = Spec
		}
		subs = append(subs[:len(subs):len(subs)], resource.Subresource{Name: "status", Verbs: Write, Parent: true, Reset: reset})
	}
	stored := k.Virtual
	for i := range r.Versions {
		stored = stored || r.Versions[i].Storage
	}
	for i := range r.Versions {
		v := &r.Versions[i]
		if i == 0 && !stored {
			v.Storage = true
		}
		v.Codec.Kind.Kind = k.Kind
		deprecate(v)
		if k.Fields != nil {
			v.Fields = k.Fields
		}
		if k.FieldError != nil {
			v.FieldError = k.FieldError
		}
		v.Subs = parents(subs, v.Codec.Kind)
	}
	return r
}

// parents copies subs and fills in the kind of those that have their parent's.
func parents(subs []resource.Subresource, kind schema.GroupVersionKind) []resource.Subresource {
	if len(subs) == 0 {
		return nil
	}
	out := make([]resource.Subresource, len(subs))
	for i, s := range subs {
		if s.Kind.Kind == "" {
			s.Kind = kind
		}
		out[i] = s
	}
	return out
}

// Unsupported is how most kinds with field selectors of their own refuse another one.
func Unsupported(label string) string { return "field label not supported: " + label }

// Field is a field selector's function for objects that are T's.
func Field[T object.Object](get func(T) string) func(object.Object) string {
	return func(o object.Object) string { return get(o.(T)) }
}

// Kinds is a list of kinds, and those of them that a feature gate holds back left out.
type Kinds []*resource.Resource

// With appends a kind when the feature is enabled.
func (k Kinds) With(d resource.Deps, feature string, r *resource.Resource) Kinds {
	if d.Features == nil || !d.Features(feature) {
		return k
	}
	return append(k, r)
}
