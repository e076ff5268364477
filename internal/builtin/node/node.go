// Package node describes the kinds of the group node.k8s.io. Node itself is in package core.
//
// Concurrency: hooks keep no state.
package node

import (
	v1 "k8s.io/api/node/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{describe.Kind{
		Plural: "runtimeclasses", Kind: "RuntimeClass", Cluster: true, CreateOnUpdate: true, Conditional: true, AnyFinalizer: true,
		Versions: []resource.Version{describe.Version[v1.RuntimeClass]("node.k8s.io", "v1")},
	}.Resource()}
}
