package crd

import (
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
)

func scaleDef() *v1.CustomResourceSubresourceScale {
	selector := ".status.labels.selector"
	return &v1.CustomResourceSubresourceScale{SpecReplicasPath: ".spec.size.replicas", StatusReplicasPath: ".status.replicas", LabelSelectorPath: &selector}
}

func scaledObject(spec, status map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing",
		"metadata": map[string]any{"name": "one", "namespace": "ns", "uid": "u", "resourceVersion": "7"}}}
	if spec != nil {
		o.Object["spec"] = spec
	}
	if status != nil {
		o.Object["status"] = status
	}
	return o
}

func TestScaleView(t *testing.T) {
	sub := scaleSub(scaleDef(), schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"})
	if len(sub.Counted) != 3 || sub.Counted[1] != "size" {
		t.Errorf("counted at %v", sub.Counted)
	}
	full := scaledObject(map[string]any{"size": map[string]any{"replicas": int64(3)}}, map[string]any{"replicas": int64(2), "labels": map[string]any{"selector": "a=b"}})
	got, err := sub.View(full)
	if err != nil {
		t.Fatal(err)
	}
	s := got.(*autoscalingv1.Scale)
	if s.Spec.Replicas != 3 || s.Status.Replicas != 2 || s.Status.Selector != "a=b" || s.Name != "one" || s.Namespace != "ns" || s.ResourceVersion != "7" || s.UID != "u" {
		t.Errorf("got %+v", s)
	}
	for _, tc := range []struct {
		name string
		obj  *unstructured.Unstructured
		want string
	}{
		{"no replicas", scaledObject(nil, nil), `Internal error occurred: the spec replicas field ".spec.size.replicas" does not exist`},
		{"a text", scaledObject(map[string]any{"size": map[string]any{"replicas": "3"}}, nil), `.spec.size.replicas accessor error: 3 is of the type string, expected int64`},
		{"no map", scaledObject(map[string]any{"size": "x"}, nil), `.spec.size.replicas accessor error: x is of the type string, expected map[string]interface{}`},
		{"status", scaledObject(nil, map[string]any{"replicas": true}), `.status.replicas accessor error: true is of the type bool, expected int64`},
		{"selector", scaledObject(nil, map[string]any{"labels": map[string]any{"selector": int64(1)}}), `.status.labels.selector accessor error: 1 is of the type int64, expected string`},
	} {
		if _, err := sub.View(tc.obj); err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
	if got, err := sub.Start(scaledObject(nil, nil)); err != nil || got.(*autoscalingv1.Scale).Spec.Replicas != unset {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestScaleWrite(t *testing.T) {
	sub := scaleSub(scaleDef(), schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"})
	kind := &resource.Resource{Names: resource.Names{Plural: "things"}}
	for _, tc := range []struct {
		name  string
		scale autoscalingv1.Scale
		old   *unstructured.Unstructured
		want  string
		rv    string
	}{
		{"sets", autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 5}}, scaledObject(nil, nil), "", "7"},
		{"at a version", autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "6", UID: "u"}, Spec: autoscalingv1.ScaleSpec{Replicas: 5}},
			scaledObject(map[string]any{"other": "x"}, nil), "", "6"},
		{"unset", autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: unset}}, scaledObject(nil, nil), `the spec replicas field ".spec.size.replicas" cannot be empty`, ""},
		{"another uid", autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{UID: "x"}}, scaledObject(nil, nil), "Precondition failed", ""},
		{"nowhere", autoscalingv1.Scale{}, scaledObject(map[string]any{"size": "x"}, nil), `value cannot be set because .spec.size is not a map[string]interface{}`, ""},
	} {
		c := &resource.Change{Resource: kind, Old: tc.old, Body: &tc.scale}
		before := tc.old.DeepCopy()
		_, _, _, err := sub.Do(t.Context(), c)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v", tc.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		u := c.New.(*unstructured.Unstructured)
		if n, _, _ := unstructured.NestedInt64(u.Object, "spec", "size", "replicas"); n != 5 || u.GetResourceVersion() != tc.rv {
			t.Errorf("%s: got %v", tc.name, u.Object)
		}
		if !resource.Equal(before, tc.old) {
			t.Errorf("%s: the old object was changed", tc.name)
		}
	}
}

func TestScaleErrors(t *testing.T) {
	def := scaleDef()
	for _, tc := range []struct {
		replicas any
		want     string
	}{
		{int64(0), ""}, {int64(2147483647), ""}, {nil, `.spec.size.replicas: Invalid value: 0: .spec.size.replicas accessor error: <nil> is of the type <nil>, expected int64`},
		{int64(-1), ".spec.size.replicas: Invalid value: -1: should be a non-negative integer"},
		{int64(2147483648), ".spec.size.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647"},
		{"1", ".spec.size.replicas: Invalid value: 0: .spec.size.replicas accessor error: 1 is of the type string, expected int64"},
	} {
		errs := scaleSpecErrors(def, map[string]any{"spec": map[string]any{"size": map[string]any{"replicas": tc.replicas}}})
		if got := errs.ToAggregate(); tc.want == "" && got != nil || tc.want != "" && (got == nil || got.Error() != tc.want) {
			t.Errorf("%v: got %v", tc.replicas, got)
		}
	}
	errs := scaleStatusErrors(def, map[string]any{"status": map[string]any{"replicas": int64(-2), "labels": "x"}})
	if len(errs) != 2 || errs[0].Field != ".status.replicas" || errs[1].Field != ".status.labels.selector" {
		t.Errorf("got %v", errs)
	}
	if scaleSpecErrors(nil, nil) != nil || scaleStatusErrors(nil, nil) != nil || scaleStatusErrors(def, map[string]any{}) != nil {
		t.Error("nothing is wrong with what is not there")
	}
}
