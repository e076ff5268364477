package patch

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/pintle-io/pintle/internal/object"
)

func TestJSON(t *testing.T) {
	doc := `{"a":{"b":[1,2]},"c":"x"}`
	for _, c := range []struct{ patch, want, warnings, err string }{
		{patch: `[{"op":"replace","path":"/c","value":"y"}]`, want: `{"a":{"b":[1,2]},"c":"y"}`},
		{patch: `[{"op":"add","path":"/a/b/-","value":3}]`, want: `{"a":{"b":[1,2,3]},"c":"x"}`},
		{patch: `[{"op":"move","from":"/c","path":"/d"}]`, want: `{"a":{"b":[1,2]},"d":"x"}`},
		{patch: `[{"op":"copy","from":"/c","path":"/d"}]`, want: `{"a":{"b":[1,2]},"c":"x","d":"x"}`},
		{patch: `[{"op":"test","path":"/c","value":"x","extra":1}]`, want: doc, warnings: `json patch unknown field "[0].extra"`},
		{patch: `[{"op":"test","path":"/c","value":"z"}]`, err: "422 Invalid the server rejected our request due to an error in our request\n"},
		{patch: `[{"op":"remove","path":"/zz"}]`, err: "422 Invalid the server rejected our request due to an error in our request\n"},
		{patch: `[{"op":"replace","path":"/zz/y","value":1}]`, err: "422 Invalid the server rejected our request due to an error in our request\n"},
		{patch: `{"a":1}`, err: "400 BadRequest error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp\n"},
		{patch: `[`, err: "400 BadRequest error decoding patch: unexpected end of JSON input\n"},
	} {
		out, warnings, err := JSON([]byte(doc), []byte(c.patch), true)
		if got := errText(err); got != c.err {
			t.Errorf("%s: error %q, want %q", c.patch, got, c.err)
		}
		if string(out) != c.want || strings.Join(warnings, ",") != c.warnings {
			t.Errorf("%s: %s %q", c.patch, out, warnings)
		}
	}
	many := "[" + strings.Repeat(`{"op":"test","path":"/c","value":"x"},`, maxOperations) + `{"op":"test","path":"/c","value":"x"}]`
	if _, _, err := JSON([]byte(doc), []byte(many), false); errText(err) != "413 RequestEntityTooLarge Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001\n" {
		t.Error(errText(err))
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ doc, patch, want, warnings, err string }{
		{doc: `{"a":{"b":1,"c":2}}`, patch: `{"a":{"b":null,"d":{"x":null}}}`, want: `{"a":{"c":2,"d":{}}}`},
		{doc: `{"a":1}`, patch: `{"a":2,"a":3}`, want: `{"a":3}`, warnings: `duplicate field "a"`},
		{doc: `{"a":1}`, patch: `[1]`, err: "400 BadRequest error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}\n"},
		{doc: `{"a":1}`, patch: `{`, err: "400 BadRequest error decoding patch: unexpected end of JSON input\n"},
	} {
		out, warnings, err := Merge([]byte(c.doc), []byte(c.patch), true)
		if got := errText(err); got != c.err || string(out) != c.want || strings.Join(warnings, ",") != c.warnings {
			t.Errorf("%s: %s %q %q", c.patch, out, warnings, got)
		}
	}
	if _, _, err := Merge([]byte(`{}`), []byte(`null`), false); errText(err) != "400 BadRequest Invalid JSON Patch\n" {
		t.Error(errText(err))
	}
}

// TestMergeObject wants the quick way to do what the slow way does, when it does anything.
func TestMergeObject(t *testing.T) {
	r := &filler{rand.New(rand.NewSource(testSeed(t))), 0.3}
	tracker := NewTracker()
	quick, slow := 0, 0
	for _, kind := range trackedKinds {
		for range rounds(100) {
			obj, next := newOf(t, kind), newOf(t, kind)
			r.fill(reflect.ValueOf(next).Elem(), 0)
			if err := json.Unmarshal([]byte(toJSON(t, next)), obj); err != nil { // as it comes from a store
				t.Fatal(err)
			}
			next = obj.DeepCopyObject().(object.Object)
			r.change(reflect.ValueOf(next).Elem(), 0.1, 0)
			next.GetObjectKind().SetGroupVersionKind(kind)
			patch, err := jsonpatch.CreateMergePatch([]byte(toJSON(t, obj)), []byte(toJSON(t, next)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Intn(2) == 0 {
				var tree map[string]any
				if err := kjson.UnmarshalCaseSensitivePreserveInts(patch, &tree); err != nil {
					t.Fatal(err)
				}
				mangle(r, tree)
				patch = []byte(toJSON(t, tree))
			}
			before := obj.DeepCopyObject()
			got, ok := tracker.MergeObject(obj, patch)
			if !reflect.DeepEqual(before, obj) {
				t.Fatalf("the object has changed by %s", patch)
			}
			if !ok {
				slow++
				continue
			}
			quick++
			merged, _, err := Merge([]byte(toJSON(t, obj)), patch, false)
			if err != nil {
				t.Fatal(err)
			}
			want := newOf(t, kind)
			if warnings, err := kjson.UnmarshalStrict(merged, want); err != nil || len(warnings) > 0 {
				t.Fatalf("%s: the slow way fails: %v %v", patch, err, warnings)
			}
			if a, b := toJSON(t, want), toJSON(t, got); a != b {
				t.Fatalf("object %s\npatch  %s\nwant   %s\ngot    %s", toJSON(t, obj), patch, a, b)
			}
			var tree, wantTree map[string]any
			for _, x := range []struct {
				raw  string
				into *map[string]any
			}{{toJSON(t, obj), &tree}, {string(merged), &wantTree}} {
				if err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(x.raw), x.into); err != nil {
					t.Fatal(err)
				}
			}
			u, ok := tracker.MergeObject(&unstructured.Unstructured{Object: tree}, patch)
			if !ok || !reflect.DeepEqual(u.(*unstructured.Unstructured).Object, wantTree) {
				t.Fatalf("tree %s\npatch  %s\nwant   %s\ngot    %s", toJSON(t, obj), patch, merged, toJSON(t, u))
			}
		}
	}
	t.Logf("%d the quick way, %d not", quick, slow)
}

func BenchmarkMerge(b *testing.B) {
	cm := configMap()
	patch := []byte(`{"data":{"key-3":"new"}}`)
	tracker := NewTracker()
	b.Run("object", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := tracker.MergeObject(cm, patch); !ok {
				b.Fatal()
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			doc, _ := json.Marshal(cm)
			out, _, err := Merge(doc, patch, true)
			if err != nil {
				b.Fatal(err)
			}
			var into corev1.ConfigMap
			if _, err := kjson.UnmarshalStrict(out, &into); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestKeepTimes(t *testing.T) {
	tracker := NewTracker()
	now, later := metav1.Unix(1700000000, 0), metav1.Unix(1700000100, 0)
	for _, change := range []bool{false, true} {
		live := configMap()
		if err := tracker.Update(kindSchema(trackedKinds[0]), nil, live, Manager{Name: "a", APIVersion: "v1", Time: now}, nil, nil); err != nil {
			t.Fatal(err)
		}
		next := live.DeepCopy()
		next.ManagedFields[0].Time = &later
		want := now
		if change {
			next.Data["x"] = "y"
			want = later
		}
		tracker.KeepTimes(live, next)
		if got := next.ManagedFields[0].Time; !got.Equal(&want) {
			t.Errorf("changed %v: %v", change, got)
		}
	}
}
