package definition

import (
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func schemaOf(t *testing.T, text string) *Schema {
	t.Helper()
	s := &Schema{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStructural(t *testing.T) {
	for _, tc := range []struct{ schema, want string }{
		{`{"type":"object"}`, ""},
		{`{"type":"object","properties":{"a":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]}}}`, ""},
		{`{"type":"object","properties":{"a":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"string"},{"type":"integer"}]}}}`,
			"[at.properties[a].anyOf[0].type: Forbidden: must be empty to be structural, at.properties[a].anyOf[1].type: Forbidden: must be empty to be structural]"},
		{`{"type":"string"}`, `at.type: Invalid value: "string": must be object at the root`},
		{`{"type":"object","properties":{"a":{"type":"array"}}}`, "at.properties[a].items: Required value: must be specified"},
		{`{"type":"object","anyOf":[{"properties":{"a":{"minLength":1}}}]}`, "at.properties[a]: Required value: because it is defined in at.anyOf[0].properties[a]"},
		{`{"type":"object","properties":{"metadata":{"type":"object","properties":{"labels":{"type":"object"}}}}}`,
			"at.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"},
		{`{"type":"object","properties":{"metadata":{"type":"object","properties":{"name":{"type":"string","maxLength":3}}}}}`, ""},
		{`{"type":"object","additionalProperties":false}`, "at.additionalProperties: Forbidden: must not be used at the root"},
	} {
		got := ""
		if errs := Structural(schemaOf(t, tc.schema), field.NewPath("at")); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.schema, got, tc.want)
		}
	}
}

func TestNonStructuralCondition(t *testing.T) {
	no := false
	crd := &v1beta1.CustomResourceDefinition{Spec: v1beta1.CustomResourceDefinitionSpec{PreserveUnknownFields: &no,
		Validation: &v1beta1.CustomResourceValidation{OpenAPIV3Schema: schemaOf(t, `{"properties":{"a":{"type":"string"}}}`)},
		Versions:   []v1beta1.CustomResourceDefinitionVersion{{Name: "v1"}}}}
	c := NonStructuralCondition(crd)
	if c == nil || c.Message != "spec.versions[0].schema.openAPIV3Schema.type: Required value: must not be empty at the root" || c.Reason != "Violations" {
		t.Errorf("got %+v", c)
	}
	crd.Spec.Validation.OpenAPIV3Schema.Type = "object"
	if c := NonStructuralCondition(crd); c != nil {
		t.Errorf("got %+v", c)
	}
	crd.Spec.Validation.OpenAPIV3Schema.ID = "x"
	if c := NonStructuralCondition(crd); c.Reason != "StructuralError" || c.Status != v1beta1.ConditionUnknown {
		t.Errorf("got %+v", c)
	}
}

func TestApprovalCondition(t *testing.T) {
	for _, tc := range []struct{ group, annotation, want string }{
		{"example.com", "", ""},
		{"x.k8s.io", "", "MissingAnnotation"},
		{"kubernetes.io", "https://github.com/kubernetes/kubernetes/pull/1", "ApprovedAnnotation"},
		{"x.kubernetes.io", "unapproved, experimental-only", "UnapprovedAnnotation"},
		{"x.k8s.io", "yes", "InvalidAnnotation"},
	} {
		crd := &v1beta1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1beta1.KubeAPIApprovedAnnotation: tc.annotation}},
			Spec: v1beta1.CustomResourceDefinitionSpec{Group: tc.group}}
		got := ""
		if c := ApprovalCondition(crd); c != nil {
			got = c.Reason
		}
		if got != tc.want {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}

func TestSetCondition(t *testing.T) {
	crd := &v1beta1.CustomResourceDefinition{}
	set := func(s v1beta1.ConditionStatus, at int64) {
		SetCondition(crd, v1beta1.CustomResourceDefinitionCondition{Type: v1beta1.Established, Status: s}, time.Unix(at, 5))
	}
	set(v1beta1.ConditionTrue, 1)
	set(v1beta1.ConditionTrue, 2)
	if c := crd.Status.Conditions; len(c) != 1 || c[0].LastTransitionTime.Unix() != 1 || !ConditionTrue(crd, v1beta1.Established) {
		t.Errorf("got %+v", c)
	}
	set(v1beta1.ConditionFalse, 3)
	if c := crd.Status.Conditions[0]; c.LastTransitionTime.Unix() != 3 {
		t.Errorf("got %+v", c)
	}
	if RemoveCondition(crd, v1beta1.Established); len(crd.Status.Conditions) != 0 {
		t.Error("not removed")
	}
}
