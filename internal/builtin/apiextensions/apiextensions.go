// Package apiextensions describes the kinds of the group apiextensions.k8s.io.
//
// CustomResourceDefinitions are served as v1 and stored as v1beta1, which has a place for what all versions of a
// definition share; hooks see v1beta1. Concurrency: hooks keep no state.
package apiextensions

import (
	"context"
	"slices"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "apiextensions.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	served := describe.Version[v1.CustomResourceDefinition](group, "v1")
	stored := describe.Stored(describe.Off(describe.Version[v1beta1.CustomResourceDefinition](group, "v1beta1")))
	served.Codec.StoreJSON, stored.Codec.StoreJSON = true, true
	served.Convert, stored.Convert = convert, convert
	r := describe.Kind{
		Plural: "customresourcedefinitions", Kind: "CustomResourceDefinition", Short: []string{"crd", "crds"}, Cluster: true,
		Categories: []string{"api-extensions"}, Conditional: true, AnyFinalizer: true, Prefix: "apiextensions.k8s.io/customresourcedefinitions",
		Versions: []resource.Version{served, stored}, Status: true, StatusReset: describe.SpecAndMeta,
		Rules: resource.Rules{Generation: describe.Spec},
	}.Resource()
	// A write to the status can change the metadata, although nobody owns it there.
	for i := range r.Versions {
		s := r.Versions[i].Sub("status")
		s.Reset, s.Untracked = describe.Spec, describe.SpecAndMeta
	}
	r.Prepare, r.Validate = prepare, validate
	return describe.Kinds{r}
}

// prepare notes each version that objects were ever stored in.
func prepare(_ context.Context, c *resource.Change) error {
	crd := c.New.(*v1beta1.CustomResourceDefinition)
	if c.Sub != nil {
		return nil
	}
	for _, v := range crd.Spec.Versions {
		if v.Storage {
			if !slices.Contains(crd.Status.StoredVersions, v.Name) {
				// The old object's list is not appended to in place.
				crd.Status.StoredVersions = append(slices.Clone(crd.Status.StoredVersions), v.Name)
			}
			break
		}
	}
	return nil
}

// validate wants the name that the group and plural give.
func validate(_ context.Context, c *resource.Change) field.ErrorList {
	crd := c.New.(*v1beta1.CustomResourceDefinition)
	if c.Op != resource.OpCreate || crd.Name == crd.Spec.Names.Plural+"."+crd.Spec.Group {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), crd.Name, `must be spec.names.plural+"."+spec.group`)}
}
