package discovery

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// recorded is where the reference's discovery documents are.
const recorded = "../builtin/recorded/discovery"

func readRecorded(t testing.TB, path string, into any) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recorded, path+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

// stored is where a kind is stored when that is not where it is served.
var stored = map[schema.GroupVersionKind]schema.GroupVersion{
	{Group: "events.k8s.io", Version: "v1", Kind: "Event"}:                                         {Version: "v1"},
	{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"}:                         {Group: "autoscaling", Version: "v2"},
	{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}:               {Group: "apiextensions.k8s.io", Version: "v1beta1"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingAdmissionPolicy"}:        {Group: "admissionregistration.k8s.io", Version: "v1beta1"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingAdmissionPolicyBinding"}: {Group: "admissionregistration.k8s.io", Version: "v1beta1"},
}

// returnDeleted are the kinds whose delete answers with the object.
var returnDeleted = map[string]bool{
	"CSIDriver": true, "CSINode": true, "DeviceClass": true, "PersistentVolume": true, "PersistentVolumeClaim": true, "Pod": true,
	"PodTemplate": true, "ResourceClaim": true, "ResourceClaimTemplate": true, "ResourceQuota": true, "ResourceSlice": true, "Service": true,
	"ServiceAccount": true, "StorageClass": true, "VolumeAttachment": true, "VolumeAttributesClass": true,
}

// builtinSnapshot is a catalog of the kinds that the recorded aggregated discovery lists: what discovery and
// OpenAPI need of them and no more.
func builtinSnapshot(t testing.TB) *resource.Snapshot {
	schemas := pschema.NewBuiltin()
	resources := map[schema.GroupVersionKind]*resource.Resource{}
	var groups []resource.Group
	for _, root := range []string{"aggregated/api", "aggregated/apis"} {
		var list apidiscoveryv2.APIGroupDiscoveryList
		readRecorded(t, root, &list)
		for _, item := range list.Items {
			g := resource.Group{Name: item.Name}
			for _, v := range item.Versions {
				gv := schema.GroupVersion{Group: g.Name, Version: v.Version}
				version := resource.GroupVersion{Name: v.Version}
				for _, d := range v.Resources {
					version.Rows = append(version.Rows, builtinRow(gv, d, schemas, resources))
				}
				g.Versions = append(g.Versions, version)
			}
			groups = append(groups, g)
		}
	}
	var c resource.Catalog
	c.Set(groups)
	return c.Load()
}

func builtinRow(gv schema.GroupVersion, d apidiscoveryv2.APIResourceDiscovery, schemas *pschema.Builtin, resources map[schema.GroupVersionKind]*resource.Resource) resource.Row {
	kind := d.ResponseKind.Kind
	gvk := gv.WithKind(kind)
	r := &resource.Resource{
		Names: resource.Names{Plural: d.Resource, Singular: d.SingularResource, Kind: kind, ListKind: kind + "List", Short: d.ShortNames, Categories: d.Categories},
		Verbs: verbSet(d.Verbs),
	}
	if d.Scope == apidiscoveryv2.ScopeNamespace {
		r.Scope = resource.Namespaced
	}
	if slices.Contains(d.Verbs, "watch") {
		r.Prefix = d.Resource
	}
	r.Rules.ReturnDeleted = returnDeleted[kind]
	version := resource.Version{Group: gv.Group, Name: gv.Version, Served: true, Storage: true, Codec: &object.Codec{Kind: gvk, New: func() object.Object { return nil }},
		Schema: func() *pschema.Schema { return schemas.Kind(gvk.Group, gvk.Version, gvk.Kind) }}
	for _, s := range d.Subresources {
		sub := resource.Subresource{Name: s.Subresource, Verbs: verbSet(s.Verbs), Kind: gv.WithKind(s.ResponseKind.Kind)}
		if s.ResponseKind.Version != "" {
			sub.Kind = schema.GroupVersionKind(*s.ResponseKind)
		}
		version.Subs = append(version.Subs, sub)
	}
	r.Versions = []resource.Version{version}
	if at, ok := stored[gvk]; ok {
		r.Versions[0].Storage = false
		r.Versions = append(r.Versions, resource.Version{Group: at.Group, Name: at.Version, Storage: true})
	}
	return resource.Row{Resource: r, Version: &r.Versions[0]}
}

func verbSet(names metav1.Verbs) (out resource.Verbs) {
	for v := resource.Create; v <= resource.Connect; v <<= 1 {
		if n := v.Names(); len(n) == 1 && slices.Contains(names, n[0]) {
			out |= v
		}
	}
	return out
}

func recordedPaths(t testing.TB) []string {
	var out []string
	err := filepath.Walk(recorded, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, recorded+string(filepath.Separator)))
		if name, ok := strings.CutSuffix(path, ".json"); ok && !strings.HasPrefix(path, "aggregated/") && name != "version" {
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
