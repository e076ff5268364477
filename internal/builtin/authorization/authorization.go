// Package authorization describes the kinds of the group authorization.k8s.io: questions, answered and not stored.
//
// Until there is an authorizer, whoever is authenticated may do everything, and that is what the answers say.
// Concurrency: hooks keep no state.
package authorization

import (
	"context"
	"fmt"

	v1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "authorization.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	kind := func(plural, name string, cluster bool, v resource.Version, serve func(context.Context, *resource.Change) (object.Object, error)) *resource.Resource {
		r := describe.Kind{
			Plural: plural, Kind: name, Cluster: cluster, Verbs: resource.Create, Virtual: true, Versions: []resource.Version{v},
		}.Resource()
		r.Serve = serve
		return r
	}
	return describe.Kinds{
		kind("localsubjectaccessreviews", "LocalSubjectAccessReview", false, describe.Version[v1.LocalSubjectAccessReview](group, "v1"), reviewLocal),
		kind("selfsubjectaccessreviews", "SelfSubjectAccessReview", true, describe.Version[v1.SelfSubjectAccessReview](group, "v1"), reviewSelf),
		kind("selfsubjectrulesreviews", "SelfSubjectRulesReview", true, describe.Version[v1.SelfSubjectRulesReview](group, "v1"), reviewRules),
		kind("subjectaccessreviews", "SubjectAccessReview", true, describe.Version[v1.SubjectAccessReview](group, "v1"), review),
	}
}

// everything is the answer of an authorizer that allows all.
var everything = v1.SubjectAccessReviewStatus{Allowed: true}

func review(_ context.Context, c *resource.Change) (object.Object, error) {
	r := c.New.(*v1.SubjectAccessReview)
	if errs := append(validateSubject(&r.Spec), validateEmptyMeta(&r.ObjectMeta)...); len(errs) > 0 {
		return nil, apierrors.NewInvalid(invalidKind, "", errs)
	}
	r.Status = everything
	return r, nil
}

func reviewLocal(_ context.Context, c *resource.Change) (object.Object, error) {
	r := c.New.(*v1.LocalSubjectAccessReview)
	if errs := append(validateSubject(&r.Spec), validateLocal(r)...); len(errs) > 0 {
		return nil, apierrors.NewInvalid(invalidKind, "", errs)
	}
	if c.Namespace != r.Namespace {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("spec.resourceAttributes.namespace must match namespace: %v", c.Namespace))
	}
	r.Status = everything
	return r, nil
}

func reviewSelf(_ context.Context, c *resource.Change) (object.Object, error) {
	r := c.New.(*v1.SelfSubjectAccessReview)
	errs := append(validateAttributes(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes), validateSelectors(r.Spec.ResourceAttributes)...)
	if errs = append(errs, validateEmptyMeta(&r.ObjectMeta)...); len(errs) > 0 {
		return nil, apierrors.NewInvalid(invalidKind, "", errs)
	}
	r.Status = everything
	return r, nil
}

func reviewRules(_ context.Context, c *resource.Change) (object.Object, error) {
	if c.New.(*v1.SelfSubjectRulesReview).Spec.Namespace == "" {
		return nil, apierrors.NewBadRequest("no namespace on request")
	}
	return &v1.SelfSubjectRulesReview{Status: v1.SubjectRulesReviewStatus{
		ResourceRules:    []v1.ResourceRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}},
		NonResourceRules: []v1.NonResourceRule{{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}},
	}}, nil
}
