package authorization

import (
	"fmt"

	v1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// invalidKind is the kind that a refusal names. The reference loses the name of the kind there.
var invalidKind = schema.GroupKind{Group: group}

// nonResource is how the reference prints non-resource attributes in a refusal.
type nonResource struct{ Path, Verb string }

func validateSubject(spec *v1.SubjectAccessReviewSpec) field.ErrorList {
	errs := validateAttributes(spec.ResourceAttributes, spec.NonResourceAttributes)
	if spec.User == "" && len(spec.Groups) == 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "user"), spec.User, "at least one of user or group must be specified"))
	}
	return append(errs, validateSelectors(spec.ResourceAttributes)...)
}

func validateAttributes(r *v1.ResourceAttributes, n *v1.NonResourceAttributes) field.ErrorList {
	switch {
	case r != nil && n != nil:
		return field.ErrorList{field.Invalid(field.NewPath("spec", "nonResourceAttributes"), &nonResource{Path: n.Path, Verb: n.Verb},
			"cannot be specified in combination with resourceAttributes")}
	case r == nil && n == nil:
		return field.ErrorList{field.Invalid(field.NewPath("spec", "resourceAttributes"), (*nonResource)(nil),
			"exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	}
	return nil
}

func validateSelectors(r *v1.ResourceAttributes) (errs field.ErrorList) {
	if r == nil {
		return nil
	}
	path := field.NewPath("spec.resourceAttributes")
	if s := r.FieldSelector; s != nil {
		at := path.Child("fieldSelector")
		errs = append(errs, validateForm(s.RawSelector, len(s.Requirements), at)...)
		for i, q := range s.Requirements {
			errs = append(errs, metav1validation.ValidateFieldSelectorRequirement(q,
				metav1validation.FieldSelectorValidationOptions{AllowUnknownOperatorInRequirement: true}, at.Child("requirements").Index(i))...)
		}
	}
	if s := r.LabelSelector; s != nil {
		at := path.Child("labelSelector")
		errs = append(errs, validateForm(s.RawSelector, len(s.Requirements), at)...)
		for i, q := range s.Requirements {
			errs = append(errs, metav1validation.ValidateLabelSelectorRequirement(q,
				metav1validation.LabelSelectorValidationOptions{AllowUnknownOperatorInRequirement: true}, at.Child("requirements").Index(i))...)
		}
	}
	return errs
}

// validateForm wants a selector in one of its two forms.
func validateForm(raw string, requirements int, at *field.Path) field.ErrorList {
	switch {
	case raw != "" && requirements > 0:
		return field.ErrorList{field.Invalid(at.Child("rawSelector"), raw, "may not specified at the same time as requirements")}
	case raw == "" && requirements == 0:
		return field.ErrorList{field.Required(at.Child("requirements"), fmt.Sprintf("when %s is specified, requirements or rawSelector is required", at))}
	}
	return nil
}

func validateEmptyMeta(m *metav1.ObjectMeta) field.ErrorList {
	if emptyMeta(m, "") {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), *m, "must be empty")}
}

func validateLocal(r *v1.LocalSubjectAccessReview) (errs field.ErrorList) {
	if !emptyMeta(&r.ObjectMeta, r.Namespace) {
		errs = append(errs, field.Invalid(field.NewPath("metadata"), r.ObjectMeta, "must be empty except for namespace"))
	}
	if a := r.Spec.ResourceAttributes; a != nil && a.Namespace != r.Namespace {
		errs = append(errs, field.Invalid(field.NewPath("spec.resourceAttributes.namespace"), a.Namespace, "must match metadata.namespace"))
	}
	if n := r.Spec.NonResourceAttributes; n != nil {
		errs = append(errs, field.Invalid(field.NewPath("spec.nonResourceAttributes"), &nonResource{Path: n.Path, Verb: n.Verb}, "disallowed on this kind of request"))
	}
	return errs
}

// emptyMeta says whether metadata holds nothing but the namespace, and what field tracking put there.
func emptyMeta(m *metav1.ObjectMeta, namespace string) bool {
	want := v1.SubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, ManagedFields: m.ManagedFields}}
	return resource.EqualPaths(&want, &v1.SubjectAccessReview{ObjectMeta: *m}, pschema.Paths{"metadata": nil})
}
