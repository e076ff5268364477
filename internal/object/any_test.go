package object

import (
	"errors"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestAnyLikeOracle(t *testing.T) {
	meta := schema.GroupVersion{Group: "meta.k8s.io", Version: "v1"}
	pod := usualPod()
	row, _ := codecFor(corev1.SchemeGroupVersion.WithKind("Pod")).Append(nil, JSON, pod)
	for _, tc := range []struct {
		kind schema.GroupVersionKind
		obj  runtime.Object
	}{
		{schema.GroupVersionKind{Version: "v1", Kind: "Status"}, &metav1.Status{Status: "Failure", Message: `no "<x>"`, Reason: "NotFound", Code: 404,
			Details: &metav1.StatusDetails{Name: "x", Kind: "pods", Causes: []metav1.StatusCause{{Type: "a", Field: "b"}}}}},
		{meta.WithKind("PartialObjectMetadata"), PartialMeta(pod)},
		{meta.WithKind("PartialObjectMetadataList"), &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: []metav1.PartialObjectMetadata{*PartialMeta(pod)}}},
		{meta.WithKind("Table"), &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name", Type: "string", Format: "name"}},
			Rows: []metav1.TableRow{{Cells: []any{"a", int64(1), nil}, Object: runtime.RawExtension{Raw: row}}}}},
		{meta.WithKind("DeleteOptions"), &metav1.DeleteOptions{GracePeriodSeconds: new(int64(3)), Preconditions: &metav1.Preconditions{UID: new(pod.UID)}}},
		{autoscalingv1.SchemeGroupVersion.WithKind("Scale"), &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}}},
		{policyv1.SchemeGroupVersion.WithKind("Eviction"), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "x"}}},
	} {
		for e := range Encodings {
			got, err := EncodeAny(nil, e, tc.kind, tc.obj)
			if e == Protobuf && tc.kind.Kind == "Table" {
				if !errors.Is(err, ErrNotMarshalable) {
					t.Errorf("Table: %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if e == JSON {
				got = append(got, Newline...)
			}
			same(t, tc.kind.Kind+" "+names[e], got, oracleAny(t, e, tc.kind, tc.obj))
			into, back := newOf(tc.obj), newOf(tc.obj)
			if warnings, err := DecodeAny(e, got, tc.kind, into, true); err != nil || warnings != nil {
				t.Fatalf("%s %s: %v %v", tc.kind.Kind, names[e], warnings, err)
			}
			if _, err := DecodeAny(e, got, tc.kind, back, false); err != nil {
				t.Fatal(err)
			}
			again, err := EncodeAny(nil, e, tc.kind, into)
			if err != nil {
				t.Fatal(err)
			}
			if e == JSON {
				again = append(again, Newline...)
			}
			same(t, "again", again, got)
			if !equality.Semantic.DeepEqual(into, back) {
				t.Fatal("strict and not strict differ")
			}
		}
	}
}

func oracleAny(t testing.TB, e Encoding, kind schema.GroupVersionKind, obj runtime.Object) []byte {
	obj = obj.DeepCopyObject()
	obj.GetObjectKind().SetGroupVersionKind(kind)
	b, err := runtime.Encode(runtimeEncoder{oracleInfo(e).Serializer}, obj)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type runtimeEncoder struct{ runtime.Encoder }

func newOf(obj runtime.Object) runtime.Object {
	fresh := obj.DeepCopyObject()
	setZero(fresh)
	return fresh
}

// DeleteOptions are accepted in every group and version, other kinds only as they are.
func TestDecodeOptions(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "meta.k8s.io", Version: "v1", Kind: "DeleteOptions"}
	for _, body := range []string{`{}`, `{"kind":"DeleteOptions","apiVersion":"v1"}`, `{"kind":"DeleteOptions","apiVersion":"foo/v1","gracePeriodSeconds":5}`} {
		var o metav1.DeleteOptions
		if _, err := DecodeAny(JSON, []byte(body), kind, &o, false); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	var o metav1.DeleteOptions
	_, err := DecodeAny(JSON, []byte(`{"kind":"Foo"}`), kind, &o, false)
	if want := `no kind "Foo" is registered for version "meta.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = DecodeAny(JSON, []byte(`{"preconditions":1}`), kind, &o, false)
	if want := `json: cannot unmarshal number into Go struct field DeleteOptions.preconditions of type v1.Preconditions`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
