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
	"net/http"
	"time"

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

	// The hooks take the storage version and may be nil.

	// Prepare sets what the server owns, after the generic rules (Rules.Reset and so on) were applied.
	Prepare  func(context.Context, *Change) error
	Validate func(context.Context, *Change) field.ErrorList
	Warn     func(context.Context, *Change) []string
	// Also adds conditions and further writes to the same commit.
	Also func(context.Context, *Change) ([]Guard, []Write, error)
	// Serve answers a create of a kind that is not stored (TokenReview, SubjectAccessReview).
	Serve func(context.Context, *Change) (object.Object, error)
}

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
	// ValidateName says what is wrong with a name (prefix: it is a generateName). Nil means a DNS subdomain.
	ValidateName func(name string, prefix bool) []string
	// TTL is how long an object lives after its last write; 0 is for ever. A nil func is 0.
	TTL func(object.Object) time.Duration
	// Grace is the grace period in seconds of a delete that asks for none (and what a longer wish is cut to is
	// the kind's business): nil means that the kind is deleted at once. It is given the wish, or nil.
	Grace func(obj object.Object, wish *int64) int64
	// OrphanByDefault is the old garbage collection default of a few kinds, see DefaultGC.
	DefaultGC GCPolicy

	// CreateReset is what a create drops from what the client sent ({"status"}).
	CreateReset pschema.Paths
	// Reset is what an update of the resource itself keeps from the old object, and what apply must not own there.
	Reset pschema.Paths
	// Generation is what metadata.generation counts the changes of ({"spec"}); nil: the kind has no generation.
	// A create starts it at 1.
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
	// Fields are the field selectors beyond metadata.name and metadata.namespace.
	Fields map[string]func(object.Object) string
	// Convert turns objects of this version into another one; nil: only apiVersion differs.
	Convert func(ctx context.Context, objs []object.Object, to string) ([]object.Object, error)
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

// Subresource is one of a version's subresources.
type Subresource struct {
	Name  string
	Kind  schema.GroupVersionKind // pods/eviction is policy/v1 Eviction
	Verbs Verbs
	// Reset is what a write here keeps from the old object, and what apply must not own.
	Reset pschema.Paths
	// Parent says that the subresource reads and writes the parent object itself (status, resize, ...), as
	// opposed to Do and Connect.
	Parent bool
	// Do serves a write (or a get, Op Get) of a body of Kind: c.Body is what came, c.Old the parent. It returns the
	// answer and, when the parent is to be written, sets c.New.
	Do func(context.Context, *Change) (object.Object, []Guard, []Write, error)
	// Body makes an empty body for Do.
	Body    func() object.Object
	Connect func(context.Context, *Change) (http.Handler, error)
}

// Column is one column of a Table.
type Column struct {
	Name, Type, Format, Description string
	Priority                        int32
	Cell                            func(object.Object) any
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
}
