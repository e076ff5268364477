package discovery

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/pintle-io/pintle/internal/resource"
)

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

// TestIndexWithinASecond wants a client that saw the index a moment ago to see what has come since.
func TestIndexWithinASecond(t *testing.T) {
	s := builtinSnapshot(t)
	o := testOpenAPI()
	o.Snapshot = func() *resource.Snapshot { return s }
	now := time.Now()
	o.Clock = func() time.Time { return now }
	ask := func(since string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, openapiRoot, nil)
		if since != "" {
			r.Header.Set("If-Modified-Since", since)
		}
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		return w
	}
	first := ask("")
	var c resource.Catalog
	c.Set(slices.DeleteFunc(slices.Clone(s.Groups), func(g resource.Group) bool { return g.Name == "policy" }))
	s = c.Load()
	second := ask(first.Header().Get("Last-Modified"))
	if second.Code != http.StatusOK || second.Body.String() == first.Body.String() {
		t.Errorf("%d: the index of before is still good", second.Code)
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
