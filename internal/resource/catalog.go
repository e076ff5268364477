package resource

import (
	"net/http"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Row is what a group, version and resource name leads to: a local Resource in one of its versions, or the
// Handler of an extension server.
type Row struct {
	Resource *Resource
	Version  *Version
	Remote   http.Handler
}

// Group is an API group as discovery lists it.
type Group struct {
	Name     string
	Versions []GroupVersion // by priority; the first is preferred
}

// GroupVersion is one version of a Group, with its rows in discovery's order.
type GroupVersion struct {
	Name string
	Rows []Row
}

// Snapshot is the Catalog at one instant.
type Snapshot struct {
	Groups []Group // in discovery's order, the core group ("") first
	rows   map[schema.GroupVersionResource]Row
	gvs    map[schema.GroupVersion]bool
}

// Lookup returns the row of a group, version and plural resource name.
func (s *Snapshot) Lookup(group, version, resource string) (Row, bool) {
	r, ok := s.rows[schema.GroupVersionResource{Group: group, Version: version, Resource: resource}]
	return r, ok
}

// HasVersion says whether anything is served in the group and version.
func (s *Snapshot) HasVersion(group, version string) bool {
	return s.gvs[schema.GroupVersion{Group: group, Version: version}]
}

// Resources yields each stored Resource once, served or not.
func (s *Snapshot) Resources(yield func(*Resource) bool) {
	seen := map[*Resource]bool{}
	for _, g := range s.Groups {
		for _, v := range g.Versions {
			for _, r := range v.Rows {
				if r.Resource == nil || seen[r.Resource] {
					continue
				}
				seen[r.Resource] = true
				if !yield(r.Resource) {
					return
				}
			}
		}
	}
}

// Catalog is the live table. The zero value is empty and ready.
type Catalog struct {
	mu   sync.Mutex
	snap atomic.Pointer[Snapshot]
}

// Load returns the current snapshot.
func (c *Catalog) Load() *Snapshot {
	if s := c.snap.Load(); s != nil {
		return s
	}
	return &Snapshot{}
}

// Set replaces the whole table. Versions that are not Served get no row.
func (c *Catalog) Set(groups []Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &Snapshot{Groups: groups, rows: map[schema.GroupVersionResource]Row{}, gvs: map[schema.GroupVersion]bool{}}
	for _, g := range groups {
		for _, v := range g.Versions {
			s.gvs[schema.GroupVersion{Group: g.Name, Version: v.Name}] = true
			for _, r := range v.Rows {
				if r.Resource != nil {
					s.rows[schema.GroupVersionResource{Group: g.Name, Version: v.Name, Resource: r.Resource.Names.Plural}] = r
				}
			}
		}
	}
	c.snap.Store(s)
}
