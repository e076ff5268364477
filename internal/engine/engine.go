// Package engine is what can be done with any resource: create, get, list, watch, update, patch, delete and
// deletecollection, from a decoded request body down to the store's commit. It knows no HTTP and no disk, and
// cannot tell a built-in kind from a custom one.
//
// Nouns: a Target is what a request is about; a Result is what a write has to answer; a List is one consistent
// page; a Watch is a cursor on the event log. Reads go through the cache, writes through the store.
//
// Invariants: write.go's write is the only function that changes objects, in numbered steps; every error that
// leaves the engine is an API Status (k8s.io/apimachinery/pkg/api/errors) or the context's.
//
// Concurrency: an Engine may be used by any number of goroutines; Results and Lists are shared for reading.
package engine

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// Config is what an Engine stands on.
type Config struct {
	Store   store.Store
	Cache   *cache.Cache
	Catalog *resource.Catalog
	Tracker *patch.Tracker
	Clock   func() time.Time
	NewUID  func() types.UID
	// Suffix makes the random end of a generated name (5 characters).
	Suffix func() string
	// Observe is told of each commit: create, update or delete, of which resource, how long it took. Nil: nobody is.
	Observe func(op string, resource schema.GroupResource, took time.Duration, err error)
	// FreshWait is how long a read waits for a revision that the server has not seen yet (default 3 s).
	FreshWait time.Duration
}

// Engine serves every resource.
type Engine struct{ Config }

// New returns an Engine.
func New(c Config) *Engine {
	if c.FreshWait == 0 {
		c.FreshWait = 3 * time.Second
	}
	return &Engine{c}
}

// Target is what a request is about: a resource in a version, maybe one of its subresources.
type Target struct {
	Resource        *resource.Resource
	Version         *resource.Version
	Sub             *resource.Subresource
	Namespace, Name string
}

// GR is the target's group and resource, as error messages name them.
func (t Target) GR() schema.GroupResource {
	return schema.GroupResource{Group: t.Version.Group, Resource: t.Resource.Names.Plural}
}

// Kind is the target's group, version and kind.
func (t Target) Kind() schema.GroupVersionKind { return t.Version.Codec.Kind }

// ListOptions is what a list or watch asks for.
type ListOptions struct {
	Labels          labels.Selector // nil: everything
	Fields          fields.Selector // nil: everything
	Limit           int64
	Continue        string
	ResourceVersion string
	Match           metav1.ResourceVersionMatch
	// For watches:
	SendInitialEvents   *bool
	AllowWatchBookmarks bool
}

// List is one page of one consistent revision.
type List struct {
	Records   []*cache.Record
	Looked    int // how many records were looked at
	Revision  int64
	Continue  string
	Remaining *int64
}

// Event is what a Watch yields. A Bookmark has no Record; its Revision says how far the watch has come.
type Event struct {
	Type     watch.EventType
	Record   *cache.Record // as the event shows the object: for Deleted its last state, at the deletion's revision
	Revision int64
	// InitialEnd marks the bookmark that ends the initial events (annotation k8s.io/initial-events-end).
	InitialEnd bool
}

// Patch is the body of a PATCH.
type Patch struct {
	Type types.PatchType // of metav1/types: JSON, merge, strategic merge, apply YAML, apply CBOR
	Data []byte
}

// Result is the answer to a write or a get.
type Result struct {
	// Record is set when the answer is a stored object of the target's resource: its encodings are shared.
	Record *cache.Record
	// Object is the answer otherwise (dry run, a subresource's own kind), in the request's version or of the
	// subresource's Kind; Kind is its kind then.
	Object runtime.Object
	Kind   schema.GroupVersionKind
	// Status is the answer of a delete that left nothing to show.
	Status *metav1.Status
	// Created is 201 for a PUT or PATCH that created; Accepted is 202 for a delete that goes on.
	Created, Accepted bool
}
