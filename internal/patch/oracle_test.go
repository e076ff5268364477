package patch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gvkschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/managedfields"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// The oracle is the library that the reference tracks fields with, over the OpenAPI documents recorded from it.

var builtin = schema.NewBuiltin()

var recorded = sync.OnceValue(func() map[string]*spec.Schema {
	f, err := os.Open("../../reference/testdata/openapi/openapi-v3.txtar.gz")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	out := map[string]*spec.Schema{}
	for _, f := range txtar.Parse(text).Files {
		var doc struct {
			Components struct {
				Schemas map[string]*spec.Schema `json:"schemas"`
			} `json:"components"`
		}
		if !bytes.Contains(f.Data, []byte(`"components"`)) {
			continue
		}
		if err := json.Unmarshal(f.Data, &doc); err != nil {
			panic(err)
		}
		for name, s := range doc.Components.Schemas {
			out[name] = s
		}
	}
	return out
})

var oracleTypes = sync.OnceValue(func() managedfields.TypeConverter {
	c, err := managedfields.NewTypeConverter(recorded(), false)
	if err != nil {
		panic(err)
	}
	return c
})

type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

func oracle(tb testing.TB, kind gvkschema.GroupVersionKind, subresource string, reset *fieldpath.Set) *managedfields.FieldManager {
	var filter map[fieldpath.APIVersion]fieldpath.Filter
	if reset != nil {
		filter = map[fieldpath.APIVersion]fieldpath.Filter{fieldpath.APIVersion(kind.GroupVersion().String()): fieldpath.NewExcludeSetFilter(reset)}
	}
	scheme := clientscheme.Scheme
	fm, err := managedfields.NewDefaultFieldManager(oracleTypes(), scheme, noDefaults{}, scheme, kind, kind.GroupVersion(), subresource, filter)
	if err != nil {
		tb.Fatal(err)
	}
	return fm
}

func kindSchema(k gvkschema.GroupVersionKind) *schema.Schema {
	return builtin.Kind(k.Group, k.Version, k.Kind)
}

func newOf(tb testing.TB, k gvkschema.GroupVersionKind) object.Object {
	o, err := clientscheme.Scheme.New(k)
	if err != nil {
		tb.Fatal(err)
	}
	o.GetObjectKind().SetGroupVersionKind(k)
	return o.(object.Object)
}

// filler makes objects up. Its alphabet is small: values meet again.
type filler struct {
	*rand.Rand
	full float64 // how likely an optional field is there
}

var words = []string{"a", "b", "c", "web", "x-1", "TCP", "UDP", ""}

func (r *filler) word() string {
	if r.Intn(40) == 0 {
		return []string{"a\"b", "a\\b", "<&>", "tab\t", "é世界", "a/b.c:d", "\u2028", " sp ace", "a!", "\x01"}[r.Intn(10)]
	}
	return words[r.Intn(len(words))]
}

func (r *filler) fill(v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *metav1.Time:
		*p = metav1.Unix(int64(1600000000+r.Intn(3)), int64(r.Intn(2)))
		if r.Intn(4) == 0 {
			*p = metav1.Time{}
		}
		return
	case *metav1.MicroTime:
		*p = metav1.NewMicroTime(time.Unix(int64(1600000000+r.Intn(3)), int64(r.Intn(3))*1000))
		return
	case *resource.Quantity:
		*p = resource.MustParse([]string{"1", "1000m", "2", "1Gi", "1024Mi", "0"}[r.Intn(6)])
		return
	case *intstr.IntOrString:
		*p = []intstr.IntOrString{intstr.FromInt32(int32(r.Intn(3))), intstr.FromString(r.word())}[r.Intn(2)]
		return
	case *runtime.RawExtension:
		p.Raw = []byte([]string{`{"a":1}`, `{"a":{"b":[1,2]}}`, `{}`, `null`}[r.Intn(4)])
		return
	case *metav1.FieldsV1:
		p.SetRawBytes([]byte(`{"f:a":{}}`))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f, sf := v.Field(i), v.Type().Field(i)
			if !sf.IsExported() || sf.Name == "ManagedFields" || sf.Name == "TypeMeta" {
				continue
			}
			if f.Kind() == reflect.Pointer || f.Kind() == reflect.Slice || f.Kind() == reflect.Map {
				if r.Float64() > r.full || depth > 14 {
					continue
				}
			}
			r.fill(f, depth+1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.fill(v.Elem(), depth+1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(r.word()))
			return
		}
		n := r.Intn(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			r.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.Intn(4) {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			r.fill(k, depth+1)
			r.fill(e, depth+1)
			v.SetMapIndex(k, e)
		}
	case reflect.String:
		v.SetString(r.word())
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 0)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Int16, reflect.Int8:
		v.SetInt(int64(r.Intn(3)))
	case reflect.Uint8, reflect.Uint32, reflect.Uint16:
		v.SetUint(uint64(r.Intn(3)))
	case reflect.Float64, reflect.Float32:
		v.SetFloat(float64(r.Intn(3)) / 2)
	}
}

// change alters some of a value, each part with a chance of p.
func (r *filler) change(v reflect.Value, p float64, depth int) {
	if r.Float64() < p {
		v.SetZero()
		if r.Intn(4) > 0 {
			r.fill(v, depth)
		}
		return
	}
	switch v.Addr().Interface().(type) {
	case *metav1.Time, *metav1.MicroTime, *resource.Quantity, *intstr.IntOrString, *runtime.RawExtension, *metav1.FieldsV1:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if sf := v.Type().Field(i); !sf.IsExported() || sf.Name == "ManagedFields" || sf.Name == "TypeMeta" {
				continue
			}
			r.change(v.Field(i), p, depth+1)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			r.change(v.Elem(), p, depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			r.change(v.Index(i), p, depth+1)
		}
		if n := v.Len(); n > 1 && r.Float64() < p {
			reflect.Swapper(v.Interface())(0, n-1)
		}
		if n := v.Len(); n > 0 && r.Float64() < p {
			v.Set(reflect.Append(v, v.Index(r.Intn(n)))) // a duplicate
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			r.change(e, p, depth+1)
			v.SetMapIndex(k, e)
		}
	}
}

func newest(in []metav1.ManagedFieldsEntry) metav1.Time {
	var t metav1.Time
	for _, e := range in {
		if e.Time != nil && e.Time.After(t.Time) {
			t = *e.Time
		}
	}
	return t
}

func show(in []metav1.ManagedFieldsEntry) string {
	var b strings.Builder
	for _, e := range in {
		t := "-"
		if e.Time != nil {
			t = e.Time.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "%s %s %s %s %s %s %s\n", e.Operation, e.Manager, e.APIVersion, e.Subresource, t, e.FieldsType, e.FieldsV1.GetRawString())
	}
	return b.String()
}

var trackedKinds = []gvkschema.GroupVersionKind{
	{Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Pod"}, {Group: "apps", Version: "v1", Kind: "Deployment"},
	{Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "Node"}, {Version: "v1", Kind: "Namespace"},
	{Version: "v1", Kind: "ServiceAccount"}, {Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "PersistentVolumeClaim"}, {Version: "v1", Kind: "Event"},
	{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, {Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
	{Group: "batch", Version: "v1", Kind: "CronJob"}, {Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
	{Group: "apps", Version: "v1", Kind: "ControllerRevision"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
}

// TestUpdateOracle makes random objects and random updates of them, tracks them with ours and with the library,
// and wants the same managedFields.
func TestUpdateOracle(t *testing.T) {
	seed := testSeed(t)
	tracker := NewTracker()
	for _, kind := range trackedKinds {
		t.Run(kind.Kind, func(t *testing.T) {
			r := &filler{rand.New(rand.NewSource(seed)), 0.3}
			s := kindSchema(kind)
			managers := []string{"kubectl", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10", "m11", "m12", ""}
			plainFM := oracle(t, kind, "", nil)
			statusFM := oracle(t, kind, "status", fieldpath.NewSet(fieldpath.MakePathOrDie("spec"), fieldpath.MakePathOrDie("metadata", "labels")))
			cleared := 0
			for range rounds(25) {
				r.full = []float64{0.05, 0.2, 0.5}[r.Intn(3)]
				live := object.Object(nil)
				for step := range 12 {
					var next object.Object
					if live == nil {
						next = newOf(t, kind)
						r.fill(reflect.ValueOf(next).Elem(), 0)
						next.SetUID("uid")
					} else {
						next = live.DeepCopyObject().(object.Object)
						r.change(reflect.ValueOf(next).Elem(), []float64{0, 0.01, 0.1, 0.4}[r.Intn(4)], 0)
						next.SetUID("uid")
					}
					switch r.Intn(25) {
					case 0:
						next.SetManagedFields([]metav1.ManagedFieldsEntry{{}})
					case 1:
						next.SetManagedFields(nil)
					case 2:
						next.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "bad", Operation: "Other"}})
					case 3:
						f := metav1.FieldsV1{}
						f.SetRawBytes([]byte(`{ "f:spec":{"f:zzz":{},"f:replicas":{},"k:{\"b\":1,\"a\":\"x\"}":{"f:q":{}}},"f:metadata":{"f:labels":{".":{},"f:a":{}}}, "x:9":{"a":[1,{}]}, "f:data": {"v:1.0":{},"v:\"x\"":{},"i:2":{}}}`))
						next.SetManagedFields(append(next.GetManagedFields(), metav1.ManagedFieldsEntry{Manager: "odd", Operation: "Update", APIVersion: kind.GroupVersion().String(), FieldsType: "FieldsV1", FieldsV1: &f}))
					case 4:
						for i := range next.GetManagedFields() {
							tt := metav1.Unix(int64(1700000000+r.Intn(3)), 0)
							next.GetManagedFields()[i].Time = &tt
						}
					}
					fm, m, reset := plainFM, Manager{Name: managers[r.Intn(len(managers))], APIVersion: kind.GroupVersion().String()}, schema.Paths(nil)
					if live != nil && r.Intn(4) == 0 {
						fm, m.Subresource = statusFM, "status"
						reset = schema.Paths{"spec": nil, "metadata": {"labels": nil}}
					}
					empty := newOf(t, kind)
					was := runtime.Object(empty)
					if live != nil {
						was = live
					}
					ours := next.DeepCopyObject().(object.Object)
					want := fm.UpdateNoErrors(was, next.DeepCopyObject(), m.Name).(object.Object)
					m.Time = newest(want.GetManagedFields())
					err := tracker.Update(s, live, ours, m, reset, nil)
					if err != nil {
						cleared++
					}
					if a, b := show(want.GetManagedFields()), show(ours.GetManagedFields()); a != b {
						l, _ := json.Marshal(live)
						n, _ := json.Marshal(next)
						t.Fatalf("step %d, %+v: err %v\nlive %s\nnew  %s\nwant\n%sgot\n%s", step, m, err, l, n, a, b)
					}
					live = want
				}
			}
			if cleared > 0 {
				t.Logf("cleared %d times, as the library does", cleared)
			}
		})
	}
}
