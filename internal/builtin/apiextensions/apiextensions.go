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

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "apiextensions.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	served := describe.Version[v1.CustomResourceDefinition](group, "v1")
	stored := describe.Stored(describe.Off(describe.Version[v1beta1.CustomResourceDefinition](group, "v1beta1")))
	served.Codec.StoreJSON, stored.Codec.StoreJSON = true, true
	served.Convert, stored.Convert = convert, convert
	served.Default = setDefaults
	stored.Restore = func(o object.Object) error { // what servers of long ago have left out
		v1beta1.SetDefaults_CustomResourceDefinition(o.(*v1beta1.CustomResourceDefinition))
		return nil
	}
	r := describe.Kind{
		Plural: "customresourcedefinitions", Kind: "CustomResourceDefinition", Short: []string{"crd", "crds"}, Cluster: true,
		Categories: []string{"api-extensions"}, Conditional: true, AnyFinalizer: true, Prefix: "apiextensions.k8s.io/customresourcedefinitions",
		Versions: []resource.Version{served, stored}, Status: true, StatusReset: describe.SpecAndMeta,
		Rules: resource.Rules{Generation: describe.Spec, NameFits: nameFits, UpdateTrustsMeta: true},
	}.Resource()
	// A write to the status can change the metadata, although nobody owns it there.
	for i := range r.Versions {
		s := r.Versions[i].Sub("status")
		s.Reset, s.Untracked = describe.Spec, describe.SpecAndMeta
	}
	r.Prepare, r.Validate, r.Warn, r.Deleting = prepare, validate, warn, deleting
	return describe.Kinds{r}
}

// nameFits wants the name that group and plural give.
func nameFits(o object.Object, name string) []string {
	if spec := &o.(*v1beta1.CustomResourceDefinition).Spec; name != spec.Names.Plural+"."+spec.Group {
		return []string{`must be spec.names.plural+"."+spec.group`}
	}
	return nil
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

// deleting holds a definition until its objects are gone: whoever removes them takes the finalizer away. Nothing else
// about dependents is looked at here.
func deleting(_ context.Context, c *resource.Change) (keep bool, err error) {
	crd := c.New.(*v1beta1.CustomResourceDefinition)
	crd.Finalizers = slices.Clone(c.Old.GetFinalizers())
	if !slices.Contains(crd.Finalizers, v1beta1.CustomResourceCleanupFinalizer) {
		crd.Finalizers = append(crd.Finalizers, v1beta1.CustomResourceCleanupFinalizer)
	}
	definition.SetCondition(crd, v1beta1.CustomResourceDefinitionCondition{
		Type: v1beta1.Terminating, Status: v1beta1.ConditionTrue, Reason: "InstanceDeletionPending",
		Message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
	}, c.Now)
	return true, nil
}
