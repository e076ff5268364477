package patch

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	gvkschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// widgetSchema is a custom resource that has everything a schema can say about lists and maps.
const widgetSchema = `{"type":"object","x-kubernetes-group-version-kind":[{"group":"example.com","version":"VERSION","kind":"Widget"}],"properties":{
"apiVersion":{"type":"string"},"kind":{"type":"string"},"metadata":{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
"spec":{"type":"object","properties":{
  "SIZE":{"type":"integer"},"ratio":{"type":"number"},"name":{"type":"string"},"on":{"type":"boolean"},"when":{"type":"string","format":"date-time"},
  "either":{"x-kubernetes-int-or-string":true},
  "list":{"type":"array","items":{"type":"string"}},
  "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
  "numbers":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"number"}},
  "ports":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["port","protocol"],"items":{"type":"object","properties":{
    "port":{"type":"integer"},"protocol":{"type":"string","default":"TCP"},"name":{"type":"string"},
    "tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}}}}},
  "named":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],"items":{"type":"object","properties":{
    "name":{"type":"string"},"value":{"type":"string"},"inner":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}}}},
  "labels":{"type":"object","additionalProperties":{"type":"string"}},
  "deep":{"type":"object","additionalProperties":{"type":"object","properties":{"x":{"type":"string"},"y":{"type":"array","items":{"type":"integer"}}}}},
  "atom":{"type":"object","x-kubernetes-map-type":"atomic","properties":{"x":{"type":"string"},"y":{"type":"string"}}},
  "atoms":{"type":"object","x-kubernetes-map-type":"atomic","additionalProperties":{"type":"string"}},
  "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
  "part":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"a":{"type":"string"}}}
}},
"status":{"type":"object","properties":{"phase":{"type":"string"},"conditions":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["type"],"items":{"type":"object","properties":{"type":{"type":"string"},"status":{"type":"string"}}}}}}
}}`

var widgetKind = gvkschema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}

// compileOpenAPI makes our schema of an OpenAPI one.
func compileOpenAPI(m map[string]any) *schema.Schema {
	if ref, ok := m["$ref"].(string); ok {
		return builtin.Component(ref[len("#/components/schemas/"):])
	}
	s := &schema.Schema{}
	str := func(k string) string { v, _ := m[k].(string); return v }
	s.Format = str("format")
	if p, ok := m["properties"].(map[string]any); ok {
		for _, name := range sortedKeys(p) {
			s.Properties = append(s.Properties, schema.Property{Name: name, Schema: compileOpenAPI(p[name].(map[string]any))})
		}
	}
	if p, ok := m["additionalProperties"].(map[string]any); ok {
		s.Items = compileOpenAPI(p)
	}
	if p, ok := m["items"].(map[string]any); ok {
		s.Items = compileOpenAPI(p)
	}
	if d, ok := m["default"]; ok {
		s.Default, _ = json.Marshal(d)
	}
	s.Atomic = str("x-kubernetes-map-type") == "atomic"
	s.PreserveUnknown = m["x-kubernetes-preserve-unknown-fields"] == true
	s.Type = map[string]schema.Type{"string": schema.String, "integer": schema.Integer, "number": schema.Number, "boolean": schema.Boolean,
		"array": schema.List, "object": schema.Object}[str("type")]
	switch {
	case s.Type == schema.Object && len(s.Properties) == 0:
		s.Type = schema.Map
	case m["x-kubernetes-int-or-string"] == true:
		s.Type = schema.IntOrString
	}
	switch str("x-kubernetes-list-type") {
	case "set":
		s.ListType = schema.ListSet
	case "map":
		s.ListType = schema.ListMap
		for _, k := range m["x-kubernetes-list-map-keys"].([]any) {
			s.Keys = append(s.Keys, k.(string))
		}
	}
	return s
}

func widgetDocument(version, size string) string {
	var m any
	text := widgetSchema
	for _, r := range [][2]string{{"VERSION", version}, {"SIZE", size}} {
		text = string(replaceAll(text, r[0], r[1]))
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		panic(err)
	}
	return text
}

func replaceAll(s, old, new string) string {
	for i := 0; i+len(old) <= len(s); {
		if s[i:i+len(old)] == old {
			s = s[:i] + new + s[i+len(old):]
			i += len(new)
		} else {
			i++
		}
	}
	return s
}

func widgetSchemaOf(version, size string) *schema.Schema {
	var m map[string]any
	if err := json.Unmarshal([]byte(widgetDocument(version, size)), &m); err != nil {
		panic(err)
	}
	return compileOpenAPI(m)
}

// widgets converts between two versions, in which one field has two names.
type widgets struct{}

var errNoVersion = runtime.NewNotRegisteredErrForKind("test", gvkschema.GroupVersionKind{})

func (widgets) convert(u *unstructured.Unstructured, version string) (*unstructured.Unstructured, error) {
	from, to := "size", "size"
	switch {
	case version == u.GetAPIVersion():
		return u, nil
	case version == "example.com/v1":
		from = "oldSize"
	case version == "example.com/v1beta1":
		to = "oldSize"
	default:
		return nil, errNoVersion
	}
	out := u.DeepCopy()
	out.SetAPIVersion(version)
	if s, ok := out.Object["spec"].(map[string]any); ok {
		if v, ok := s[from]; ok {
			delete(s, from)
			s[to] = v
		}
	}
	return out, nil
}

func (w widgets) ConvertToVersion(in runtime.Object, gv runtime.GroupVersioner) (runtime.Object, error) {
	k, _ := gv.KindForGroupVersionKinds([]gvkschema.GroupVersionKind{in.GetObjectKind().GroupVersionKind(), widgetKind, widgetKind.GroupKind().WithVersion("v1beta1"), widgetKind.GroupKind().WithVersion("v0")})
	return w.convert(in.(*unstructured.Unstructured), k.GroupVersion().String())
}
func (widgets) Convert(in, out, context any) error { return nil }
func (widgets) ConvertFieldLabel(gvk gvkschema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
func (widgets) New(k gvkschema.GroupVersionKind) (runtime.Object, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k)
	return u, nil
}

// grow makes a random value of a schema.
func (r *filler) grow(s *schema.Schema) any {
	if s == nil || s.Type == schema.Any {
		return []any{"x", int64(1), 1.5, true, nil, []any{int64(1), "y"}, map[string]any{"a": "b"}, map[string]any{"a": map[string]any{"c": nil}, "z": []any{}}, map[string]any{}}[r.Intn(9)]
	}
	if r.Intn(40) == 0 {
		return nil
	}
	switch s.Type {
	case schema.String:
		return r.word()
	case schema.Integer:
		return int64(r.Intn(4))
	case schema.Number:
		return []any{int64(1), 1.0, 1.5, 1e22, 1e-7, int64(2)}[r.Intn(6)]
	case schema.Boolean:
		return r.Intn(2) == 0
	case schema.IntOrString:
		return []any{int64(1), "1", "x"}[r.Intn(3)]
	case schema.List:
		out := []any{}
		for range r.Intn(5) {
			v := r.grow(s.Items)
			if v == nil && r.Intn(5) > 0 {
				continue
			}
			if m, ok := v.(map[string]any); ok && s.ListType == schema.ListMap && r.Intn(10) > 0 {
				for _, k := range s.Keys {
					if m[k] == nil {
						m[k] = r.grow(s.Items.Property(k))
					}
					if m[k] == nil {
						delete(m, k)
					}
				}
			}
			out = append(out, v)
		}
		return out
	}
	out := map[string]any{}
	for _, p := range s.Properties {
		if p.Name == "metadata" {
			out[p.Name] = map[string]any{"name": "w", "labels": map[string]any{"a": r.word()}}
		} else if r.Float64() < r.full {
			out[p.Name] = r.grow(p.Schema)
		}
	}
	if s.Type == schema.Map || s.PreserveUnknown {
		for range r.Intn(3) {
			out[r.word()] = r.grow(s.Items)
		}
	}
	return out
}

// regrow changes some of a value.
func (r *filler) regrow(s *schema.Schema, v any, p float64) any {
	if r.Float64() < p {
		return r.grow(s)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if r.Float64() < p/2 {
				delete(v, k)
				continue
			}
			v[k] = r.regrow(childSchema(s, k), v[k], p)
		}
		if s != nil && len(s.Properties) > 0 && r.Float64() < p {
			one := s.Properties[r.Intn(len(s.Properties))]
			if one.Name != "metadata" {
				v[one.Name] = r.grow(one.Schema)
			}
		}
	case []any:
		for i := range v {
			v[i] = r.regrow(itemSchema(s), v[i], p)
		}
		if len(v) > 0 && r.Float64() < p {
			v = append(v, runtime.DeepCopyJSONValue(v[r.Intn(len(v))]))
		}
		if len(v) > 1 && r.Float64() < p {
			reflect.Swapper(v)(0, len(v)-1)
		}
		return v
	}
	return v
}

// root is regrow for whole objects, which are maps.
func (r *filler) root(s *schema.Schema, u *unstructured.Unstructured, p float64) map[string]any {
	for {
		var v any
		if u != nil {
			v = u.DeepCopy().Object
		}
		if m, ok := r.regrow(s, v, p).(map[string]any); ok {
			return m
		}
	}
}

func (r *filler) widget(version string, s *schema.Schema) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: r.root(s, nil, 1)}
	return identified(u, version)
}

func identified(u *unstructured.Unstructured, version string) *unstructured.Unstructured {
	if _, ok := u.Object["metadata"].(map[string]any); !ok {
		u.Object["metadata"] = map[string]any{"name": "w"}
	}
	for _, k := range []string{"spec", "status"} {
		if u.Object[k] == nil {
			delete(u.Object, k)
		}
	}
	u.SetAPIVersion("example.com/" + version)
	u.SetKind("Widget")
	return u
}

// TestTreeOracle does what the other oracle tests do to a custom resource of two versions.
func TestTreeOracle(t *testing.T) {
	seed := testSeed(t)
	r := &filler{rand.New(rand.NewSource(seed)), 0.5}
	specs := map[string]*spec.Schema{}
	for name, s := range recorded() {
		specs[name] = s
	}
	names := map[string]string{"v1": "size", "v1beta1": "oldSize"}
	schemas := map[string]*schema.Schema{}
	for v, size := range names {
		var s spec.Schema
		if err := json.Unmarshal([]byte(widgetDocument(v, size)), &s); err != nil {
			t.Fatal(err)
		}
		specs["com.example."+v+".Widget"] = &s
		schemas[v] = widgetSchemaOf(v, size)
	}
	types, err := managedfields.NewTypeConverter(specs, false)
	if err != nil {
		t.Fatal(err)
	}
	reset := fieldpath.NewExcludeFilterSetMap(map[fieldpath.APIVersion]*fieldpath.Set{
		"example.com/v1": fieldpath.NewSet(fieldpath.MakePathOrDie("spec")), "example.com/v1beta1": fieldpath.NewSet(fieldpath.MakePathOrDie("spec"))})
	managers := map[string]*managedfields.FieldManager{}
	for v := range names {
		for _, sub := range []string{"", "status"} {
			filter := reset
			if sub == "" {
				filter = nil
			}
			managers[v+sub], err = managedfields.NewDefaultCRDFieldManager(types, widgets{}, noDefaults{}, widgets{}, widgetKind.GroupKind().WithVersion(v), widgetKind.GroupVersion(), sub, filter)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	conv := func(o object.Object, version string) (object.Object, *schema.Schema, error) {
		u, err := widgets{}.convert(o.(*unstructured.Unstructured), version)
		if err != nil {
			return nil, nil, ErrMissingVersion
		}
		return u, schemas[version[len("example.com/"):]], nil
	}
	tracker := NewTracker()
	counts := map[string]int{}
	for range rounds(400) {
		version := []string{"v1", "v1beta1"}[r.Intn(2)]
		r.full = []float64{0.1, 0.5, 0.8}[r.Intn(3)]
		live := identified(&unstructured.Unstructured{Object: map[string]any{}}, version)
		for step := range 10 {
			if r.Intn(4) == 0 {
				version = []string{"v1", "v1beta1"}[r.Intn(2)]
				if live, err = (widgets{}).convert(live, "example.com/"+version); err != nil {
					t.Fatal(err)
				}
			}
			s := schemas[version]
			m := Manager{Name: []string{"kubectl", "a", "b"}[r.Intn(3)], APIVersion: "example.com/" + version}
			var paths schema.Paths
			if r.Intn(5) == 0 {
				m.Subresource, paths = "status", schema.Paths{"spec": nil}
			}
			fm := managers[version+m.Subresource]
			if e := live.GetManagedFields(); r.Intn(20) == 0 && len(e) > 0 {
				e[r.Intn(len(e))].APIVersion = "example.com/v0" // a version that is no more
				live.SetManagedFields(e)
			}
			if e := live.GetManagedFields(); r.Intn(20) == 0 && len(e) > 0 {
				// As if what is atomic now had not been.
				e[0].FieldsV1.SetRawBytes([]byte(`{"f:spec":{"f:list":{"v:\"a\"":{}},"f:atom":{"f:x":{}},"f:atoms":{".":{},"f:q":{}},"f:set":{".":{},"v:\"a\"":{}},"f:free":{"f:q":{"f:z":{}}}}}`))
				live.SetManagedFields(e)
			}
			was := live.DeepCopy()
			var want, got object.Object
			var wantErr, gotErr error
			var sent *unstructured.Unstructured
			apply := r.Intn(2) == 0
			force := r.Intn(2) == 0
			if apply {
				sent = r.widget(version, s)
				if r.Intn(2) == 0 {
					sent = &unstructured.Unstructured{Object: r.root(s, live, 0.1)}
					sent = identified(sent, version)
					sent.SetManagedFields(nil)
				}
				var w runtime.Object
				withinSecond(func() { w, wantErr = fm.Apply(live, sent.DeepCopy(), m.Name, force) })
				if wantErr == nil {
					// The library's result is in the hub version.
					if want, err = (widgets{}).convert(w.(*unstructured.Unstructured), m.APIVersion); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				next := identified(&unstructured.Unstructured{Object: r.root(s, live, []float64{0.02, 0.2}[r.Intn(2)])}, version)
				if next.GetManagedFields() == nil {
					next.SetManagedFields(live.GetManagedFields())
				}
				sent = next
				want = fm.UpdateNoErrors(live, next.DeepCopy(), m.Name).(object.Object)
			}
			m.Time = metav1.NewTime(time.Now())
			if want != nil {
				if n := newest(want.GetManagedFields()); !n.IsZero() {
					m.Time = n
				}
			}
			if apply {
				got, gotErr = tracker.Apply(s, live, sent.Object, m, force, paths, conv, nil)
			} else {
				next := sent.DeepCopy()
				if err := tracker.Update(s, live, next, m, paths, conv); err != nil {
					counts["cleared"]++
				}
				got = next
			}
			if !reflect.DeepEqual(was, live) {
				t.Fatal("live has changed")
			}
			report := func(what string, a, b any) {
				t.Helper()
				t.Fatalf("step %d %+v apply %v force %v: %s\nlive %s\nsent %s\nwant\n%s\ngot\n%s", step, m, apply, force, what, toJSON(t, live), toJSON(t, sent), a, b)
			}
			if a, b := errText(wantErr), errText(gotErr); a != b {
				report("error", a, b)
			}
			if wantErr != nil {
				if apierrors.IsConflict(wantErr) {
					counts["conflicts"]++
				} else {
					counts["failures"]++
				}
				continue
			}
			if a, b := show(want.GetManagedFields()), show(got.GetManagedFields()); a != b {
				report("managedFields", a, b)
			}
			if a, b := toJSON(t, want), toJSON(t, got); a != b {
				report("object", a, b)
			}
			counts[fmt.Sprintf("apply %v", apply)]++
			live = want.(*unstructured.Unstructured).DeepCopy()
		}
	}
	t.Log(counts)
}
