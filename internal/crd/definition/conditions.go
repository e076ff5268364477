package definition

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Protected says whether a group belongs to the community, so that its definitions need an approval.
func Protected(group string) bool {
	return group == "k8s.io" || strings.HasSuffix(group, ".k8s.io") || group == "kubernetes.io" || strings.HasSuffix(group, ".kubernetes.io")
}

// Approval is what the approval annotation of a definition says.
type Approval int

const (
	ApprovalInvalid  Approval = iota // something else
	Approved                         // the URL of the approval
	ApprovalBypassed                 // "unapproved...": it is not, but may be created
	ApprovalMissing
)

// ApprovalOf reads the approval annotation, and says what it means in words.
func ApprovalOf(annotations map[string]string) (Approval, string) {
	text := annotations[v1beta1.KubeAPIApprovedAnnotation]
	switch {
	case text == "":
		return ApprovalMissing, fmt.Sprintf("protected groups must have approval annotation %q, see https://github.com/kubernetes/enhancements/pull/1111", v1beta1.KubeAPIApprovedAnnotation)
	case strings.HasPrefix(text, "unapproved"):
		return ApprovalBypassed, fmt.Sprintf("not approved: %q", text)
	}
	if u, err := url.ParseRequestURI(text); err == nil && u.Host != "" && u.Scheme != "" {
		return Approved, "approved in " + text
	}
	return ApprovalInvalid, fmt.Sprintf("protected groups must have approval annotation %q with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111", v1beta1.KubeAPIApprovedAnnotation)
}

// ApprovalCondition is the condition KubernetesAPIApprovalPolicyConformant of a definition, without a time; nil: its
// group is not protected, and it has none.
func ApprovalCondition(crd *v1beta1.CustomResourceDefinition) *v1beta1.CustomResourceDefinitionCondition {
	if !Protected(crd.Spec.Group) {
		return nil
	}
	state, message := ApprovalOf(crd.Annotations)
	c := &v1beta1.CustomResourceDefinitionCondition{
		Type: v1beta1.KubernetesAPIApprovalPolicyConformant, Status: v1beta1.ConditionFalse, Message: message,
	}
	switch state {
	case ApprovalInvalid:
		c.Reason = "InvalidAnnotation"
	case ApprovalMissing:
		c.Reason = "MissingAnnotation"
	case ApprovalBypassed:
		c.Reason = "UnapprovedAnnotation"
	case Approved:
		c.Status, c.Reason = v1beta1.ConditionTrue, "ApprovedAnnotation"
	}
	return c
}

// NonStructuralCondition is the condition NonStructuralSchema of a definition, without a time; nil: all its schemas
// are structural, and it has none.
func NonStructuralCondition(crd *v1beta1.CustomResourceDefinition) *v1beta1.CustomResourceDefinitionCondition {
	c := &v1beta1.CustomResourceDefinitionCondition{Type: v1beta1.NonStructuralSchema, Status: v1beta1.ConditionUnknown}
	var errs field.ErrorList
	if crd.Spec.PreserveUnknownFields == nil || *crd.Spec.PreserveUnknownFields {
		errs = append(errs, field.Invalid(field.NewPath("spec", "preserveUnknownFields"), true, "must be false"))
	}
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		s := Root(v.Schema)
		if crd.Spec.Validation != nil {
			s = crd.Spec.Validation.OpenAPIV3Schema
		}
		if s == nil {
			continue
		}
		if err := Convertible(s); err != nil {
			c.Reason, c.Message = "StructuralError", fmt.Sprintf("failed to check validation schema for version %s: %v", v.Name, err)
			return c
		}
		errs = append(errs, Structural(s, field.NewPath("spec", "versions").Index(i).Child("schema", "openAPIV3Schema"))...)
	}
	if len(errs) == 0 {
		return nil
	}
	c.Status, c.Reason, c.Message = v1beta1.ConditionTrue, "Violations", errs.ToAggregate().Error()
	return c
}

// SetCondition puts a condition where the one of its type stands, or at the end. Its time is now unless the status
// was the same before. The list of conditions may be changed in place.
func SetCondition(crd *v1beta1.CustomResourceDefinition, c v1beta1.CustomResourceDefinitionCondition, now time.Time) {
	c.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	for i := range crd.Status.Conditions {
		old := &crd.Status.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status && !old.LastTransitionTime.IsZero() {
			c.LastTransitionTime = old.LastTransitionTime
		}
		old.Status, old.LastTransitionTime, old.Reason, old.Message = c.Status, c.LastTransitionTime, c.Reason, c.Message
		return
	}
	crd.Status.Conditions = append(crd.Status.Conditions, c)
}

// RemoveCondition takes the condition of a type away.
func RemoveCondition(crd *v1beta1.CustomResourceDefinition, t v1beta1.CustomResourceDefinitionConditionType) {
	crd.Status.Conditions = slices.DeleteFunc(crd.Status.Conditions, func(c v1beta1.CustomResourceDefinitionCondition) bool { return c.Type == t })
}

// ConditionTrue says whether a condition is true.
func ConditionTrue(crd *v1beta1.CustomResourceDefinition, t v1beta1.CustomResourceDefinitionConditionType) bool {
	for i := range crd.Status.Conditions {
		if c := &crd.Status.Conditions[i]; c.Type == t {
			return c.Status == v1beta1.ConditionTrue
		}
	}
	return false
}
