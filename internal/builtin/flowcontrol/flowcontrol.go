// Package flowcontrol describes the kinds of the group flowcontrol.apiserver.k8s.io.
//
// Concurrency: hooks keep no state.
package flowcontrol

import (
	v1 "k8s.io/api/flowcontrol/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "flowcontrol.apiserver.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	kind := func(plural, name string, v resource.Version) *resource.Resource {
		return describe.Kind{
			Plural: plural, Kind: name, Cluster: true, Versions: []resource.Version{v},
			Status: true, StatusReset: describe.SpecAndMeta, Rules: resource.Rules{Generation: describe.Spec},
		}.Resource()
	}
	return describe.Kinds{
		kind("flowschemas", "FlowSchema", describe.Version[v1.FlowSchema](group, "v1")),
		kind("prioritylevelconfigurations", "PriorityLevelConfiguration", describe.Version[v1.PriorityLevelConfiguration](group, "v1")),
	}
}
