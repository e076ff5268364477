package builtin

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// discovery is what is served, group/version/resource in the order of the document.
type entry struct {
	Group, Version, Resource string
	Singular, Kind, Scope    string
	Short, Categories, Verbs []string
	Subs                     []sub
}

type sub struct {
	Name  string
	Kind  metav1.GroupVersionKind
	Verbs []string
}

func recorded(t *testing.T, files ...string) (out []entry) {
	for _, file := range files {
		var list apidiscovery.APIGroupDiscoveryList
		readJSON(t, file, &list)
		for _, g := range list.Items {
			for _, v := range g.Versions {
				for _, r := range v.Resources {
					e := entry{
						Group: g.Name, Version: v.Version, Resource: r.Resource, Singular: r.SingularResource, Kind: r.ResponseKind.Kind,
						Scope: string(r.Scope), Short: r.ShortNames, Categories: r.Categories, Verbs: r.Verbs,
					}
					for _, s := range r.Subresources {
						kind := *s.ResponseKind
						if kind.Version == "" { // an empty group and version are the resource's own
							kind.Group, kind.Version = g.Name, v.Version
						}
						e.Subs = append(e.Subs, sub{s.Subresource, kind, s.Verbs})
					}
					out = append(out, e)
				}
			}
		}
	}
	return out
}

func ours(groups []resource.Group) (out []entry) {
	for _, g := range groups {
		for _, v := range g.Versions {
			for _, row := range v.Rows {
				n := row.Resource.Names
				e := entry{
					Group: g.Name, Version: v.Name, Resource: n.Plural, Singular: n.Singular, Kind: n.Kind, Scope: "Cluster",
					Short: n.Short, Categories: n.Categories, Verbs: row.Resource.Verbs.Names(),
				}
				if row.Resource.Scope == resource.Namespaced {
					e.Scope = "Namespaced"
				}
				for _, s := range row.Version.Subs {
					e.Subs = append(e.Subs, sub{s.Name, metav1.GroupVersionKind(s.Kind), s.Verbs.Names()})
				}
				slices.SortFunc(e.Subs, func(a, b sub) int { return strings.Compare(a.Name, b.Name) })
				out = append(out, e)
			}
		}
	}
	return out
}

func compare(t *testing.T, got, want []entry) {
	t.Helper()
	text := func(list []entry) (lines []string) {
		for _, e := range list {
			b, _ := json.Marshal(e)
			lines = append(lines, string(b))
		}
		return lines
	}
	g, w := text(got), text(want)
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Errorf("missing %s", w[i])
		case i >= len(w):
			t.Errorf("too many: %s", g[i])
		case g[i] != w[i]:
			t.Fatalf("row %d:\n got %s\nwant %s", i, g[i], w[i])
		}
	}
}

func TestServedAsRecorded(t *testing.T) {
	want := recorded(t, "recorded/discovery/aggregated/api.json", "recorded/discovery/aggregated/apis.json")
	if len(want) != 68 {
		t.Errorf("%d resources recorded", len(want))
	}
	compare(t, ours(Groups(All(resource.Deps{}))), want)
}

// TestServedWithAll compares what --runtime-config=api/all=true serves.
func TestServedWithAll(t *testing.T) {
	all := All(resource.Deps{})
	if err := Configure(all, map[string]string{"api/all": "true"}); err != nil {
		t.Fatal(err)
	}
	compare(t, ours(Groups(all)), recorded(t, "testdata/api-all.json", "testdata/apis-all.json"))
}

// TestStoredAsRecorded compares the places and versions in which the reference keeps objects.
func TestStoredAsRecorded(t *testing.T) {
	byName := map[string]*resource.Resource{}
	for _, g := range Groups(All(resource.Deps{})) {
		for _, v := range g.Versions {
			for _, row := range v.Rows {
				name := row.Resource.Names.Plural + "." + v.Name
				if g.Name != "" {
					name += "." + g.Name
				}
				byName[name] = row.Resource
			}
		}
	}
	f, err := os.Open("recorded/etcdkeys.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, key, ok := strings.Cut(lines.Text(), "\t")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		n++
		r := byName[name]
		if r == nil {
			t.Errorf("%s is not served", name)
			continue
		}
		if key == "" {
			if r.Stored() {
				t.Errorf("%s is stored at %s, and should not be", name, r.Prefix)
			}
			continue
		}
		parts := strings.Split(strings.TrimPrefix(key, "/registry/"), "/")
		keep := len(parts) - 1
		if r.Scope == resource.Namespaced {
			keep--
		}
		if want := strings.Join(parts[:keep], "/"); r.Prefix != want {
			t.Errorf("%s is stored at %s, want %s", name, r.Prefix, want)
		}
		checkStored(t, name, r)
	}
	if n != 68 {
		t.Errorf("%d keys recorded", n)
	}
}

func checkStored(t *testing.T, name string, r *resource.Resource) {
	data, err := os.ReadFile(filepath.Join("../../reference/testdata/etcd", name+".b64"))
	if os.IsNotExist(err) {
		return
	}
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(data), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	v := r.Storage()
	if got := strings.HasPrefix(string(raw), "{"); got != v.Codec.StoreJSON {
		t.Errorf("%s is stored as JSON: %v, want %v", name, v.Codec.StoreJSON, got)
	}
	if got := v.APIVersion(); !strings.Contains(string(raw[:min(len(raw), 120)]), got) {
		t.Errorf("%s is not stored as %s", name, got)
	}
	obj, err := v.Codec.DecodeStored(raw, 7)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	again, _, err := v.Codec.EncodeStored(obj)
	if err != nil || string(again) != string(raw) {
		t.Errorf("%s: stored bytes change:\n%q\n%q (%v)", name, raw, again, err)
	}
}

// TestDescriptors checks what is true of every kind.
func TestDescriptors(t *testing.T) {
	prefixes := map[string]string{}
	for _, r := range All(resource.Deps{Features: func(string) bool { return true }}) {
		name := r.Names.Plural
		if prefixes[r.Prefix] != "" && r.Stored() {
			t.Errorf("%s and %s share %s", name, prefixes[r.Prefix], r.Prefix)
		}
		prefixes[r.Prefix] = name
		storage := 0
		for i := range r.Versions {
			v := &r.Versions[i]
			if v.Storage {
				storage++
			}
			o := v.Codec.NewObject()
			if v.Codec.Kind.Kind != r.Names.Kind || v.Codec.Kind.GroupVersion() != v.GV() || o == nil {
				t.Errorf("%s %s: codec of %v", name, v.Name, v.Codec.Kind)
			}
			for _, s := range v.Subs {
				if s.Kind.Kind == "" || s.Verbs == 0 {
					t.Errorf("%s/%s: %+v", name, s.Name, s)
				}
				if s.Parent && (s.Do != nil || s.Connect != nil || s.Body != nil) {
					t.Errorf("%s/%s writes the parent and has a body", name, s.Name)
				}
				if s.Do != nil && s.Body == nil {
					t.Errorf("%s/%s has no body", name, s.Name)
				}
			}
		}
		if want := 1; r.Stored() && storage != want || !r.Stored() && storage != 0 {
			t.Errorf("%s has %d storage versions", name, storage)
		}
		if !r.Stored() {
			if r.Serve == nil && r.Objects == nil && r.Alias == nil {
				t.Errorf("%s is not stored and not served", name)
			}
			continue
		}
		// The functions of field selectors take the storage version.
		o := r.Storage().Codec.NewObject()
		for i := range r.Versions {
			for label, get := range r.Versions[i].Fields {
				if get(o); r.CheckField(&r.Versions[i], label) != nil {
					t.Errorf("%s: %s is not supported", name, label)
				}
			}
		}
		for _, p := range []map[string]bool{pathsOf(r.Rules.Reset), pathsOf(r.Rules.CreateReset), pathsOf(r.Rules.Generation)} {
			for top := range p {
				if !hasField(o, top) {
					t.Errorf("%s has no field %s", name, top)
				}
			}
		}
	}
}
