package resource

import (
	"net/http"
	"sync"
	"sync/atomic"
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
	Versions []GroupVersion            // by priority; the first is preferred
	Custom   bool                      // nothing in it is built in
	index    map[string]map[string]Row // version, resource
}

// GroupVersion is one version of a Group, with its rows in discovery's order.
type GroupVersion struct {
	Name string
	Rows []Row
}

// NewGroup makes a group whose rows can be found. One that has not changed can be set again at no cost.
func NewGroup(name string, versions []GroupVersion) Group {
	g := Group{Name: name, Versions: versions, Custom: true, index: make(map[string]map[string]Row, len(versions))}
	for _, v := range versions {
		rows := make(map[string]Row, len(v.Rows))
		for _, r := range v.Rows {
			g.Custom = g.Custom && r.Version != nil && r.Version.Codec.New == nil
			if r.Resource != nil {
				rows[r.Resource.Names.Plural] = r
			}
		}
		g.index[v.Name] = rows
	}
	return g
}

// Snapshot is the Catalog at one instant.
type Snapshot struct {
	Groups []Group // in discovery's order, the core group ("") first
	byName map[string]*Group
}

// Group returns the group called name, or nil.
func (s *Snapshot) Group(name string) *Group { return s.byName[name] }

// Lookup returns the row of a group, version and plural resource name.
func (s *Snapshot) Lookup(group, version, resource string) (Row, bool) {
	g := s.byName[group]
	if g == nil {
		return Row{}, false
	}
	r, ok := g.index[version][resource]
	return r, ok
}

// HasVersion says whether anything is served in the group and version.
func (s *Snapshot) HasVersion(group, version string) bool {
	g := s.byName[group]
	return g != nil && g.index[version] != nil
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

// Set replaces the whole table, which it owns from now on. Versions that are not Served get no row.
func (c *Catalog) Set(groups []Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &Snapshot{Groups: groups, byName: make(map[string]*Group, len(groups))}
	for i := range groups {
		g := &groups[i]
		if g.index == nil {
			*g = NewGroup(g.Name, g.Versions)
		}
		s.byName[g.Name] = g
	}
	c.snap.Store(s)
}
