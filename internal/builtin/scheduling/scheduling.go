// Package scheduling describes the kinds of the group scheduling.k8s.io.
//
// Concurrency: hooks keep no state.
package scheduling

import (
	corev1 "k8s.io/api/core/v1"
	v1 "k8s.io/api/scheduling/v1"
	"k8s.io/api/scheduling/v1alpha2"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "scheduling.k8s.io"

func PriorityClass() *resource.Resource {
	r := describe.Kind{
		Plural: "priorityclasses", Kind: "PriorityClass", Short: []string{"pc"}, Cluster: true,
		Versions: []resource.Version{describe.Version[v1.PriorityClass](group, "v1")},
		Rules:    resource.Rules{Generation: describe.Starts},
	}.Resource()
	r.Versions[0].Default = func(o object.Object) {
		if c := o.(*v1.PriorityClass); c.PreemptionPolicy == nil {
			preempt := corev1.PreemptLowerPriority
			c.PreemptionPolicy = &preempt
		}
	}
	return r
}

// Resources lists the kinds.
func Resources(d resource.Deps) describe.Kinds {
	return describe.Kinds{PriorityClass()}.With(d, "GenericWorkload", describe.Kind{
		Plural: "podgroups", Kind: "PodGroup", Status: true, StatusReset: describe.SpecAndMeta,
		Versions: []resource.Version{describe.Off(describe.Version[v1alpha2.PodGroup](group, "v1alpha2"))},
	}.Resource()).With(d, "GenericWorkload", describe.Kind{
		Plural: "workloads", Kind: "Workload",
		Versions: []resource.Version{describe.Off(describe.Version[v1alpha2.Workload](group, "v1alpha2"))},
	}.Resource())
}
