package discovery

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// customSnapshot is a catalog of the custom resource that testdata/custom.json was recorded with.
func customSnapshot() *resource.Snapshot {
	kind := schema.GroupVersionKind{Group: "h5.example.com", Version: "v1", Kind: "H5CronTab"}
	r := &resource.Resource{
		Names: resource.Names{Plural: "h5crontabs", Singular: "h5crontab", Kind: kind.Kind, ListKind: "H5CronTabList", Short: []string{"h5"}},
		Scope: resource.Namespaced, Verbs: resource.Standard, Prefix: "h5.example.com/h5crontabs",
		Versions: []resource.Version{{Group: kind.Group, Name: kind.Version, Served: true, Storage: true, Codec: &object.Codec{Kind: kind}, Subs: []resource.Subresource{
			{Name: "status", Kind: kind, Verbs: resource.Get | resource.Patch | resource.Update},
			{Name: "scale", Kind: schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}, Verbs: resource.Get | resource.Patch | resource.Update},
		}}},
	}
	var c resource.Catalog
	c.Set([]resource.Group{{Name: kind.Group, Versions: []resource.GroupVersion{{Name: kind.Version, Rows: []resource.Row{{Resource: r, Version: &r.Versions[0]}}}}}})
	return c.Load()
}

func TestOpenAPICustom(t *testing.T) {
	var recorded struct {
		Schema   json.RawMessage
		Document any
	}
	if err := json.Unmarshal(must(os.ReadFile("testdata/custom.json")), &recorded); err != nil {
		t.Fatal(err)
	}
	s, o := customSnapshot(), testOpenAPI()
	o.Custom = func(*resource.Version) CustomSchema { return CustomSchema{Schema: recorded.Schema} }
	d, err := o.document(s, "apis/h5.example.com/v1")
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(j, &got); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	differences("crd", nil, recorded.Document, got, found)
	delete(found, "io.k8s.apimachinery.pkg.apis.meta.v1.Time description: missing") // as in openapi-differences.txt
	for _, d := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("differs: %s", d)
	}

	want, err := openapi_v3.ParseDocument(j)
	if err != nil {
		t.Fatal(err)
	}
	var message openapi_v3.Document
	if err := proto.Unmarshal((&protoWriter{yaml: map[string]string{}}).document(d), &message); err != nil || !proto.Equal(want, &message) {
		t.Errorf("protobuf differs: %v", err)
	}
	var paths []string
	for _, e := range entries(s) {
		paths = append(paths, e.path)
	}
	if !slices.Contains(paths, "apis/h5.example.com/v1") || slices.Contains(paths, "apis/h5.example.com") {
		t.Errorf("documents are %v", paths)
	}
	if verbs := Resources(s, "h5.example.com", "v1").APIResources[0].Verbs; !slices.Equal(verbs, []string{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}) {
		t.Errorf("verbs are %v", verbs)
	}
}

// TestHashes wants a hash to follow what its document is made of, and a document to be made once.
func TestHashes(t *testing.T) {
	s := builtinSnapshot(t)
	o := testOpenAPI()
	o.Snapshot = func() *resource.Snapshot { return s }
	before := o.current()
	for _, path := range []string{"apis/apps/v1", "apis/batch/v1"} {
		if _, _, err := o.doc(before, docKey{path: path, hash: before.byPath[path].hash}); err != nil {
			t.Fatal(err)
		}
	}

	// apps/v1 loses a resource; batch/v1 stays; a group is gone.
	groups := slices.Clone(s.Groups)
	for i, g := range groups {
		if g.Name == "apps" {
			groups[i].Versions = []resource.GroupVersion{{Name: "v1", Rows: g.Versions[0].Rows[1:]}}
		}
	}
	groups = slices.DeleteFunc(groups, func(g resource.Group) bool { return g.Name == "policy" })
	var c resource.Catalog
	c.Set(groups)
	s = c.Load()
	after := o.current()
	batch := after.byPath["apis/batch/v1"]
	if after.byPath["apis/apps/v1"].hash == before.byPath["apis/apps/v1"].hash || batch != before.byPath["apis/batch/v1"] || after.byPath["apis/policy/v1"] != nil {
		t.Errorf("hashes do not follow the catalog: %v", after)
	}
	if after.all == before.all {
		t.Error("the hash of all stays")
	}
	if d := o.docs.by[docKey{path: "apis/batch/v1", hash: batch.hash}]; len(o.docs.by) != 1 || d == nil || o.docs.bytes != d.held || d.held == 0 {
		t.Errorf("%d documents of %d bytes are kept", len(o.docs.by), o.docs.bytes)
	}

	other := testOpenAPI()
	other.Build = "another"
	other.Snapshot = o.Snapshot
	if other.current().byPath["apis/batch/v1"].hash == batch.hash {
		t.Error("another build has the same hash")
	}
	same := testOpenAPI()
	same.Snapshot = o.Snapshot
	if same.current().all != after.all {
		t.Error("another server of the same build has another hash")
	}
}

// TestGzip wants the same document with and without compression.
func TestGzip(t *testing.T) {
	s := builtinSnapshot(t)
	o := testOpenAPI()
	o.Snapshot = func() *resource.Snapshot { return s }
	plain := ask(o, "GET", "/openapi/v3/apis/batch/v1")
	packed := ask(o, "GET", "/openapi/v3/apis/batch/v1", "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() > plain.Body.Len()/4 || packed.Header().Get("ETag") != plain.Header().Get("ETag") {
		t.Errorf("%d bytes of %d: %v", packed.Body.Len(), plain.Body.Len(), packed.Header())
	}
	if w := ask(o, "GET", "/openapi/v3/apis/batch/v1", "If-None-Match", plain.Header().Get("ETag"), "Accept-Encoding", "gzip"); w.Code != 304 {
		t.Errorf("again: %d", w.Code)
	}
}
