package patch

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/pintle-io/pintle/internal/object"
)

// libraryStrategic is the library's answer; it panics on some patches.
func libraryStrategic(like object.Object, doc, patch map[string]any) (out map[string]any, err error, panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			panicked = true
		}
	}()
	out, err = strategicpatch.StrategicMergeMapPatch(runtime.DeepCopyJSON(doc), runtime.DeepCopyJSON(patch), like)
	return out, err, false
}

func direct(r *filler, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			switch {
			case r.Intn(30) == 0:
				v[k] = nil
			default:
				direct(r, v[k])
			}
		}
		switch r.Intn(80) {
		case 0:
			v["$patch"] = []any{"delete", "replace", "merge", "x"}[r.Intn(4)]
		case 1:
			keep := []any{}
			for _, k := range sortedKeys(v) {
				if r.Intn(5) > 0 {
					keep = append(keep, k)
				}
			}
			v["$retainKeys"] = keep
		case 2:
			for _, k := range sortedKeys(v) {
				if l, ok := v[k].([]any); ok {
					if r.Intn(2) == 0 {
						v["$setElementOrder/"+k] = runtime.DeepCopyJSONValue(l)
					} else {
						v["$deleteFromPrimitiveList/"+k] = runtime.DeepCopyJSONValue(l)
					}
				}
			}
		case 3:
			v["unknown"] = map[string]any{"a": nil, "b": []any{"x"}}
		}
	case []any:
		if len(v) > 1 && r.Intn(5) == 0 {
			reflect.Swapper(v)(0, len(v)-1)
		}
		for i := range v {
			direct(r, v[i])
		}
	}
}

// TestStrategicOracle patches random objects with patches that the library made, and with such as it never would.
func TestStrategicOracle(t *testing.T) {
	r := &filler{rand.New(rand.NewSource(testSeed(t))), 0.3}
	for _, kind := range trackedKinds {
		var done, failed int
		for range rounds(60) {
			like := newOf(t, kind)
			r.fill(reflect.ValueOf(like).Elem(), 0)
			doc, err := runtime.DefaultUnstructuredConverter.ToUnstructured(like)
			if err != nil {
				t.Fatal(err)
			}
			next := like.DeepCopyObject().(object.Object)
			r.change(reflect.ValueOf(next).Elem(), 0.1, 0)
			var patch map[string]any
			raw, err := strategicpatch.CreateTwoWayMergePatch([]byte(toJSON(t, like)), []byte(toJSON(t, next)), like)
			if err != nil || r.Intn(3) == 0 {
				raw = []byte(toJSON(t, next))
			}
			if err := kjson.Unmarshal(raw, &patch); err != nil {
				t.Fatal(err)
			}
			if r.Intn(2) == 0 {
				direct(r, patch)
			}
			got, gotErr := Strategic(like, runtime.DeepCopyJSON(doc), runtime.DeepCopyJSON(patch))
			ok := false
			var want map[string]any
			var wantErr error
			for range 200 { // the library walks maps in Go's order, so that it may answer in several ways
				var panicked bool
				want, wantErr, panicked = libraryStrategic(like, doc, patch)
				if panicked || (wantErr != nil && gotErr != nil && (wantErr.Error() == gotErr.Error())) ||
					wantErr == nil && gotErr == nil && reflect.DeepEqual(want, got) {
					ok = true
					break
				}
			}
			if !ok {
				p, _ := json.Marshal(patch)
				t.Fatalf("%v\ndoc   %s\npatch %s\nwant %v %s\ngot  %v %s", kind, toJSON(t, doc), p, wantErr, toJSON(t, want), gotErr, toJSON(t, got))
			}
			if gotErr != nil {
				failed++
			} else {
				done++
			}
		}
		t.Logf("%s: %d patched, %d refused", kind.Kind, done, failed)
	}
}

func TestStrategicErrors(t *testing.T) {
	for _, c := range []struct{ patch, want string }{
		{`{"spec":{"containers":[{"image":"x"}]}}`, "map: map[image:x] does not contain declared merge key: name"},
		{`{"spec":{"containers":[{"$patch":"merge","name":"a"}]}}`, "merging lists cannot yet be specified in the patch"},
		{`{"spec":{"$retainKeys":"x"}}`, "400 BadRequest invalid patch format of retainKeys\n"},
		{`{"spec":{"$setElementOrder":[]}}`, "400 BadRequest invalid patch format of setElementOrder list\n"},
		{`{"spec":{"$setElementOrder/nope":[{"name":"x"}]}}`, `unable to find api field in struct PodSpec for the json field "nope"`},
		{`{"spec":{"containers":[["x"]]}}`, "list element types are not identical: [[map[name:a]] [[x]]]"},
		{`{"$patch":"bad"}`, "unknown patch type: bad in map: map[$patch:bad]"},
		{`{"spec":{"containers":[null]}}`, "list element types are not identical: [[map[name:a]] [<nil>]]"},
	} {
		var patch map[string]any
		if err := kjson.Unmarshal([]byte(c.patch), &patch); err != nil {
			t.Fatal(err)
		}
		doc := map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "a"}}}}
		_, err := Strategic(&corev1.Pod{}, doc, patch)
		if got := errText(err); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.patch, got, c.want)
		}
	}
	_, err := Strategic(&unstructured.Unstructured{}, nil, nil)
	if !apierrors.IsBadRequest(err) {
		t.Error(err)
	}
}
