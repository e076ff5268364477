// Package apiregistration describes the kinds of the group apiregistration.k8s.io.
//
// Concurrency: hooks keep no state.
package apiregistration

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	v1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	version := describe.Version[v1.APIService]("apiregistration.k8s.io", "v1")
	version.Codec.StoreJSON = true
	r := describe.Kind{
		Plural: "apiservices", Kind: "APIService", Cluster: true, Categories: []string{"api-extensions"}, Conditional: true, AnyFinalizer: true,
		Prefix: "apiregistration.k8s.io/apiservices", Versions: []resource.Version{version},
		Status: true, StatusReset: describe.SpecAndMeta,
		Rules: resource.Rules{ValidateName: func(name string, _ bool) []string { return content.IsPathSegmentName(name) }},
	}.Resource()
	r.Prepare, r.Validate = prepare, validate
	return describe.Kinds{r}
}

// prepare says of a new service that this server serves itself that it is there.
func prepare(_ context.Context, c *resource.Change) error {
	s := c.New.(*v1.APIService)
	if c.Op == resource.OpCreate && s.Spec.Service == nil {
		s.Status.Conditions = []v1.APIServiceCondition{{
			Type: v1.Available, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(c.Now),
			Reason: "Local", Message: "Local APIServices are always available",
		}}
	}
	return nil
}

// validate wants the name that the group and version give.
func validate(_ context.Context, c *resource.Change) field.ErrorList {
	s := c.New.(*v1.APIService)
	want := s.Spec.Version + "." + s.Spec.Group
	if s.Name == want || len(content.IsPathSegmentName(s.Name)) > 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), s.Name, fmt.Sprintf("must be `spec.version+\".\"+spec.group`: %q", want))}
}
