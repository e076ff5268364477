// Package apiserverinternal describes the kinds of the group internal.apiserver.k8s.io.
//
// Concurrency: hooks keep no state.
package apiserverinternal

import (
	"strings"

	"k8s.io/api/apiserverinternal/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{describe.Kind{
		Plural: "storageversions", Kind: "StorageVersion", Cluster: true, Conditional: true,
		Versions: []resource.Version{describe.Off(describe.Version[v1alpha1.StorageVersion]("internal.apiserver.k8s.io", "v1alpha1"))},
		Status:   true, StatusReset: describe.SpecAndMeta,
		Rules: resource.Rules{ValidateName: validateName},
	}.Resource()}
}

// validateName wants <group>.<resource>.
func validateName(name string, _ bool) (out []string) {
	i := strings.LastIndex(name, ".")
	if i < 0 {
		return []string{"name must be in the form of <group>.<resource>"}
	}
	for _, msg := range validation.IsDNS1123Subdomain(name[:i]) {
		out = append(out, "the group segment "+msg)
	}
	for _, msg := range validation.IsDNS1035Label(name[i+1:]) {
		out = append(out, "the resource segment "+msg)
	}
	return out
}
