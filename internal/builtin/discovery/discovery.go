// Package discovery describes the kinds of the group discovery.k8s.io: where the endpoints of services are. It has
// nothing to do with API discovery.
//
// Concurrency: hooks keep no state.
package discovery

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	v1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	r := describe.Kind{
		Plural: "endpointslices", Kind: "EndpointSlice",
		Versions: []resource.Version{describe.Version[v1.EndpointSlice]("discovery.k8s.io", "v1")},
		// Everything but metadata counts, and of that the labels.
		Rules: resource.Rules{Generation: schema.Paths{
			"addressType": nil, "endpoints": nil, "ports": nil, "metadata": {"labels": nil},
		}},
	}.Resource()
	r.Prepare = prepareEndpointSlice
	return describe.Kinds{r}
}

var endpoints = schema.Paths{"endpoints": nil}

// prepareEndpointSlice drops the topology that v1beta1 had, and takes the node's name from it where that was known.
func prepareEndpointSlice(_ context.Context, c *resource.Change) error {
	slice := c.New.(*v1.EndpointSlice)
	if c.Op == resource.OpUpdate && resource.EqualPaths(c.Old, c.New, endpoints) {
		return nil
	}
	for i := range slice.Endpoints {
		ep := &slice.Endpoints[i]
		name, ok := ep.DeprecatedTopology[corev1.LabelHostname]
		if ok && ep.NodeName == nil && c.Op == resource.OpUpdate && hadHostname(c.Old.(*v1.EndpointSlice), name) &&
			len(validation.NameIsDNSSubdomain(name, false)) == 0 {
			ep.NodeName = &name
		}
		ep.DeprecatedTopology = nil
	}
	return nil
}

func hadHostname(slice *v1.EndpointSlice, name string) bool {
	for i := range slice.Endpoints {
		if name != "" && slice.Endpoints[i].DeprecatedTopology[corev1.LabelHostname] == name {
			return true
		}
	}
	return false
}
