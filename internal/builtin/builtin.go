// Package builtin is the ordered list of the kinds that the server has by itself, and what --runtime-config makes of
// it. The kinds are described in a package each group.
//
// Nouns: All describes every kind; Configure says which of their versions are served; Groups lists those as discovery
// does. Invariants: the order of order is the order of discovery, and a version that it does not name is stored at
// most, never served. Concurrency: All makes new values at each call; once in a Catalog they must not be changed.
package builtin

import (
	"sort"

	pschema "github.com/pintle-io/pintle/internal/schema"

	"github.com/pintle-io/pintle/internal/builtin/admissionregistration"
	"github.com/pintle-io/pintle/internal/builtin/apiextensions"
	"github.com/pintle-io/pintle/internal/builtin/apiregistration"
	"github.com/pintle-io/pintle/internal/builtin/apiserverinternal"
	"github.com/pintle-io/pintle/internal/builtin/apps"
	"github.com/pintle-io/pintle/internal/builtin/authentication"
	"github.com/pintle-io/pintle/internal/builtin/authorization"
	"github.com/pintle-io/pintle/internal/builtin/autoscaling"
	"github.com/pintle-io/pintle/internal/builtin/batch"
	"github.com/pintle-io/pintle/internal/builtin/certificates"
	"github.com/pintle-io/pintle/internal/builtin/coordination"
	"github.com/pintle-io/pintle/internal/builtin/core"
	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/builtin/discovery"
	"github.com/pintle-io/pintle/internal/builtin/flowcontrol"
	"github.com/pintle-io/pintle/internal/builtin/networking"
	"github.com/pintle-io/pintle/internal/builtin/node"
	"github.com/pintle-io/pintle/internal/builtin/policy"
	"github.com/pintle-io/pintle/internal/builtin/rbac"
	dra "github.com/pintle-io/pintle/internal/builtin/resource"
	"github.com/pintle-io/pintle/internal/builtin/scheduling"
	"github.com/pintle-io/pintle/internal/builtin/storage"
	"github.com/pintle-io/pintle/internal/builtin/storagemigration"
	"github.com/pintle-io/pintle/internal/resource"
)

// group is a group with the versions that it may serve, by priority, and its kinds.
type group struct {
	name     string
	versions []string
	kinds    func(resource.Deps) describe.Kinds
}

// order is THE list.
var order = []group{
	{"", []string{"v1"}, core.Resources},
	{"apiregistration.k8s.io", []string{"v1"}, apiregistration.Resources},
	{"apps", []string{"v1"}, apps.Resources},
	{"events.k8s.io", []string{"v1"}, nil}, // core's Events
	{"authentication.k8s.io", []string{"v1"}, authentication.Resources},
	{"authorization.k8s.io", []string{"v1"}, authorization.Resources},
	{"autoscaling", []string{"v2", "v1"}, autoscaling.Resources},
	{"batch", []string{"v1"}, batch.Resources},
	{"certificates.k8s.io", []string{"v1", "v1beta1", "v1alpha1"}, certificates.Resources},
	{"networking.k8s.io", []string{"v1", "v1beta1"}, networking.Resources},
	{"policy", []string{"v1"}, policy.Resources},
	{"rbac.authorization.k8s.io", []string{"v1"}, rbac.Resources},
	{"storage.k8s.io", []string{"v1", "v1beta1"}, storage.Resources},
	{"admissionregistration.k8s.io", []string{"v1", "v1beta1", "v1alpha1"}, admissionregistration.Resources},
	{"apiextensions.k8s.io", []string{"v1"}, apiextensions.Resources},
	{"scheduling.k8s.io", []string{"v1", "v1alpha2"}, scheduling.Resources},
	{"coordination.k8s.io", []string{"v1", "v1beta1", "v1alpha2"}, coordination.Resources},
	{"node.k8s.io", []string{"v1"}, node.Resources},
	{"discovery.k8s.io", []string{"v1"}, discovery.Resources},
	{"resource.k8s.io", []string{"v1", "v1beta2", "v1beta1", "v1alpha3"}, dra.Resources},
	{"flowcontrol.apiserver.k8s.io", []string{"v1"}, flowcontrol.Resources},
	{"internal.apiserver.k8s.io", []string{"v1alpha1"}, apiserverinternal.Resources},
	{"storagemigration.k8s.io", []string{"v1beta1"}, storagemigration.Resources},
}

// noColumns are the kinds for which the reference has no columns either.
var noColumns = map[string]bool{"clusterroles": true, "csistoragecapacities": true, "customresourcedefinitions": true,
	"limitranges": true, "roles": true}

// All describes every kind, those that are off by default too. Their versions are Served as without --runtime-config.
func All(d resource.Deps) []*resource.Resource {
	var all []*resource.Resource
	for _, g := range order {
		if g.kinds == nil {
			continue
		}
		for _, r := range g.kinds(d) {
			if d.Schemas != nil {
				addSchemas(r, d.Schemas)
			}
			r.NoColumns = noColumns[r.Names.Plural]
			all = append(all, r)
		}
	}
	return all
}

func addSchemas(r *resource.Resource, s resource.Schemas) {
	for i := range r.Versions {
		kind := r.Versions[i].Codec.Kind
		r.Versions[i].Schema = func() *pschema.Schema { return s.Kind(kind.Group, kind.Version, kind.Kind) }
		for j := range r.Versions[i].Subs {
			if sub := &r.Versions[i].Subs[j]; sub.View != nil {
				sub.Schema = func() *pschema.Schema { return s.Kind(sub.Kind.Group, sub.Kind.Version, sub.Kind.Kind) }
			}
		}
	}
}

// Groups lists the versions that are served, as discovery does.
func Groups(all []*resource.Resource) []resource.Group {
	type gv struct{ group, version string }
	rows := map[gv][]resource.Row{}
	for _, r := range all {
		for i := range r.Versions {
			if v := &r.Versions[i]; v.Served {
				at := gv{v.Group, v.Name}
				rows[at] = append(rows[at], resource.Row{Resource: r, Version: v})
			}
		}
	}
	var out []resource.Group
	for _, g := range order {
		served := resource.Group{Name: g.name}
		for _, v := range g.versions {
			list := rows[gv{g.name, v}]
			if len(list) == 0 {
				continue
			}
			sort.Slice(list, func(i, j int) bool { return list[i].Resource.Names.Plural < list[j].Resource.Names.Plural })
			served.Versions = append(served.Versions, resource.GroupVersion{Name: v, Rows: list})
		}
		if len(served.Versions) > 0 {
			out = append(out, served)
		}
	}
	return out
}
