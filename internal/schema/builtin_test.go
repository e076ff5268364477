package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
)

func TestKind(t *testing.T) {
	b := NewBuiltin()
	pod := b.Kind("", "v1", "Pod")
	if pod == nil || pod.Ref != "io.k8s.api.core.v1.Pod" || pod != b.Component(pod.Ref) || pod != b.Kind("", "v1", "Pod") {
		t.Fatalf("Pod is %+v", pod)
	}
	containers := pod.Property("spec").Property("containers")
	if containers.Type != List || containers.ListType != ListMap || !slices.Equal(containers.Keys, []string{"name"}) ||
		containers.PatchStrategy != PatchMerge || containers.PatchMergeKey != "name" {
		t.Errorf("containers are %+v", containers)
	}
	if p := containers.Items.Property("ports").Items.Property("protocol"); string(p.Default) != `"TCP"` || len(p.Enum) != 3 {
		t.Errorf("protocol is %+v", p)
	}
	if q := containers.Items.Property("resources").Property("limits"); q.Type != Map || q.Items.Type != String || q.Items.Format != "quantity" {
		t.Errorf("limits are %+v of %+v", q, q.Items)
	}
	if !slices.Equal(containers.Items.Required, []string{"name"}) {
		t.Errorf("a container requires %v", containers.Items.Required)
	}
	deployment := b.Kind("apps", "v1", "Deployment").Property("spec")
	if s := deployment.Property("strategy"); s.PatchStrategy != PatchRetainKeys || len(s.Properties) == 0 {
		t.Errorf("strategy is %+v", s)
	}
	if s := deployment.Property("selector"); !s.Atomic || s.Type != Object {
		t.Errorf("selector is %+v", s)
	}
	// claimRef is granular although ObjectReference is atomic.
	if s := b.Kind("", "v1", "PersistentVolume").Property("spec").Property("claimRef"); s.Atomic || !s.Declared || !b.Component(s.Ref).Atomic {
		t.Errorf("claimRef is %+v", s)
	}
	if s := b.Component("io.k8s.apimachinery.pkg.util.intstr.IntOrString"); s.Type != IntOrString {
		t.Errorf("IntOrString is %+v", s)
	}
	if s := b.Component("io.k8s.apimachinery.pkg.runtime.RawExtension"); s.Type != Any || !s.Atomic || s.Format != "object" {
		t.Errorf("RawExtension is %+v", s)
	}
	if s := b.Component("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"); s.Type != Any || s.Atomic || s.Format != "" {
		t.Errorf("JSON is %+v", s)
	}
	props := b.Component("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
	if not := props.Property("not"); not.Property("not") == nil || &not.Properties[0] != &props.Properties[0] {
		t.Errorf("JSONSchemaProps.not is %+v", not)
	}
	if s := b.Kind("apps", "v1", "DeploymentList").Property("items").Items; s.Ref != "io.k8s.api.apps.v1.Deployment" {
		t.Errorf("DeploymentList has %+v", s)
	}
	for _, k := range [][3]string{{"", "v1", "Nothing"}, {"apps", "v2", "Deployment"}, {"zzz", "v1", "Pod"}, {"", "", ""}} {
		if s := b.Kind(k[0], k[1], k[2]); s != nil {
			t.Errorf("%v is %+v", k, s)
		}
	}
	if k := b.KindsOf("io.k8s.api.apps.v1.Deployment"); len(k) != 1 || k[0].String() != "apps/v1, Kind=Deployment" {
		t.Errorf("Deployment is %v", k)
	}
}

// TestLazy wants that a schema brings no more than what it leads to.
func TestLazy(t *testing.T) {
	count := func(b *Builtin) (n int) {
		for _, s := range b.nodes {
			if s != nil {
				n++
			}
		}
		return n
	}
	b := NewBuiltin()
	b.Kind("", "v1", "ConfigMap")
	few := count(b)
	b.Kind("", "v1", "Pod")
	many := count(b)
	if few > 60 || many < 5*few || many > 800 {
		t.Errorf("ConfigMap has %d nodes, with Pod they are %d", few, many)
	}
	t.Logf("ConfigMap %d nodes, with Pod %d, of %d", few, many, b.nodeCount)
}

func TestConcurrent(t *testing.T) {
	b := NewBuiltin()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, ref := range b.Components() {
				walk(b.Component(ref), map[*Schema]bool{})
			}
		})
	}
	wg.Wait()
	want := NewBuiltin()
	for _, ref := range b.Components() {
		if !reflect.DeepEqual(b.Component(ref), want.Component(ref)) {
			t.Errorf("%s differs", ref)
		}
	}
}

func walk(s *Schema, seen map[*Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	for _, p := range s.Properties {
		walk(p.Schema, seen)
	}
	walk(s.Items, seen)
}

// TestAgainstConversion compares each component with what the reference's own conversion of the same documents to
// the schema of its field tracking library gives.
func TestAgainstConversion(t *testing.T) {
	models := map[string]*spec.Schema{}
	for name, data := range recordedDocuments(t) {
		var doc struct {
			Components struct {
				Schemas map[string]*spec.Schema `json:"schemas"`
			} `json:"components"`
		}
		if name != "openapi/v3" {
			if err := json.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
		}
		for ref, s := range doc.Components.Schemas {
			models[ref] = s
		}
	}
	want, err := schemaconv.ToSchemaFromOpenAPI(models, false)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuiltin()
	c := comparison{t: t, schema: want, seen: map[string]bool{}}
	for ref := range models {
		c.ref(ref, b.Component(ref), smd.TypeRef{NamedType: &ref})
	}
	if len(c.seen) < 500 {
		t.Errorf("only %d components were compared", len(c.seen))
	}
}

// TestAgainstApplyConfigurations compares the built-in kinds with the schema that client-go's apply configurations
// were generated with.
func TestAgainstApplyConfigurations(t *testing.T) {
	conv := applyconfigurations.NewTypeConverter(scheme.Scheme)
	b := NewBuiltin()
	kinds := 0
	for gvk := range scheme.Scheme.AllKnownTypes() {
		s := b.Kind(gvk.Group, gvk.Version, gvk.Kind)
		if s == nil || s.Property("metadata") == nil || strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		obj, err := scheme.Scheme.New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		obj.GetObjectKind().SetGroupVersionKind(gvk)
		if _, ok := obj.(metav1.Object); !ok {
			continue
		}
		typed, err := conv.ObjectToTyped(obj)
		if err != nil {
			t.Logf("%v is not there: %v", gvk, err)
			continue
		}
		kinds++
		c := comparison{t: t, schema: typed.Schema(), seen: map[string]bool{}, clientGo: true}
		c.ref(gvk.Kind, s, typed.TypeRef())
	}
	if kinds < 60 {
		t.Errorf("only %d kinds were compared", kinds)
	}
}

// comparison walks one of our schemas and one of the library's side by side.
type comparison struct {
	t        *testing.T
	schema   *smd.Schema
	seen     map[string]bool
	clientGo bool // made from the OpenAPI v2 document, which knows less
}

func (c *comparison) ref(path string, s *Schema, want smd.TypeRef) {
	if s == nil {
		c.t.Errorf("%s is not there", path)
		return
	}
	if want.NamedType != nil {
		if *want.NamedType != s.Ref && !strings.HasPrefix(*want.NamedType, "__untyped") && !c.clientGo {
			c.t.Errorf("%s is %q, want %s", path, s.Ref, *want.NamedType)
		}
		key := fmt.Sprint(*want.NamedType, s.Atomic)
		if c.seen[key] {
			return
		}
		c.seen[key] = true
	}
	atom, ok := c.schema.Resolve(want)
	if !ok {
		c.t.Errorf("%s: cannot resolve %+v", path, want)
		return
	}
	c.atom(path, s, atom)
}

func (c *comparison) atom(path string, s *Schema, want smd.Atom) {
	var kind string
	switch {
	case want.Map != nil && want.List != nil:
		kind = "any"
	case want.Map != nil && len(want.Map.Fields) > 0:
		kind = "object"
	case want.Map != nil && want.Map.ElementType.NamedType != nil && *want.Map.ElementType.NamedType == "__untyped_deduced_",
		want.Map != nil && want.Map.ElementType.Inlined.Map != nil && want.Map.ElementType.Inlined.List != nil:
		kind = "any"
	case want.Map != nil:
		kind = "map"
	case want.List != nil:
		kind = "list"
	default:
		kind = "scalar"
	}
	have := "scalar"
	switch s.Type {
	case Any:
		have = "any"
	case Object:
		have = "object"
	case Map:
		have = "map"
	case List:
		have = "list"
	}
	if s.Type == IntOrString && kind == "any" {
		return // untyped in the library, which of a scalar makes the same
	}
	if have != kind {
		c.t.Errorf("%s (%s) is a %s, want a %s: %+v", path, s.Ref, have, kind, want)
		return
	}
	switch kind {
	case "any":
		if atomic := want.Map.ElementRelationship == smd.Atomic; atomic != s.Atomic && !c.clientGo {
			c.t.Errorf("%s: atomic is %v, want %v", path, s.Atomic, atomic)
		}
	case "object", "map":
		if atomic := want.Map.ElementRelationship == smd.Atomic; atomic != s.Atomic {
			c.t.Errorf("%s: atomic is %v, want %v", path, s.Atomic, atomic)
		}
		if kind == "map" {
			c.ref(path+".*", s.Items, want.Map.ElementType)
			return
		}
		if len(s.Properties) != len(want.Map.Fields) {
			c.t.Errorf("%s has %d fields, want %d", path, len(s.Properties), len(want.Map.Fields))
		}
		for _, f := range want.Map.Fields {
			p := s.Property(f.Name)
			c.ref(path+"."+f.Name, p, f.Type)
			if p == nil {
				continue
			}
			var def any
			if p.Default != nil {
				if err := json.Unmarshal(p.Default, &def); err != nil {
					c.t.Errorf("%s.%s: default %s: %v", path, f.Name, p.Default, err)
				}
			}
			if fmt.Sprint(def) != fmt.Sprint(f.Default) {
				c.t.Errorf("%s.%s has default %v, want %v", path, f.Name, def, f.Default)
			}
		}
	case "list":
		wantType := ListAtomic
		if want.List.ElementRelationship == smd.Associative {
			wantType = ListSet
			if len(want.List.Keys) > 0 {
				wantType = ListMap
			}
		}
		if s.ListType != wantType || !slices.Equal(s.Keys, want.List.Keys) {
			c.t.Errorf("%s is list type %d %v, want %d %v", path, s.ListType, s.Keys, wantType, want.List.Keys)
		}
		c.ref(path+"[]", s.Items, want.List.ElementType)
	}
}

func BenchmarkPod(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if NewBuiltin().Kind("", "v1", "Pod") == nil {
			b.Fatal()
		}
	}
}

func BenchmarkAgain(b *testing.B) {
	b.ReportAllocs()
	s := NewBuiltin()
	for b.Loop() {
		if s.Kind("apps", "v1", "Deployment") == nil {
			b.Fatal()
		}
	}
}

// BenchmarkEverything reports what all schemas together cost, and hold.
func BenchmarkEverything(b *testing.B) {
	all := func() *Builtin {
		s := NewBuiltin()
		for _, ref := range s.Components() {
			s.Component(ref)
		}
		return s
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := all()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(s)
	for b.Loop() {
		all()
	}
	b.ReportMetric(float64(after.HeapAlloc)-float64(before.HeapAlloc), "B-held")
}
