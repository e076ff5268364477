package store_test

import (
	"strings"
	"testing"

	"github.com/pintle-io/pintle/internal/corpus"
	"github.com/pintle-io/pintle/internal/store"
)

func TestKeyPaths(t *testing.T) {
	for path, want := range map[string]store.Key{
		"pods/default/a":                             {Prefix: "pods", Namespace: "default", Name: "a"},
		"namespaces/default":                         {Prefix: "namespaces", Name: "default"},
		"services/specs/default/kubernetes":          {Prefix: "services/specs", Namespace: "default", Name: "kubernetes"},
		"services/endpoints/default/kubernetes":      {Prefix: "services/endpoints", Namespace: "default", Name: "kubernetes"},
		"stable.example.com/crontabs/default/a.b":    {Prefix: "stable.example.com/crontabs", Namespace: "default", Name: "a.b"},
		"apiregistration.k8s.io/apiservices/v1.apps": {Prefix: "apiregistration.k8s.io/apiservices", Name: "v1.apps"},
		"clusterroles/system:controller:a":           {Prefix: "clusterroles", Name: "system:controller:a"},
		"ranges/serviceips":                          {Prefix: "ranges", Name: "serviceips"},
		"masterleases/192.168.0.1":                   {Prefix: "masterleases", Name: "192.168.0.1"},
		"apiextensions.k8s.io/customresourcedefinitions/crontabs.stable.example.com": {Prefix: "apiextensions.k8s.io/customresourcedefinitions", Name: "crontabs.stable.example.com"},
	} {
		k, ok := store.ParseKey(path)
		if !ok || k != want || k.String() != path || !k.Valid() {
			t.Errorf("%s: %+v, %v; back: %s", path, k, ok, k)
		}
	}
	for _, path := range []string{"", "health", "pods/", "/a", "pods/a/b/c", "services/specs", "x.y/z", "x.y/z/", "pods//"} {
		if k, ok := store.ParseKey(path); ok && k.Valid() {
			t.Errorf("%q: %+v", path, k)
		}
	}
}

// Keys of one kind of prefix compare as their paths do.
func FuzzCompare(f *testing.F) {
	corpus.Add(f)
	f.Add("a", "x", "a-b", "x")
	f.Add("a", "x", "aa", "x")
	f.Add("a.b", "x-1", "a", "x.1")
	f.Fuzz(func(t *testing.T, ns1, name1, ns2, name2 string) {
		a, b := store.Key{Prefix: "p", Namespace: ns1, Name: name1}, store.Key{Prefix: "p", Namespace: ns2, Name: name2}
		if !a.Valid() || !b.Valid() || (ns1 == "") != (ns2 == "") {
			return
		}
		if got, want := a.Compare(b), strings.Compare(a.String(), b.String()); got != want || b.Compare(a) != -want {
			t.Fatalf("%q and %q: %d, want %d", a, b, got, want)
		}
	})
}
