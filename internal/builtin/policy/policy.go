// Package policy describes the kinds of the group policy. pods/eviction is in package core.
//
// Concurrency: hooks keep no state.
package policy

import (
	policyv1 "k8s.io/api/policy/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{describe.Kind{
		Plural: "poddisruptionbudgets", Kind: "PodDisruptionBudget", Short: []string{"pdb"}, Conditional: true,
		Versions: []resource.Version{describe.Version[policyv1.PodDisruptionBudget]("policy", "v1")}, Status: true,
		Rules: resource.Rules{Generation: describe.Spec},
	}.Resource()}
}
