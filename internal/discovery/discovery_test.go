package discovery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pintle-io/pintle/internal/resource"
)

func recordedAddresses(*http.Request) []metav1.ServerAddressByClientCIDR {
	return []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: "192.0.2.1:6443"}}
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestRecorded wants every recorded document byte for byte (they were recorded indented, with a newline added).
func TestRecorded(t *testing.T) {
	s := builtinSnapshot(t)
	d := New(func() *resource.Snapshot { return s }, recordedAddresses)
	paths := recordedPaths(t)
	if len(paths) < 40 {
		t.Fatalf("only %d documents are recorded", len(paths))
	}
	for _, path := range paths {
		var any any
		want := readRecorded(t, path, &any)
		w := ask(d, "GET", "/"+path, "User-Agent", "curl/8")
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), w.Body.String()); diff != "" {
			t.Errorf("%s: -recorded +ours\n%s", path, diff)
		}
	}
	if diff := cmp.Diff([]string{"v1"}, Versions(s, nil).Versions); diff != "" {
		t.Error(diff)
	}
}

func TestRecordedAggregated(t *testing.T) {
	s := builtinSnapshot(t)
	d := New(func() *resource.Snapshot { return s }, nil)
	etags := map[string]string{}
	b, err := os.ReadFile(filepath.Join(recorded, "etags.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		etags[f[0]] = f[2]
	}
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	for _, path := range []string{"/api", "/apis"} {
		var want apidiscoveryv2.APIGroupDiscoveryList
		raw := readRecorded(t, "aggregated"+path, &want)
		w := ask(d, "GET", path, "Accept", accept+",application/json", "User-Agent", "curl/8")
		if w.Code != 200 || w.Header().Get("Content-Type") != accept || w.Header().Get("ETag") != etags[path] {
			t.Errorf("%s: %d %v, want ETag %s", path, w.Code, w.Header(), etags[path])
		}
		if diff := cmp.Diff(strings.TrimSpace(string(raw)), w.Body.String()); diff != "" {
			t.Errorf("%s: -recorded +ours\n%s", path, diff)
		}
		if w := ask(d, "GET", path, "Accept", accept, "If-None-Match", etags[path]); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%s again: %d %s", path, w.Code, w.Body)
		}
		w = ask(d, "GET", path, "Accept", strings.Replace(accept, "json", "vnd.kubernetes.protobuf", 1))
		var got apidiscoveryv2.APIGroupDiscoveryList
		var unknown runtime.Unknown
		if err := unknown.Unmarshal(bytes.TrimPrefix(w.Body.Bytes(), []byte("k8s\x00"))); err != nil {
			t.Fatal(err)
		}
		if err := got.Unmarshal(unknown.Raw); err != nil {
			t.Fatal(err)
		}
		want.TypeMeta = metav1.TypeMeta{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -recorded +ours\n%s", path, diff)
		}
	}
}

// TestFollowsSnapshot wants that nothing old is served once the catalog has changed.
func TestFollowsSnapshot(t *testing.T) {
	s := builtinSnapshot(t)
	d := New(func() *resource.Snapshot { return s }, nil)
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	before := ask(d, "GET", "/apis", "Accept", accept)
	var c resource.Catalog
	c.Set(s.Groups[:3])
	s = c.Load()
	after := ask(d, "GET", "/apis", "Accept", accept, "If-None-Match", before.Header().Get("ETag"))
	var list apidiscoveryv2.APIGroupDiscoveryList
	if err := json.Unmarshal(after.Body.Bytes(), &list); err != nil || len(list.Items) != 2 {
		t.Errorf("%v: %s", err, after.Body)
	}
}

// TestRemote wants that an extension server answers for its own version.
func TestRemote(t *testing.T) {
	var c resource.Catalog
	c.Set([]resource.Group{{Name: "metrics.k8s.io", Versions: []resource.GroupVersion{{Name: "v1beta1", Rows: []resource.Row{{
		Remote: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(418) })}}}}}})
	d := New(c.Load, nil)
	if w := ask(d, "GET", "/apis/metrics.k8s.io/v1beta1"); w.Code != 418 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(d, "GET", "/apis/metrics.k8s.io"); w.Code != 200 || !strings.Contains(w.Body.String(), `"preferredVersion":{"groupVersion":"metrics.k8s.io/v1beta1"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if list := Aggregated(c.Load(), false); list.Items[0].Versions[0].Freshness != apidiscoveryv2.DiscoveryFreshnessStale {
		t.Errorf("%+v", list)
	}
}

// TestCompressed wants large answers compressed for those who accept it.
func TestCompressed(t *testing.T) {
	s := builtinSnapshot(t)
	groups := s.Groups[:1:1]
	for i := range 80 {
		g := s.Groups[2]
		g.Name = fmt.Sprintf("group%d.example.com", i)
		groups = append(groups, g)
	}
	var c resource.Catalog
	c.Set(groups)
	d := New(c.Load, nil)
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	plain := ask(d, "GET", "/apis", "Accept", accept)
	packed := ask(d, "GET", "/apis", "Accept", accept, "Accept-Encoding", "br, gzip;q=1")
	z, err := gzip.NewReader(packed.Body)
	if err != nil || packed.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v: %v", err, packed.Header())
	}
	if b, err := io.ReadAll(z); err != nil || !bytes.Equal(b, plain.Body.Bytes()) || len(b) <= worthGzip {
		t.Errorf("%d bytes, uncompressed %d: %v", len(b), plain.Body.Len(), err)
	}
	if w := ask(d, "GET", "/apis", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Errorf("a small answer is compressed: %v", w.Header())
	}
}

func BenchmarkAggregated(b *testing.B) {
	s := builtinSnapshot(b)
	d := New(func() *resource.Snapshot { return s }, nil)
	b.ReportAllocs()
	for b.Loop() {
		ask(d, "GET", "/apis", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	}
}

func BenchmarkResources(b *testing.B) {
	s := builtinSnapshot(b)
	d := New(func() *resource.Snapshot { return s }, nil)
	b.ReportAllocs()
	for b.Loop() {
		ask(d, "GET", "/api/v1")
	}
}
