package patch

import (
	"math/rand"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gvkschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// TestScaleOracle moves random managedFields to a scale and back.
func TestScaleOracle(t *testing.T) {
	r := rand.New(rand.NewSource(testSeed(t)))
	paths := ReplicasPaths{"apps/v1": {"spec", "replicas"}, "apps/v1beta1": {"replicas"}, "none/v1": nil}
	mappings := managedfields.ResourcePathMappings{"apps/v1": fieldpath.MakePathOrDie("spec", "replicas"), "apps/v1beta1": fieldpath.MakePathOrDie("replicas"), "none/v1": nil}
	random := func(versions, sets []string) []metav1.ManagedFieldsEntry {
		var out []metav1.ManagedFieldsEntry
		for i := range r.Intn(5) {
			when := metav1.Unix(int64(1700000000+i), 0)
			e := metav1.ManagedFieldsEntry{Manager: []string{"a", "b", "c"}[r.Intn(3)], Operation: []metav1.ManagedFieldsOperationType{"Apply", "Update"}[r.Intn(2)],
				APIVersion: versions[r.Intn(len(versions))], Time: &when, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{}}
			if r.Intn(4) == 0 {
				e.Subresource = "scale"
			}
			e.FieldsV1.SetRawBytes([]byte(sets[r.Intn(len(sets))]))
			out = append(out, e)
		}
		return out
	}
	for range rounds(3000) {
		parent := random([]string{"apps/v1", "apps/v1beta1", "none/v1", "other/v1"}, []string{`{"f:spec":{"f:replicas":{}}}`, `{"f:spec":{"f:replicas":{},"f:x":{}}}`, `{"f:replicas":{}}`, `{"f:spec":{"f:y":{}}}`})
		scale := random([]string{"autoscaling/v1"}, []string{`{"f:spec":{"f:replicas":{}}}`, `{"f:spec":{}}`})
		lib := managedfields.NewScaleHandler(parent, gvkschema.GroupVersion{Group: "apps", Version: "v1"}, mappings)
		want, err := lib.ToSubresource()
		got, gotErr := ToScale(parent, paths)
		if err != nil || gotErr != nil || len(want) != len(got) || len(dedupEntries(want)) == len(want) && show(want) != show(got) {
			t.Fatalf("parent\n%swant %v\n%sgot %v\n%s", show(parent), err, show(want), gotErr, show(got))
		}
		want, err = lib.ToParent(scale)
		got, gotErr = FromScale(parent, scale, "apps/v1", paths)
		if err != nil || gotErr != nil || len(want) != len(got) || len(dedupEntries(want)) == len(want) && show(want) != show(got) {
			t.Fatalf("parent\n%sscale\n%swant %v\n%sgot %v\n%s", show(parent), show(scale), err, show(want), gotErr, show(got))
		}
	}
}

// dedupEntries drops entries that sort as equal: the library has these in Go's order of maps.
func dedupEntries(in []metav1.ManagedFieldsEntry) (out []metav1.ManagedFieldsEntry) {
	for _, e := range in {
		e.FieldsV1 = nil
		dup := false
		for _, o := range out {
			dup = dup || reflect.DeepEqual(o, e)
		}
		if !dup {
			out = append(out, e)
		}
	}
	return out
}
