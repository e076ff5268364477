// Package coordination describes the kinds of the group coordination.k8s.io.
//
// Concurrency: hooks keep no state.
package coordination

import (
	"context"

	v1 "k8s.io/api/coordination/v1"
	"k8s.io/api/coordination/v1alpha2"
	"k8s.io/api/coordination/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "coordination.k8s.io"

// Resources lists the kinds.
func Resources(d resource.Deps) describe.Kinds {
	return describe.Kinds{
		describe.Kind{
			Plural: "leasecandidates", Kind: "LeaseCandidate", CreateOnUpdate: true, Conditional: true, AnyFinalizer: true,
			Versions: []resource.Version{
				describe.Off(describe.Version[v1beta1.LeaseCandidate](group, "v1beta1")),
				describe.Off(describe.Version[v1alpha2.LeaseCandidate](group, "v1alpha2")),
			},
			Rules: resource.Rules{ValidateName: func(name string, _ bool) []string { return validation.IsConfigMapKey(name) }},
		}.Resource(),
		Lease(d),
	}
}

func Lease(d resource.Deps) *resource.Resource {
	r := describe.Kind{
		Plural: "leases", Kind: "Lease", CreateOnUpdate: true, Conditional: true, AnyFinalizer: true,
		Versions: []resource.Version{describe.Version[v1.Lease](group, "v1")},
	}.Resource()
	coordinated := d.Features != nil && d.Features("CoordinatedLeaderElection")
	r.Prepare = func(_ context.Context, c *resource.Change) error {
		if coordinated {
			return nil
		}
		var old v1.LeaseSpec
		if c.Op == resource.OpUpdate {
			old = c.Old.(*v1.Lease).Spec
		}
		spec := &c.New.(*v1.Lease).Spec
		if old.Strategy == nil {
			spec.Strategy = nil
		}
		if old.PreferredHolder == nil {
			spec.PreferredHolder = nil
		}
		return nil
	}
	return r
}
