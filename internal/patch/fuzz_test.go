package patch

import (
	"bytes"
	"reflect"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gvkschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	kjson "k8s.io/apimachinery/pkg/util/json"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"github.com/pintle-io/pintle/internal/corpus"
	"github.com/pintle-io/pintle/internal/object"
)

var podKind = gvkschema.GroupVersionKind{Version: "v1", Kind: "Pod"}

// FuzzFieldsV1 reads sets that clients may send; what the library reads too is written the same.
func FuzzFieldsV1(f *testing.F) {
	corpus.Add(f)
	for _, s := range []string{`{}`, `{"f:a":{".":{},"f:b":{}},"k:{\"name\":\"x\",\"port\":1}":{"v:1.5":{}},"i:3":{},"v:\"<\\u0026\"":{}}`, `{"f:b":{},"f:a":{}}`,
		`null`, `{"x:y":{"z":1}}`, `{"f:a":null}`, `{"k:{\"a\":[1],\"b\":{\"c\":null}}":{}}`, `{"v:true":{},"v:null":{}}`, `{"f:\u00e9\ud83d\ude00":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := parseSet(&arena{}, string(raw))
		if err != nil || !kjsonValid(raw) {
			return
		}
		out := appendSet(nil, set)
		again, err := parseSet(&arena{}, string(out))
		if err != nil {
			t.Fatalf("%s is written as %s: %v", raw, out, err)
		}
		// Bytes that are no UTF-8 are written as an escape once, as by the library, and then as what the escape stands for.
		if twice := appendSet(nil, again); string(twice) != string(out) && utf8.Valid(raw) {
			t.Fatalf("%s is written as %s, then as %s", raw, out, twice)
		}
		for i := range set {
			for _, k := range set[i].elem.key {
				if k.val.kind == scalarList || k.val.kind == scalarMap {
					return // the library orders these otherwise
				}
			}
		}
		var lib fieldpath.Set
		if err := lib.FromJSON(bytes.NewReader(raw)); err != nil {
			return
		}
		if want, err := lib.ToJSON(); err == nil && string(want) != string(out) {
			t.Fatalf("%s is written as %s, by the library as %s", raw, out, want)
		}
	})
}

func kjsonValid(raw []byte) bool {
	var v any
	return kjson.Unmarshal(raw, &v) == nil
}

func FuzzJSON(f *testing.F) {
	corpus.Add(f)
	f.Add([]byte(`{"a":[1,{"b":null}]}`), []byte(`[{"op":"add","path":"/a/-","value":1},{"op":"test","path":"/a/0","value":1},{"op":"copy","from":"/a","path":"/c"}]`))
	f.Add([]byte(`{}`), []byte(`[{"op":"move","from":"","path":"/a"}]`))
	f.Add([]byte(`{"a":[]}`), []byte(`[{"op":"remove","path":"/a/-1"}]`))
	f.Fuzz(func(t *testing.T, doc, patch []byte) {
		_, _, _ = JSON(doc, patch, true)
		_, _, _ = JSON(doc, patch, false)
	})
}

func FuzzMerge(f *testing.F) {
	corpus.Add(f)
	f.Add([]byte(`{"metadata":{"labels":{"a":null,"b":"c"}},"spec":{"containers":[{"name":"x","resources":{"limits":{"cpu":"1"}}}]}}`))
	f.Add([]byte(`{"spec":{"securityContext":null,"nodeSelector":{"a":"b"},"terminationGracePeriodSeconds":1.5}}`))
	f.Add([]byte(`{"status":{"startTime":"x"}}`))
	tracker := NewTracker()
	f.Fuzz(func(t *testing.T, patch []byte) {
		p := pod(t)
		got, ok := tracker.MergeObject(p, patch)
		if !ok {
			return
		}
		merged, err := jsonpatch.MergePatch([]byte(toJSON(t, p)), patch)
		if err != nil {
			t.Fatalf("%s: %v", patch, err)
		}
		var want corev1.Pod
		if err := kjson.Unmarshal(merged, &want); err != nil {
			t.Fatalf("%s: %v", patch, err)
		}
		if a, b := toJSON(t, want), toJSON(t, got); a != b {
			t.Fatalf("%s:\nwant %s\ngot  %s", patch, a, b)
		}
	})
}

func FuzzStrategic(f *testing.F) {
	corpus.Add(f)
	for _, s := range []string{`{"spec":{"containers":[{"name":"web","image":"x"},{"$patch":"delete","name":"y"}],"$setElementOrder/containers":[{"name":"web"}]}}`,
		`{"metadata":{"finalizers":["a"],"$deleteFromPrimitiveList/finalizers":["b"]}}`, `{"spec":{"volumes":[{"name":"config","$retainKeys":["name","emptyDir"],"emptyDir":{}}]}}`,
		`{"$patch":"replace"}`, `{"spec":{"tolerations":[[]],"containers":[null]}}`, `{"spec":{"$retainKeys":[{}],"$setElementOrder/containers":[{"name":{}}]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var patch map[string]any
		if kjson.Unmarshal(raw, &patch) != nil || patch == nil {
			return
		}
		p := pod(t)
		doc, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p)
		if err != nil {
			t.Fatal(err)
		}
		got, gotErr := Strategic(p, runtime.DeepCopyJSON(doc), runtime.DeepCopyJSON(patch))
		for range 50 {
			want, wantErr, panicked := libraryStrategic(p, doc, patch)
			if panicked || (wantErr == nil) == (gotErr == nil) && reflect.DeepEqual(got, want) {
				return
			}
		}
		t.Fatalf("%s: %v, %s", raw, gotErr, toJSON(t, got))
	})
}

// FuzzApply applies anything to a pod: twice, and forced, which no conflict can stop.
func FuzzApply(f *testing.F) {
	corpus.Add(f)
	f.Add([]byte(usualPod))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"web","ports":[{"containerPort":1},{"containerPort":2,"protocol":"UDP"}]}]}}`))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"finalizers":[null,1],"managedFields":null},"spec":null}`))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":["x"]},{"name":{}},{}]}}`))
	tracker, s := NewTracker(), kindSchema(podKind)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var config map[string]any
		if kjson.Unmarshal(raw, &config) != nil {
			return
		}
		live := object.Object(pod(t))
		live.SetUID("uid")
		for _, name := range []string{"a", "b", "kubectl"} {
			m := Manager{Name: name, APIVersion: "v1", Time: metav1.Unix(1700000000, 0)}
			out, err := tracker.Apply(s, live, config, m, true, nil, nil, nil)
			if err != nil {
				return
			}
			again, err := tracker.Apply(s, out, config, m, false, nil, nil, nil)
			if err != nil {
				t.Fatalf("%s can be applied once, not twice: %v", raw, err)
			}
			if a, b := toJSON(t, out), toJSON(t, again); a != b {
				t.Fatalf("%s applied once\n%s\ntwice\n%s", raw, a, b)
			}
			live = out
		}
	})
}
