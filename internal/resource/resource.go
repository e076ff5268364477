// Package resource is the descriptor of a kind: everything that the engine has to know to serve it.
//
// Nouns: a Resource is one stored kind with its Versions and their Subresources; a Change is one write on its
// way through hooks and admission; the Catalog is the live table from group, version and resource to a Row.
//
// Invariants: exactly one Version of a Resource is Storage; a Resource in a Catalog is immutable, a changed one
// is a new value. Built-in kinds (internal/builtin) and custom ones (internal/crd) are the same type, and
// nothing here or above can tell which.
//
// Concurrency: a Snapshot is immutable; the Catalog swaps snapshots atomically, writers take turns.
package resource

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// Scope says whether objects live in a namespace.
type Scope uint8

const (
	Cluster Scope = iota
	Namespaced
)

// Verbs is a set of verbs.
type Verbs uint16

const (
	Create Verbs = 1 << iota
	Delete
	DeleteCollection
	Get
	List
	Patch
	Update
	Watch
	Connect

	// Standard is what most resources serve.
	Standard = Create | Delete | DeleteCollection | Get | List | Patch | Update | Watch
)

// Has says whether all of v are in the set.
func (s Verbs) Has(v Verbs) bool { return s&v == v }

var verbNames = []struct {
	v    Verbs
	name string
}{{Create, "create"}, {Delete, "delete"}, {DeleteCollection, "deletecollection"}, {Get, "get"}, {List, "list"}, {Patch, "patch"}, {Update, "update"}, {Watch, "watch"}}

// Names lists the verbs as discovery does, in alphabetical order; Connect has no name.
func (s Verbs) Names() []string {
	var out []string
	for _, n := range verbNames {
		if s.Has(n.v) {
			out = append(out, n.name)
		}
	}
	return out
}

// Names are what a kind is called.
type Names struct {
	Plural, Singular string
	Kind, ListKind   string
	Short            []string
	Categories       []string
}

// Resource is one stored kind.
type Resource struct {
	Names    Names
	Scope    Scope
	Verbs    Verbs
	Prefix   string // under /registry: "pods", "services/specs", "minions"
	Versions []Version
	Rules    Rules
	// NoColumns says that the kind will never have columns of its own: its tables show Created At, not Age.
	NoColumns bool

	// The hooks take the storage version (Rules.InRequestVersion: that of the request) and may be nil.

	// Prepare sets what the server owns, after the generic rules (Rules.Reset and so on) were applied.
	Prepare  func(context.Context, *Change) error
	Validate func(context.Context, *Change) field.ErrorList
	Warn     func(context.Context, *Change) []string
	// Also adds conditions and further writes to the same commit.
	Also func(context.Context, *Change) ([]Guard, []Write, error)
	// Serve answers a create of a kind that is not stored (TokenReview, SubjectAccessReview): c.New is what came.
	Serve func(context.Context, *Change) (object.Object, error)
	// Objects lists a kind that is not stored but can be read (ComponentStatus).
	Objects func(context.Context, *Change) ([]object.Object, error)
	// Deleting is asked at the first delete of an object: c.New is a copy that has the deletion marks. When keep is
	// true the copy, as the hook changed it, is written, and the object stays for as long as Held says.
	Deleting func(context.Context, *Change) (keep bool, err error)
	// Held says whether a deleted object stays for a reason of its own, beside metadata.finalizers.
	Held func(object.Object) bool
	// Alias makes a create here one of a subresource elsewhere.
	Alias *Alias
}

// Alias of "bindings" is pods and binding: POST bindings with a body named P means POST pods/P/binding.
type Alias struct {
	Resource *Resource
	Sub      string
}

// Stored says whether objects of the kind are kept at all; only then it has a Prefix and a storage version.
func (r *Resource) Stored() bool { return r.Prefix != "" }

// Storage is the version that is stored.
func (r *Resource) Storage() *Version {
	for i := range r.Versions {
		if r.Versions[i].Storage {
			return &r.Versions[i]
		}
	}
	panic("resource: " + r.Names.Plural + " has no storage version")
}

// Rules are the generic rules of a kind, as data.
type Rules struct {
	CreateOnUpdate      bool // a PUT of an object that does not exist creates it
	UnconditionalUpdate bool // a PUT without resourceVersion overwrites whatever is there
	// InRequestVersion has the generic rules and the hooks of writes work in the version of the request: the object is
	// converted to the storage version last. Custom resources are validated by the schema of the version that is asked.
	InRequestVersion bool
	// ValidateName says what is wrong with a name (prefix: it is a generateName). Nil means a DNS subdomain.
	ValidateName func(name string, prefix bool) []string
	// NameFits says what else is wrong with a name, given the new object that has it; nil: nothing.
	NameFits func(obj object.Object, name string) []string
	// UpdateTrustsMeta says that the kind's own rules of an update look at how metadata changes, and not once more at
	// all that it says: definitions and custom objects.
	UpdateTrustsMeta bool
	// QualifiedFinalizers refuses finalizers without a domain, but for the three that Kubernetes itself has.
	QualifiedFinalizers bool
	// TTL is how long an object lives after its last write; 0 is for ever. A nil func is 0.
	TTL func(object.Object) time.Duration
	// Grace is the grace period in seconds of a delete that asks for none (and what a longer wish is cut to is
	// the kind's business): nil means that the kind is deleted at once. It is given the wish, or nil.
	Grace func(obj object.Object, wish *int64) int64
	// DefaultGC is what happens to dependents when a delete does not say.
	DefaultGC GCPolicy
	// Closing says that the kind is going away: discovery lists no more than what helps its objects to go.
	Closing bool

	// ReturnDeleted answers a delete with the object that was, instead of a Status.
	ReturnDeleted bool
	// Immortal names objects that may not be deleted.
	Immortal []string

	// CreateReset is what a create drops from what the client sent ({"status"}).
	CreateReset pschema.Paths
	// Reset is what an update of the resource itself keeps from the old object, and what apply must not own there.
	Reset pschema.Paths
	// Generation is what metadata.generation counts the changes of ({"spec"}), looked at after Prepare; nil: the
	// kind has no generation. A create starts it at 1. Empty but not nil: it starts at 1 and stays. Writes to
	// subresources count only where Subresource.Generation says so.
	Generation pschema.Paths
}

// GCPolicy is what happens to dependents when a delete does not say.
type GCPolicy uint8

const (
	GCBackground  GCPolicy = iota // collected after the owner is gone
	GCOrphan                      // orphaned
	GCUnsupported                 // the kind (Event) takes no part
)

// Version is one served or stored group and version of a Resource.
type Version struct {
	Group, Name string
	// Kind is Names.Kind unless this version calls it otherwise; Plural likewise.
	Served, Storage, Deprecated bool
	// Warning is sent with each answer of a deprecated version.
	Warning string
	// Schema is the kind's schema, opened on first use.
	Schema func() *pschema.Schema
	Codec  *object.Codec
	// Origin tells one state of a custom version's definition from another, on every server of one store: the uid and
	// generation of the definition. Empty for built-in kinds.
	Origin string
	// Default fills in what the client may leave out and folds deprecated fields into their successors. It is
	// applied to each object of this version that is decoded, merged or patched, before fields are tracked.
	Default func(object.Object)
	// Prune drops what the schema does not know from an object of this version that was decoded, patched or applied, and
	// refuses metadata that is none. When report, it tells what it has dropped, as strict decoding does. Nil: decoding
	// has left nothing to drop.
	Prune func(obj object.Object, report bool) (unknown []string, err error)
	// Restore makes an object that was stored under another schema what it would be today: pruned and defaulted. Nil:
	// what was stored needs no looking at.
	Restore func(object.Object) error
	// Untracked is what managers can't own through this version, where that is not the resource's Rules.Reset.
	Untracked pschema.Paths
	// Fields are the field selectors beyond metadata.name and metadata.namespace. They take an object of the
	// storage version, whichever version they belong to.
	Fields map[string]func(object.Object) string
	// FieldError is what is said about a field selector that the kind does not have; nil: the usual words. See
	// Resource.CheckField.
	FieldError func(label string) string
	// Convert turns objects of this version into another one; nil: only apiVersion differs. They are not pruned yet.
	Convert func(ctx context.Context, objs []object.Object, to string) ([]object.Object, error)
	// Remote says that Convert leaves the process: it is given many objects at once, of any version of the resource, and
	// what it makes of them is kept.
	Remote  bool
	Columns []Column
	Subs    []Subresource
}

// GV is the version's group and version.
func (v *Version) GV() schema.GroupVersion {
	return schema.GroupVersion{Group: v.Group, Version: v.Name}
}

// APIVersion is group/version, or the version alone for the core group.
func (v *Version) APIVersion() string {
	if v.Group == "" {
		return v.Name
	}
	return v.Group + "/" + v.Name
}

// Sub returns the subresource called name, or nil.
func (v *Version) Sub(name string) *Subresource {
	for i := range v.Subs {
		if v.Subs[i].Name == name {
			return &v.Subs[i]
		}
	}
	return nil
}

// CheckField says why label is no field selector of the kind in version v, in the reference's words, or nil.
func (r *Resource) CheckField(v *Version, label string) error {
	switch label {
	case "metadata.name":
		return nil
	case "metadata.namespace":
		// Only kinds with selectors of their own know that they have no namespace.
		if v.FieldError == nil || r.Scope == Namespaced {
			return nil
		}
	}
	if _, ok := v.Fields[label]; ok {
		return nil
	}
	if v.FieldError != nil {
		return fmt.Errorf("%s", v.FieldError(label))
	}
	return fmt.Errorf("%q is not a known field selector: only %q, %q", label, "metadata.name", "metadata.namespace")
}

// Subresource is one of a version's subresources.
type Subresource struct {
	Name  string
	Kind  schema.GroupVersionKind // pods/eviction is policy/v1 Eviction
	Verbs Verbs
	// Reset is what a write here keeps from the old object, and what apply must not own.
	Reset pschema.Paths
	// Untracked is what apply must not own here, where that is not Reset.
	Untracked pschema.Paths
	// Generation says that a write here counts towards metadata.generation as one of the resource itself does.
	Generation bool
	// Parent says that the subresource reads and writes the parent object itself (status, resize, ...), as
	// opposed to View, Do and Connect.
	Parent bool
	// View makes an object of Kind out of the parent (scale): the answer to a get, what a patch starts from, and
	// the answer to a write, made from the parent as it was written.
	View func(parent object.Object) (object.Object, error)
	// Schema is the schema of what View shows; Counted is where the parent keeps the number that a scale sets. With
	// both, the managers of a scale are those of that number in the parent.
	Schema  func() *pschema.Schema
	Counted []string
	// Do serves a create or update of a body of Kind: c.Body is what came, c.Old the parent. When the parent is to
	// be written it sets c.New to a changed copy, whose resourceVersion, if any, must be the parent's current one.
	// A nil answer means View's.
	Do func(context.Context, *Change) (runtime.Object, []Guard, []Write, error)
	// Start, when it is set, is View for a write to start from: a scale may have no replicas before its first one.
	Start func(parent object.Object) (object.Object, error)
	// Body makes an empty body for Do.
	Body func() object.Object
	// Columns are those of tables of Kind.
	Columns []Column
	Connect func(context.Context, *Change) (http.Handler, error)
}

// Column is one column of a Table.
type Column struct {
	Name, Type, Format, Description string
	Priority                        int32
	// Cell is a row's value at a point in time. Where no column has one, they are the name and the age, which need no
	// object.
	Cell func(obj object.Object, now time.Time) any
}

// Guard is a condition on another object of the same commit: it must be at this resourceVersion ("" : absent).
type Guard struct {
	Resource        *Resource
	Namespace, Name string
	ResourceVersion string
}

// Write is a further write of the same commit. A nil Object deletes.
type Write struct {
	Resource        *Resource
	Namespace, Name string
	Object          object.Object
}

// Op is what a Change does.
type Op uint8

const (
	OpCreate Op = iota
	OpUpdate
	OpDelete
	OpConnect
	OpGet
)

// Change is one write: the shape that hooks, admission and audit take.
type Change struct {
	Req       *request.Request
	Op        Op
	Resource  *Resource
	Version   *Version     // of the request
	Sub       *Subresource // nil for the resource itself
	Namespace string
	Name      string
	Old, New  object.Object
	Body      object.Object // for Subresource.Do
	DryRun    bool
	Now       time.Time
	// Found is what was found wrong with metadata, for a Validate whose rules depend on it.
	Found field.ErrorList
	// Lacking is set by Prepare when what is left is not yet what is read back: Restore brings more.
	Lacking bool
}

// StoreRoot is what keys begin with in the messages of the reference's store: a dry run is refused above the store, which
// brings its own prefix.
func StoreRoot(dryRun bool) string {
	if dryRun {
		return "/"
	}
	return "/registry/"
}
