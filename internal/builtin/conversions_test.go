package builtin

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// conversion is a case of testdata/conversions.json; testdata/README.md says more.
type conversion struct {
	Name     string
	Create   json.RawMessage
	Versions map[string]json.RawMessage
	Stored   json.RawMessage
}

// decode reads an object of any built-in kind.
func decode(t *testing.T, all []*resource.Resource, data []byte) (*resource.Resource, *resource.Version, object.Object) {
	t.Helper()
	var kind struct{ APIVersion, Kind string }
	if err := json.Unmarshal(data, &kind); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if v := r.Of(schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind)); v != nil {
			obj, _, err := v.Codec.Decode(object.JSON, data, false)
			if err != nil {
				t.Fatal(err)
			}
			return r, v, obj
		}
	}
	t.Fatalf("no kind %v", kind)
	return nil, nil, nil
}

func encode(t *testing.T, v *resource.Version, obj object.Object) (out any) {
	t.Helper()
	data, err := v.Codec.Append(nil, object.JSON, obj)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestConversionsAsRecorded turns what the reference shows in each version into each other version.
func TestConversionsAsRecorded(t *testing.T) {
	var cases []conversion
	readJSON(t, "testdata/conversions.json", &cases)
	all := All(resource.Deps{})
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			shapes := c.Versions
			if c.Stored != nil {
				shapes["stored"] = c.Stored
			}
			for from, data := range shapes {
				for to, want := range shapes {
					// A v1 HPA puts the CPU last, and cannot leave out a current average: the way back is not the same.
					if from == "v1" && to == "v2" {
						continue
					}
					r, vFrom, obj := decode(t, all, data)
					_, vTo, _ := decode(t, all, want)
					out, err := resource.Convert(context.Background(), obj, vFrom, vTo)
					if err != nil {
						t.Fatalf("%s to %s: %v", from, to, err)
					}
					if tree := viaTree(t, data, vFrom, vTo); vTo != vFrom && !reflect.DeepEqual(encode(t, vTo, tree), encode(t, vTo, out)) {
						t.Errorf("%s to %s differs over a tree: %+v", from, to, tree)
					}
					if out.GetObjectKind().GroupVersionKind() != vTo.Codec.Kind && vTo != vFrom {
						t.Errorf("%s to %s: is a %v", from, to, out.GetObjectKind().GroupVersionKind())
					}
					var w any
					if err := json.Unmarshal(want, &w); err != nil {
						t.Fatal(err)
					}
					if g := encode(t, vTo, out); !reflect.DeepEqual(g, w) {
						a, _ := json.Marshal(g)
						b, _ := json.Marshal(w)
						t.Errorf("%s %s to %s:\n got %s\nwant %s", r.Names.Plural, from, to, a, b)
					}
				}
			}
			// What was created converts to what is shown, where defaults add nothing.
			if strings.HasPrefix(c.Name, "HPA of v1") {
				_, vFrom, obj := decode(t, all, c.Create)
				r, vTo, want := decode(t, all, shapes["v2"])
				out, err := resource.Convert(context.Background(), obj, vFrom, vTo)
				if err != nil {
					t.Fatal(err)
				}
				if !resource.EqualPaths(out, want, pschema.Paths{
					"spec": {"metrics": nil, "minReplicas": nil, "maxReplicas": nil, "behavior": {"scaleUp": nil}},
				}) || !maps.Equal(out.GetAnnotations(), want.GetAnnotations()) {
					t.Errorf("%s: created as %+v, shown as %+v", r.Names.Plural, out, want)
				}
			}
		})
	}
}

// viaTree converts an object that field tracking has as a tree.
func viaTree(t *testing.T, data []byte, from, to *resource.Version) object.Object {
	t.Helper()
	in := &unstructured.Unstructured{}
	if err := in.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	out, err := resource.Convert(context.Background(), in, from, to)
	if err != nil {
		t.Fatal(err)
	}
	tree, ok := out.(*unstructured.Unstructured)
	if !ok {
		t.Fatalf("a tree became a %T", out)
	}
	obj := to.Codec.NewObject()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(tree.Object, obj); err != nil {
		t.Fatal(err)
	}
	return obj
}
