// Package discovery tells clients what is served: the documents of /api and /apis in both their forms, and the
// OpenAPI documents of /openapi/v2 and /openapi/v3.
//
// Nouns: a document is a pure function of a resource.Snapshot: Versions, Groups, Group and Resources one by one,
// Aggregated all in one, and an OpenAPI document for each version (openapi.go); a Discovery is the http.Handler of
// /api and /apis, an OpenAPI that of /openapi/v2 and /openapi/v3.
//
// Invariants: order is the Snapshot's order, in every document. Nothing is computed before it is asked for, and
// nothing is kept beyond the Snapshot that it was computed from, but OpenAPI documents that did not change with it.
// Where a document is recorded from kube-apiserver, ours equals it; testdata/openapi-differences.txt has the exceptions.
//
// Concurrency: a Discovery and an OpenAPI serve any number of requests at a time.
package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// Versions is the answer of /api: the versions of the core group.
func Versions(s *resource.Snapshot, addresses []metav1.ServerAddressByClientCIDR) *metav1.APIVersions {
	out := &metav1.APIVersions{Versions: []string{}, ServerAddressByClientCIDRs: addresses}
	if g := findGroup(s, ""); g != nil {
		for _, v := range g.Versions {
			out.Versions = append(out.Versions, v.Name)
		}
	}
	return out
}

// Groups is the answer of /apis: the named groups.
func Groups(s *resource.Snapshot) *metav1.APIGroupList {
	out := &metav1.APIGroupList{Groups: make([]metav1.APIGroup, 0, len(s.Groups))}
	customs := 0 // at the end
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Name != "" {
			out.Groups = append(out.Groups, apiGroup(g))
		}
		if slices.ContainsFunc(g.Versions, hasBuiltin) || !slices.ContainsFunc(g.Versions, hasCustom) {
			customs = 0
		} else {
			customs++
		}
	}
	sortLegacy(out.Groups[len(out.Groups)-customs:])
	return out
}

// sortLegacy sorts custom groups as this document alone has them: by the first, in the alphabet, of the names
// "version.group".
func sortLegacy(groups []metav1.APIGroup) {
	type keyed struct {
		key   string
		group metav1.APIGroup
	}
	all := make([]keyed, len(groups))
	for i, g := range groups {
		first := slices.MinFunc(g.Versions, func(a, b metav1.GroupVersionForDiscovery) int { return strings.Compare(a.Version+".", b.Version+".") })
		all[i] = keyed{first.Version + "." + g.Name, g}
	}
	slices.SortFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	for i := range all {
		groups[i] = all[i].group
	}
}

// Group is the answer of /apis/GROUP, or nil when there is no such group.
func Group(s *resource.Snapshot, name string) *metav1.APIGroup {
	g := findGroup(s, name)
	if g == nil {
		return nil
	}
	out := apiGroup(g)
	return &out
}

// Resources is the answer of /api/VERSION and /apis/GROUP/VERSION, or nil when there is no such version.
func Resources(s *resource.Snapshot, group, version string) *metav1.APIResourceList {
	v := groupVersion(s, group, version)
	if v == nil {
		return nil
	}
	out := &metav1.APIResourceList{GroupVersion: apiVersion(group, version), APIResources: []metav1.APIResource{}}
	for _, row := range v.Rows {
		r := row.Resource
		if r == nil {
			continue
		}
		out.APIResources = append(out.APIResources, metav1.APIResource{
			Name:               r.Names.Plural,
			SingularName:       r.Names.Singular,
			Namespaced:         r.Scope == resource.Namespaced,
			Kind:               r.Names.Kind,
			Verbs:              rowVerbs(row),
			ShortNames:         r.Names.Short,
			Categories:         r.Names.Categories,
			StorageVersionHash: storageVersionHash(row),
		})
		for i := range row.Version.Subs {
			sub := &row.Version.Subs[i]
			entry := metav1.APIResource{
				Name:       r.Names.Plural + "/" + sub.Name,
				Namespaced: r.Scope == resource.Namespaced,
				Kind:       sub.Kind.Kind,
				Verbs:      verbs(sub.Verbs),
			}
			if sub.Kind.Group != group || sub.Kind.Version != version {
				entry.Group, entry.Version = sub.Kind.Group, sub.Kind.Version
			}
			out.APIResources = append(out.APIResources, entry)
		}
	}
	return out
}

func findGroup(s *resource.Snapshot, name string) *resource.Group {
	for i := range s.Groups {
		if s.Groups[i].Name == name {
			return &s.Groups[i]
		}
	}
	return nil
}

func groupVersion(s *resource.Snapshot, name, version string) *resource.GroupVersion {
	if g := findGroup(s, name); g != nil {
		for i := range g.Versions {
			if g.Versions[i].Name == version {
				return &g.Versions[i]
			}
		}
	}
	return nil
}

func apiGroup(g *resource.Group) metav1.APIGroup {
	out := metav1.APIGroup{Name: g.Name, Versions: []metav1.GroupVersionForDiscovery{}}
	for _, v := range g.Versions {
		out.Versions = append(out.Versions, metav1.GroupVersionForDiscovery{GroupVersion: apiVersion(g.Name, v.Name), Version: v.Name})
	}
	if len(out.Versions) > 0 {
		out.PreferredVersion = out.Versions[0]
	}
	return out
}

func apiVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// customVerbs is the order that custom resources list their verbs in.
var customVerbs = []resource.Verbs{resource.Delete, resource.DeleteCollection, resource.Get, resource.List, resource.Patch, resource.Create, resource.Update, resource.Watch}

// rowVerbs are the verbs of a resource as discovery lists them.
func rowVerbs(row resource.Row) metav1.Verbs {
	if !custom(row) {
		return verbs(row.Resource.Verbs)
	}
	has := row.Resource.Verbs
	if row.Resource.Rules.Closing {
		has &^= resource.Create | resource.Patch | resource.Update
	}
	out := metav1.Verbs{}
	for _, v := range customVerbs {
		if has.Has(v) {
			out = append(out, v.Names()...)
		}
	}
	return out
}

// verbs lists a set of verbs, which is never null.
func verbs(v resource.Verbs) metav1.Verbs {
	if names := v.Names(); names != nil {
		return names
	}
	return metav1.Verbs{}
}

// storageVersionHash lets clients see that the stored version changed: it is the same wherever group, version and
// kind of the stored version are. A custom resource whose stored version is not served has none.
func storageVersionHash(row resource.Row) string {
	r := row.Resource
	if r.Prefix == "" || r.Serve != nil {
		return ""
	}
	v := r.Storage()
	if custom(row) && !v.Served {
		return ""
	}
	sum := sha256.Sum256([]byte(v.Group + "/" + v.Name + "/" + r.Names.Kind))
	return base64.StdEncoding.EncodeToString(sum[:8])
}
