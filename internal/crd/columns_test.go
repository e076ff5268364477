package crd

import (
	"reflect"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func object1() *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing",
		"metadata": map[string]any{"name": "one", "creationTimestamp": "2026-01-01T03:04:05Z"}}}
	for k, v := range sample {
		o.Object[k] = v
	}
	return o
}

func TestCells(t *testing.T) {
	for _, tc := range []struct {
		path, kind string
		want       any
	}{
		{".spec.a", "string", "x"}, {".spec.n", "string", "3"}, {".spec.f", "string", "1.5"}, {".spec.yes", "string", "true"},
		{".spec.null", "string", "<no value>"}, {".spec.list", "string", `["p",2,null]`}, {".spec.deep", "string", `{"er":{"still":"here"}}`},
		{".spec.none", "string", nil}, {".spec.n", "integer", int64(3)}, {".spec.f", "integer", int64(1)}, {".spec.a", "integer", nil},
		{".spec.null", "integer", nil}, {".spec.n", "number", 3.0}, {".spec.f", "number", 1.5}, {".spec.yes", "number", nil},
		{".spec.yes", "boolean", true}, {".spec.a", "boolean", nil}, {".metadata.creationTimestamp", "date", "24h"},
		{".spec.a", "date", "<invalid>"}, {".spec.n", "date", nil}, {".spec.none", "date", nil},
		{`.status.conditions[?(@.type=="Ready")].status`, "string", "True"}, {".status.conditions[*].type", "string", "Ready"},
		{".spec.a[0]", "string", nil}, {".metadata.name", "string", "one"},
	} {
		cols := columns([]v1.CustomResourceColumnDefinition{{Name: "X", Type: tc.kind, JSONPath: tc.path}})
		if got := cols[1].Cell(object1(), now); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s as %s: got %#v, want %#v", tc.path, tc.kind, got, tc.want)
		}
	}
	for text, want := range map[string]string{"": "<unknown>", "null": "<unknown>", "2026-01-02T03:04:00+00:00": "5s", "2027-01-01T00:00:00Z": "<invalid>", "1.1.2026": "<invalid>"} {
		if got := cell("date", text, now); got != want {
			t.Errorf("%q: got %v, want %s", text, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	cols := columns([]v1.CustomResourceColumnDefinition{
		{Name: "A", Type: "string", JSONPath: ".spec.a", Priority: 1, Format: "byte"},
		{Name: "B", Type: "integer", JSONPath: ".spec.n", Description: "how many"},
		{Name: "C", Type: "string", JSONPath: ".spec["},
		{Name: "D", Type: "string", JSONPath: ".spec.a"},
	})
	for i := range cols {
		cols[i].Cell = nil
	}
	about := metav1.ObjectMeta{}.SwaggerDoc()
	want := cols[:0:0]
	want = append(want, columns(nil)[0])
	want = append(want, cols[1], cols[2])
	if !reflect.DeepEqual(cols, want) || cols[1].Description != "Custom resource definition column (in JSONPath format): .spec.a" ||
		cols[1].Priority != 1 || cols[1].Format != "byte" || cols[2].Description != "how many" {
		t.Errorf("got %+v", cols)
	}
	none := columns(nil)
	if len(none) != 2 || none[1].Name != "Age" || none[1].Type != "date" || none[1].Description != about["creationTimestamp"] || none[0].Format != "name" {
		t.Errorf("got %+v", none)
	}
}

func TestScaleColumns(t *testing.T) {
	s := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "one", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))}}
	var got []any
	for _, c := range scaleColumns() {
		got = append(got, c.Cell(s, now))
	}
	if want := []any{"one", nil, int64(0), "60m"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSelectable(t *testing.T) {
	fields := selectable([]v1.SelectableField{{JSONPath: ".spec.a"}, {JSONPath: ".spec.n"}, {JSONPath: ".spec.yes"}, {JSONPath: ".spec.none"}, {JSONPath: ".spec.null"}})
	for name, want := range map[string]string{"spec.a": "x", "spec.n": "3", "spec.yes": "true", "spec.none": "", "spec.null": ""} {
		if get := fields[name]; get == nil || get(object1()) != want {
			t.Errorf("%s: want %q", name, want)
		}
	}
	if selectable(nil) != nil || len(fields) != 5 {
		t.Error("too many")
	}
}

// BenchmarkRow makes one row with three usual columns.
func BenchmarkRow(b *testing.B) {
	cols := columns([]v1.CustomResourceColumnDefinition{
		{Name: "A", Type: "string", JSONPath: ".spec.a"},
		{Name: "Ready", Type: "string", JSONPath: `.status.conditions[?(@.type=="Ready")].status`},
		{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"},
	})
	o := object1()
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range cols {
			c.Cell(o, now)
		}
	}
}
