package discovery

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/pintle-io/pintle/internal/builtin"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const (
	crdFile       = "testdata/crds.yaml"
	crdAnswers    = "testdata/crds.txtar.gz"
	askAggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
)

// readCRDs reads the definitions of crdFile.
func readCRDs(t testing.TB) (crds []*apiextensionsv1.CustomResourceDefinition) {
	for _, text := range strings.Split(string(must(os.ReadFile(crdFile))), "\n---\n") {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict([]byte(text), crd); err != nil {
			t.Fatal(err)
		}
		crds = append(crds, crd)
	}
	return crds
}

// customCatalog is the catalog of a server as it comes with some definitions, and what OpenAPI asks about them.
func customCatalog(crds []*apiextensionsv1.CustomResourceDefinition) (*resource.Snapshot, func(*resource.Version) CustomSchema) {
	groups := map[string]map[string][]resource.Row{}
	schemas := map[*resource.Version]CustomSchema{}
	for _, crd := range crds {
		r := customResource(crd)
		for i, v := range crd.Spec.Versions {
			c := CustomSchema{PreserveUnknown: crd.Spec.PreserveUnknownFields}
			c.Schema, _ = json.Marshal(v.Schema.OpenAPIV3Schema)
			for _, f := range v.SelectableFields {
				c.SelectableFields = append(c.SelectableFields, f.JSONPath)
			}
			schemas[&r.Versions[i]] = c
			if !v.Served {
				continue
			}
			g := groups[crd.Spec.Group]
			if g == nil {
				g = map[string][]resource.Row{}
				groups[crd.Spec.Group] = g
			}
			g[v.Name] = append(g[v.Name], resource.Row{Resource: r, Version: &r.Versions[i]})
		}
	}
	var custom []resource.Group
	for name, versions := range groups {
		g := resource.Group{Name: name}
		for v, rows := range versions {
			resource.SortRows(rows)
			g.Versions = append(g.Versions, resource.GroupVersion{Name: v, Rows: rows})
		}
		resource.SortGroupVersions(g.Versions)
		custom = append(custom, g)
	}
	resource.SortGroups(custom)
	var c resource.Catalog
	c.Set(append(builtin.Groups(builtin.All(resource.Deps{})), custom...))
	return c.Load(), func(v *resource.Version) CustomSchema { return schemas[v] }
}

// customResource makes the row of a definition.
func customResource(crd *apiextensionsv1.CustomResourceDefinition) *resource.Resource {
	n := crd.Spec.Names
	r := &resource.Resource{
		Names: resource.Names{Plural: n.Plural, Singular: n.Singular, Kind: n.Kind, ListKind: n.ListKind, Short: n.ShortNames, Categories: n.Categories},
		Verbs: resource.Standard, Prefix: crd.Spec.Group + "/" + n.Plural,
	}
	if r.Names.Singular == "" {
		r.Names.Singular = strings.ToLower(n.Kind)
	}
	if r.Names.ListKind == "" {
		r.Names.ListKind = n.Kind + "List"
	}
	if crd.Spec.Scope == apiextensionsv1.NamespaceScoped {
		r.Scope = resource.Namespaced
	}
	const verbs = resource.Get | resource.Patch | resource.Update
	for _, v := range crd.Spec.Versions {
		kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: n.Kind}
		version := resource.Version{Group: kind.Group, Name: kind.Version, Served: v.Served, Storage: v.Storage, Deprecated: v.Deprecated, Codec: &object.Codec{Kind: kind}}
		if s := v.Subresources; s != nil && s.Status != nil {
			version.Subs = append(version.Subs, resource.Subresource{Name: "status", Kind: kind, Verbs: verbs})
		}
		if s := v.Subresources; s != nil && s.Scale != nil {
			version.Subs = append(version.Subs, resource.Subresource{Name: "scale", Kind: schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}, Verbs: verbs})
		}
		r.Versions = append(r.Versions, version)
	}
	return r
}

// TestCustomRecorded compares what is served for the definitions of crdFile with what the reference served.
func TestCustomRecorded(t *testing.T) {
	crds := readCRDs(t)
	if *recordURL != "" {
		recordCRDs(t, crds)
	}
	z, err := gzip.NewReader(bytes.NewReader(must(os.ReadFile(crdAnswers))))
	if err != nil {
		t.Fatal(err)
	}
	s, custom := customCatalog(crds)
	d, o := New(func() *resource.Snapshot { return s }, nil), testOpenAPI()
	o.Snapshot, o.Custom = d.snapshot, custom
	files := txtar.Parse(must(io.ReadAll(z))).Files
	if len(files) < 40 {
		t.Fatalf("only %d answers are recorded", len(files))
	}
	for _, f := range files {
		t.Run(strings.ReplaceAll(f.Name, "/", "_"), func(t *testing.T) {
			path, accept, _ := strings.Cut(f.Name, " ")
			var h http.Handler = d
			if strings.HasPrefix(path, "/openapi") {
				h = o
			}
			w := ask(h, "GET", path, "Accept", accept)
			if w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			got := onlyCustom(t, crds, path, accept, w.Body.Bytes())
			if !strings.HasPrefix(path, "/openapi") {
				if diff := cmp.Diff(string(f.Data), string(got)); diff != "" {
					t.Errorf("-recorded +ours\n%s", diff)
				}
				return
			}
			var want, have any
			if err := json.Unmarshal(f.Data, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(got, &have); err != nil {
				t.Fatal(err)
			}
			found, known := map[string]bool{}, readDifferences(t)
			differences("", nil, want, have, found)
			for _, d := range slices.Sorted(maps.Keys(found)) {
				if !known[d] {
					t.Errorf("differs: %s", d)
				}
			}
			if path == v2Path {
				sameProtobuf(t, w.Body.Bytes(), v2Document(t, o, true))
				return
			}
			parsed, err := openapi_v3.ParseDocument(w.Body.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			var message openapi_v3.Document
			w = ask(h, "GET", path, "Accept", "application/"+v3Protobuf)
			if err := proto.Unmarshal(w.Body.Bytes(), &message); err != nil || !proto.Equal(parsed, &message) {
				t.Errorf("protobuf differs: %v", err)
			}
		})
	}
}

// onlyCustom leaves in an answer what concerns the definitions, in an order where the reference has none.
func onlyCustom(t *testing.T, crds []*apiextensionsv1.CustomResourceDefinition, path, accept string, answer []byte) []byte {
	var doc map[string]any
	if err := json.Unmarshal(answer, &doc); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	groups, prefixes := map[any]bool{}, []string{}
	for _, crd := range crds {
		groups[crd.Spec.Group] = true
		parts := strings.Split(crd.Spec.Group, ".")
		slices.Reverse(parts)
		prefixes = append(prefixes, "/apis/"+crd.Spec.Group+"/", strings.Join(parts, ".")+".")
	}
	keep := func(list, name string) {
		doc[list] = slices.DeleteFunc(doc[list].([]any), func(v any) bool {
			m := v.(map[string]any)
			if meta, ok := m["metadata"].(map[string]any); ok {
				m = meta
			}
			return !groups[m[name]]
		})
	}
	switch {
	case path == "/apis" && accept == askAggregated:
		keep("items", "name")
	case path == "/apis":
		keep("groups", "name")
	case path == v2Path:
		for _, section := range []string{"paths", "definitions"} {
			maps.DeleteFunc(doc[section].(map[string]any), func(name string, _ any) bool {
				return !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
			})
		}
	case doc["resources"] != nil:
		name := func(v any) string {
			name, _, _ := strings.Cut(v.(map[string]any)["name"].(string), "/")
			return name
		}
		slices.SortStableFunc(doc["resources"].([]any), func(a, b any) int { return strings.Compare(name(a), name(b)) })
	}
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// recordCRDs creates the definitions at the reference server and writes down what it answers then.
func recordCRDs(t *testing.T, crds []*apiextensionsv1.CustomResourceDefinition) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	do := func(method, path, accept string, body []byte) (int, []byte) {
		req, err := http.NewRequest(method, *recordURL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+*recordToken)
		req.Header.Set("Accept", accept)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, must(io.ReadAll(resp.Body))
	}
	requests := map[string]bool{"/apis application/json": true, "/apis " + askAggregated: true, v2Path + " application/json": true}
	for _, crd := range crds {
		body, err := json.Marshal(crd)
		if err != nil {
			t.Fatal(err)
		}
		if code, answer := do("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "application/json", body); code != 201 && code != 409 {
			t.Fatalf("%s: %d %s", crd.Name, code, answer)
		}
		requests["/apis/"+crd.Spec.Group+" application/json"] = true
		for _, v := range crd.Spec.Versions {
			if v.Served {
				requests["/apis/"+crd.Spec.Group+"/"+v.Name+" application/json"] = true
			}
			if v.Served && (v.Storage || len(crd.Spec.Versions) < 5) { // many of them would tell nothing new
				requests[openapiRoot+"/apis/"+crd.Spec.Group+"/"+v.Name+" application/json"] = true
			}
		}
	}
	// Documents follow definitions one by one: they are there when two rounds in a row are equal.
	var a, before *txtar.Archive
	for before == nil || !bytes.Equal(txtar.Format(a), txtar.Format(before)) {
		before, a = a, &txtar.Archive{Comment: []byte("Answers of kube-apiserver v1.36.3 about the definitions of crds.yaml\n")}
		for _, request := range slices.Sorted(maps.Keys(requests)) {
			path, accept, _ := strings.Cut(request, " ")
			code, answer := do("GET", path, accept, nil)
			for ; code != 200; code, answer = do("GET", path, accept, nil) {
				time.Sleep(time.Second)
			}
			a.Files = append(a.Files, txtar.File{Name: request, Data: onlyCustom(t, crds, path, accept, answer)})
		}
		time.Sleep(2 * time.Second)
	}
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	fmt.Fprintf(z, "%s", txtar.Format(a))
	z.Close()
	if err := os.WriteFile(crdAnswers, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
