// Package autoscaling describes the kinds of the group autoscaling: a HorizontalPodAutoscaler is stored as v2, and
// v1 keeps what it has no fields for in annotations.
//
// Concurrency: hooks keep no state.
package autoscaling

import (
	v1 "k8s.io/api/autoscaling/v1"
	v2 "k8s.io/api/autoscaling/v2"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	r := describe.Kind{
		Plural: "horizontalpodautoscalers", Kind: "HorizontalPodAutoscaler", Short: []string{"hpa"}, Categories: []string{"all"},
		Versions: []resource.Version{
			describe.Version[v2.HorizontalPodAutoscaler]("autoscaling", "v2"),
			describe.Version[v1.HorizontalPodAutoscaler]("autoscaling", "v1"),
		},
		Status: true,
	}.Resource()
	one := func(n **int32) {
		if *n == nil {
			*n = new(int32(1))
		}
	}
	r.Versions[0].Default = func(o object.Object) {
		h := o.(*v2.HorizontalPodAutoscaler)
		one(&h.Spec.MinReplicas)
		if len(h.Spec.Metrics) == 0 {
			h.Spec.Metrics = []v2.MetricSpec{cpuMetric(80)}
		}
		dropAnnotations(h)
	}
	r.Versions[1].Default = func(o object.Object) { one(&o.(*v1.HorizontalPodAutoscaler).Spec.MinReplicas) }
	r.Versions[1].Convert = convert
	return describe.Kinds{r}
}
