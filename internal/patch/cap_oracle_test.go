package patch

import (
	"fmt"
	"math/rand"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pintle-io/pintle/internal/object"
)

// TestCapOracle gives objects more updaters than they may have.
func TestCapOracle(t *testing.T) {
	r := rand.New(rand.NewSource(testSeed(t)))
	kind := trackedKinds[0]
	fm, tracker, s := oracle(t, kind, "", nil), NewTracker(), kindSchema(kind)
	for range rounds(500) {
		live := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, Data: map[string]string{}}
		live.UID = "uid"
		for i := range 6 + r.Intn(12) {
			key := fmt.Sprintf("k%d", r.Intn(20))
			live.Data[key] = "x"
			e := metav1.ManagedFieldsEntry{Manager: fmt.Sprintf("m%d", i), Operation: "Update", APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{}}
			switch r.Intn(12) {
			case 0:
				e.Operation = "Apply"
			case 1:
				e.Manager = ancientManager
			case 2:
				e.Subresource = "status"
			case 3:
				e.APIVersion = "v0"
			}
			if r.Intn(6) > 0 {
				when := metav1.Unix(int64(1600000000+r.Intn(4)), 0)
				e.Time = &when
			}
			e.FieldsV1.SetRawBytes([]byte(fmt.Sprintf(`{"f:data":{"f:%s":{}}}`, key)))
			live.ManagedFields = append(live.ManagedFields, e)
		}
		next := live.DeepCopy()
		next.Data[fmt.Sprintf("k%d", r.Intn(20))] = []string{"x", "y"}[r.Intn(2)]
		var want runtime.Object
		withinSecond(func() { want = fm.UpdateNoErrors(live, next.DeepCopy(), "m3") })
		got := next.DeepCopy()
		m := Manager{Name: "m3", APIVersion: "v1", Time: newest(want.(object.Object).GetManagedFields())}
		if err := tracker.Update(s, live, got, m, nil, nil); err != nil {
			t.Fatal(err)
		}
		if a, b := fieldsOf(want.(object.Object)), fieldsOf(got); a != b {
			t.Fatalf("live\n%snext %v\nwant\n%sgot\n%s", fieldsOf(live), next.Data, a, b)
		}
	}
}
