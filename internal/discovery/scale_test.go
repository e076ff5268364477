package discovery

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// manyCRDs are definitions of 60 fields, each in a group of its own.
func manyCRDs(n int) (crds []*apiextensionsv1.CustomResourceDefinition) {
	fields := map[string]apiextensionsv1.JSONSchemaProps{}
	for i := range 60 {
		fields[fmt.Sprintf("field%d", i)] = apiextensionsv1.JSONSchemaProps{Type: "string", Description: fmt.Sprintf("Field %d is one of sixty fields of this kind of resource.", i)}
	}
	for i := range n {
		name := fmt.Sprintf("kind%04d", i)
		crds = append(crds, &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: name + "s." + name + ".example.com"},
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: name + ".example.com", Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: name + "s", Kind: "Kind" + name[4:]},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: "v1", Served: true, Storage: true,
					Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
					Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
						Type:       "object",
						Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {Type: "object", Properties: fields}},
					}},
				}},
			},
		})
	}
	return crds
}

// scale is a server with many custom resources whose catalog changes.
type scale struct {
	snapshot *resource.Snapshot
	calls    int // for schemas
	d        *Discovery
	o        *OpenAPI
}

func newScale(n int) *scale {
	s := &scale{}
	crds := manyCRDs(n)
	var custom func(*resource.Version) CustomSchema
	s.snapshot, custom = customCatalog(crds)
	schema := custom(&s.snapshot.Groups[len(s.snapshot.Groups)-1].Versions[0].Rows[0].Resource.Versions[0])
	s.d = New(func() *resource.Snapshot { return s.snapshot }, nil)
	s.o = testOpenAPI()
	s.o.Snapshot = s.d.snapshot
	s.o.Custom = func(*resource.Version) CustomSchema { s.calls++; return schema }
	s.o.CustomHash = func(v *resource.Version) string { return v.Group + " uid 1" }
	return s
}

// change gives the last custom resource a short name more, as a changed definition does: a new row in a new snapshot.
func (s *scale) change() {
	groups := slices.Clone(s.snapshot.Groups)
	g := &groups[len(groups)-1]
	r := *g.Versions[0].Rows[0].Resource
	r.Names.Short = append(slices.Clip(r.Names.Short), "x")
	r.Versions = slices.Clone(r.Versions)
	g.Versions = []resource.GroupVersion{{Name: "v1", Rows: []resource.Row{{Resource: &r, Version: &r.Versions[0]}}}}
	var c resource.Catalog
	c.Set(groups)
	s.snapshot = c.Load()
}

// TestScale wants an index to ask for no schema, a document for its own alone, and a change to cost what has changed.
func TestScale(t *testing.T) {
	const n = 50
	s := newScale(n)
	index := func() map[string]string {
		var got struct {
			Paths map[string]struct{ ServerRelativeURL string }
		}
		if err := json.Unmarshal(ask(s.o, "GET", openapiRoot).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for k, v := range got.Paths {
			out[k] = v.ServerRelativeURL
		}
		return out
	}
	before := index()
	if s.calls != 0 {
		t.Errorf("an index asks for %d schemas", s.calls)
	}
	ask(s.o, "GET", "/openapi/v3/apis/kind0001.example.com/v1")
	ask(s.o, "GET", "/openapi/v3/apis/kind0001.example.com/v1")
	if s.calls != 1 {
		t.Errorf("a document asks for %d schemas", s.calls)
	}
	v2 := ask(s.o, "GET", v2Path)
	if s.calls != 1+n {
		t.Errorf("OpenAPI v2 asks for %d schemas", s.calls-1)
	}
	aggregated := ask(s.d, "GET", "/apis", "Accept", askAggregated)

	s.change()
	after := index()
	for path := range after {
		if changed := path == fmt.Sprintf("apis/kind%04d.example.com/v1", n-1); (before[path] != after[path]) != changed {
			t.Errorf("%s: %s before, %s after", path, before[path], after[path])
		}
	}
	s.calls = 0
	ask(s.o, "GET", "/openapi/v3/apis/kind0001.example.com/v1")
	if s.calls != 0 {
		t.Error("a document that stayed was made again")
	}
	if w := ask(s.o, "GET", v2Path); s.calls == 0 || s.calls > n/2 || w.Header().Get("ETag") == v2.Header().Get("ETag") {
		t.Errorf("OpenAPI v2 asks for %d schemas after one change", s.calls)
	}
	w := ask(s.d, "GET", "/apis", "Accept", askAggregated)
	if w.Header().Get("ETag") == aggregated.Header().Get("ETag") || !strings.Contains(w.Body.String(), `"shortNames":["x"]`) {
		t.Error("aggregated discovery does not follow")
	}
	// The same catalog, never asked before.
	fresh := New(s.d.snapshot, nil)
	if f := ask(fresh, "GET", "/apis", "Accept", askAggregated); f.Header().Get("ETag") != w.Header().Get("ETag") || f.Body.String() != w.Body.String() {
		t.Error("what was kept differs from what is made at once")
	}
}

// TestDocumentRoom wants documents to be dropped when there is no room for them, and made again.
func TestDocumentRoom(t *testing.T) {
	s := newScale(3)
	s.o.room = 1
	for _, path := range []string{"kind0000", "kind0001", "kind0002", "kind0000"} {
		if w := ask(s.o, "GET", "/openapi/v3/apis/"+path+".example.com/v1"); w.Code != 200 || len(s.o.docs.by) != 1 || s.o.docs.bytes == 0 {
			t.Errorf("%s: %d, %d documents of %d bytes are kept", path, w.Code, len(s.o.docs.by), s.o.docs.bytes)
		}
	}
	if s.calls != 4 {
		t.Errorf("%d documents were made", s.calls)
	}
}

// BenchmarkScale is the first answer, and the answer after one change, with 2,000 custom resources.
func BenchmarkScale(b *testing.B) {
	for _, bc := range []struct {
		name    string
		openapi bool
		path    string
		headers []string
	}{
		{"aggregated", false, "/apis", []string{"Accept", askAggregated, "Accept-Encoding", "gzip"}},
		{"aggregated-plain", false, "/apis", []string{"Accept", askAggregated}},
		{"legacy", false, "/apis", nil},
		{"group", false, "/apis/kind1000.example.com/v1", nil},
		{"openapi-v3-index", true, openapiRoot, nil},
		{"openapi-v3-one", true, openapiRoot + "/apis/kind1000.example.com/v1", []string{"Accept-Encoding", "gzip"}},
		{"openapi-v2", true, v2Path, []string{"Accept-Encoding", "gzip"}},
		{"openapi-v2-protobuf", true, v2Path, []string{"Accept", "application/" + v2Protobuf, "Accept-Encoding", "gzip"}},
	} {
		for _, when := range []string{"first", "changed", "again"} {
			b.Run(bc.name+"/"+when, func(b *testing.B) {
				s := newScale(2000)
				before := heap()
				get := func() {
					if bc.openapi {
						ask(s.o, "GET", bc.path, bc.headers...)
					} else {
						ask(s.d, "GET", bc.path, bc.headers...)
					}
				}
				if when != "first" {
					get()
				}
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					switch when {
					case "first":
						s.d, s.o = New(s.d.snapshot, nil), NewOpenAPI(s.o.OpenAPIConfig)
					case "changed":
						s.change()
					}
					b.StartTimer()
					get()
				}
				b.StopTimer()
				b.ReportMetric(heap()-before, "B-held")
				runtime.KeepAlive(s)
			})
		}
	}
}

// heap is how many bytes are in use. What was pooled goes in the second round of the collector.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// TestConcurrent asks for everything while the catalog changes.
func TestConcurrent(t *testing.T) {
	s := newScale(5)
	var c resource.Catalog
	c.Set(s.snapshot.Groups)
	o, d := testOpenAPI(), New(c.Load, nil)
	o.Snapshot, o.Custom, o.CustomHash, o.room = c.Load, func(*resource.Version) CustomSchema { return CustomSchema{} }, s.o.CustomHash, 1
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 5 {
				for h, path := range map[http.Handler]string{o: v2Path, d: "/apis"} {
					if w := ask(h, "GET", path, "Accept", askAggregated+",application/json", "Accept-Encoding", "gzip"); w.Code != 200 {
						t.Errorf("%s: %d", path, w.Code)
					}
				}
				ask(o, "GET", openapiRoot)
				ask(o, "GET", fmt.Sprintf("%s/apis/kind%04d.example.com/v1", openapiRoot, i))
			}
		})
	}
	for range 5 {
		s.change()
		c.Set(s.snapshot.Groups)
	}
	wg.Wait()
}
