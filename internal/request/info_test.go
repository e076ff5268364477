package request

import (
	"github.com/pintle-io/pintle/internal/corpus"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func parse(t testing.TB, method, target string) (Info, error) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(method, u)
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		method, url string
		want        Info
	}{
		{"GET", "/", Info{Verb: "get"}},
		{"POST", "/version", Info{Verb: "post"}},
		{"GET", "/api/v1", Info{Verb: "get"}},
		{"GET", "/apis/apps/v1", Info{Verb: "get", Prefix: "apis"}},
		{"GET", "/api/v1/namespaces", Info{IsResource: true, Verb: "list", Prefix: "api", Version: "v1", Resource: "namespaces", Depth: 1}},
		{"GET", "/api/v1/namespaces/x/", Info{IsResource: true, Verb: "get", Prefix: "api", Version: "v1", Resource: "namespaces", Namespace: "x", Name: "x", Depth: 2}},
		{"PUT", "/api/v1/namespaces/x/finalize", Info{IsResource: true, Verb: "update", Prefix: "api", Version: "v1", Resource: "namespaces", Subresource: "finalize", Namespace: "x", Name: "x", Depth: 3}},
		{"GET", "/api/v1/namespaces/x/pods", Info{IsResource: true, Verb: "list", Prefix: "api", Version: "v1", Resource: "pods", Namespace: "x", Depth: 1}},
		{"GET", "/api/v1/namespaces/x/pods?watch=1&labelSelector=a", Info{IsResource: true, Verb: "watch", Prefix: "api", Version: "v1", Resource: "pods", Namespace: "x", LabelSelector: "a", Depth: 1}},
		{"GET", "/api/v1/namespaces/x/pods?watch=False", Info{IsResource: true, Verb: "list", Prefix: "api", Version: "v1", Resource: "pods", Namespace: "x", Depth: 1}},
		{"GET", "/api/v1/pods?fieldSelector=metadata.name%3Dp", Info{IsResource: true, Verb: "list", Prefix: "api", Version: "v1", Resource: "pods", Name: "p", FieldSelector: "metadata.name=p", Depth: 1}},
		{"DELETE", "/api/v1/namespaces/x/pods", Info{IsResource: true, Verb: "deletecollection", Prefix: "api", Version: "v1", Resource: "pods", Namespace: "x", Depth: 1}},
		{"PATCH", "/apis/apps/v1/namespaces/x/deployments/d/scale", Info{IsResource: true, Verb: "patch", Prefix: "apis", Group: "apps", Version: "v1", Resource: "deployments", Namespace: "x", Name: "d", Subresource: "scale", Depth: 3}},
		{"GET", "/api/v1/namespaces/x/pods/p/proxy/a/b", Info{IsResource: true, Verb: "get", Prefix: "api", Version: "v1", Resource: "pods", Namespace: "x", Name: "p", Subresource: "proxy", Depth: 5, Rest: "a/b"}},
		{"GET", "/api/v1/watch/namespaces/x/pods/p", Info{IsResource: true, Verb: "watch", Special: "watch", Prefix: "api", Version: "v1", Resource: "pods", Namespace: "x", Name: "p", Depth: 2}},
		{"HEAD", "/api/v1/nodes/n", Info{IsResource: true, Verb: "get", Prefix: "api", Version: "v1", Resource: "nodes", Name: "n", Depth: 2}},
		{"OPTIONS", "/api/v1/nodes", Info{IsResource: true, Prefix: "api", Version: "v1", Resource: "nodes", Depth: 1}},
	} {
		got, err := parse(t, c.method, c.url)
		c.want.Path = strings.SplitN(c.url, "?", 2)[0]
		if err != nil || got != c.want {
			t.Errorf("%s %s\n got %+v, %v\nwant %+v", c.method, c.url, got, err, c.want)
		}
	}
	if _, err := parse(t, "GET", "/api/v1/watch"); err == nil || err.Error() != "unable to determine kind and namespace from url, /api/v1/watch" {
		t.Errorf("GET /api/v1/watch: %v", err)
	}
}

// slowParse is the same rules written with slices, as the documentation tells them.
func slowParse(method, path string) (resource bool, parts []string, ns string) {
	segs := strings.Split(strings.Trim(path, "/"), "/")
	if len(segs) < 3 || segs[0] != "api" && segs[0] != "apis" || segs[0] == "apis" && len(segs) < 4 {
		return false, nil, ""
	}
	segs = segs[1:]
	if strings.HasPrefix(strings.Trim(path, "/"), "apis") {
		segs = segs[1:]
	}
	segs = segs[1:]
	if segs[0] == "watch" || segs[0] == "proxy" {
		segs = segs[1:]
		if len(segs) == 0 {
			return true, nil, ""
		}
	}
	if segs[0] == "namespaces" && len(segs) > 1 {
		ns = segs[1]
		if len(segs) > 2 && segs[2] != "status" && segs[2] != "finalize" {
			segs = segs[2:]
		}
	}
	return true, segs, ns
}

func FuzzParse(f *testing.F) {
	corpus.Add(f)
	for _, s := range []string{"/api/v1/namespaces/x/pods/p/log", "/apis/apps/v1/deployments", "/api/v1/watch/pods", "//api//v1//", "/api/v1/proxy/a/b/c/d", "/apis/a/b/namespaces/x/status/y"} {
		f.Add("GET", s, "watch=1&fieldSelector=metadata.name=x")
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		in, err := Parse(method, &url.URL{Path: path, RawQuery: query})
		if err != nil {
			return
		}
		isResource, parts, ns := slowParse(method, path)
		if in.IsResource != isResource {
			t.Fatalf("%q: resource %v, want %v", path, in.IsResource, isResource)
		}
		if !isResource {
			return
		}
		at := func(i int) string {
			if i < len(parts) {
				return parts[i]
			}
			return ""
		}
		sub := at(2)
		if in.Special == "proxy" {
			sub = ""
		}
		byField := at(1) == "" && in.FieldSelector != ""
		if in.Namespace != ns || in.Depth != len(parts) || in.Resource != at(0) || in.Subresource != sub || in.Name != at(1) && !byField {
			t.Fatalf("%q: %+v, want %q in %q", path, in, parts, ns)
		}
		if method == http.MethodGet && in.Special == "" && in.Name == "" && in.Verb != "list" && in.Verb != "watch" {
			t.Fatalf("%q: %+v", path, in)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	u, _ := url.ParseRequestURI("/api/v1/namespaces/default/configmaps/some-name")
	b.ReportAllocs()
	for b.Loop() {
		if in, _ := Parse("GET", u); in.Name != "some-name" {
			b.Fatal(in)
		}
	}
}
