package patch

import (
	"reflect"
	"sync"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/schema"
)

func fieldsOf(o metav1.Object) string { return show(o.GetManagedFields()) }

func at(sec int64) metav1.Time { return metav1.Unix(sec, 0) }

// TestUpdateExample is what a create, a status write and a label make of a pod: a look at the format for readers.
func TestUpdateExample(t *testing.T) {
	tracker, s := NewTracker(), kindSchema(podKind)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"x": "1"}}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Image: "i", Ports: []corev1.ContainerPort{{ContainerPort: 80}}}}}}
	if err := tracker.Update(s, nil, p, Manager{Name: "m", APIVersion: "v1", Time: at(1700000000)}, nil, nil); err != nil {
		t.Fatal(err)
	}
	p.UID = "uid"
	want := `Update m v1  2023-11-14T22:13:20Z FieldsV1 {"f:metadata":{"f:labels":{".":{},"f:x":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}},"f:resources":{}}}}}
`
	if got := fieldsOf(p); got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
	next := p.DeepCopy()
	next.Status.Phase = "Running"
	next.Spec.Containers[0].Image = "ignored here"
	if err := tracker.Update(s, p, next, Manager{Name: "kubelet", Subresource: "status", APIVersion: "v1", Time: at(1700000001)}, schema.Paths{"spec": nil}, nil); err != nil {
		t.Fatal(err)
	}
	want += `Update kubelet v1 status 2023-11-14T22:13:21Z FieldsV1 {"f:status":{"f:phase":{}}}
`
	if got := fieldsOf(next); got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
	same := next.DeepCopy()
	if err := tracker.Update(s, next, same, Manager{Name: "m", APIVersion: "v1", Time: at(1700000009)}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := fieldsOf(same); got != want {
		t.Fatalf("a write that changes nothing\ngot\n%swant\n%s", got, want)
	}
}

func TestConflictMessages(t *testing.T) {
	tracker, s := NewTracker(), kindSchema(trackedKinds[0])
	live := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: map[string]string{"key": "1", "other": "1"}}
	if err := tracker.Update(s, nil, live, Manager{Name: "kubectl-client-side-apply", APIVersion: "v1", Time: at(1)}, nil, nil); err != nil {
		t.Fatal(err)
	}
	live.UID = "uid"
	for _, c := range []struct{ data, want string }{
		{"key", "409 Conflict Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.key\n{FieldManagerConflict conflict with \"kubectl-client-side-apply\" using v1 .data.key}"},
		{"both", "409 Conflict Apply failed with 2 conflicts: conflicts with \"kubectl-client-side-apply\" using v1:\n- .data.key\n- .data.other\n" +
			"{FieldManagerConflict conflict with \"kubectl-client-side-apply\" using v1 .data.key}\n{FieldManagerConflict conflict with \"kubectl-client-side-apply\" using v1 .data.other}"},
	} {
		data := map[string]any{"key": "2"}
		if c.data == "both" {
			data["other"] = "2"
		}
		config := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": data}
		_, err := tracker.Apply(s, live, config, Manager{Name: "x", APIVersion: "v1", Time: at(2)}, false, nil, nil, nil)
		if got := errText(err); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// TestConcurrent is for the race detector: one Tracker, many goroutines, the same live object.
func TestConcurrent(t *testing.T) {
	tracker := NewTracker()
	live := pod(t)
	if err := tracker.Update(kindSchema(podKind), nil, live, Manager{Name: "m", APIVersion: "v1"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	live.UID = "uid"
	var want string
	var wg sync.WaitGroup
	results := make([]string, 8)
	for i := range results {
		wg.Go(func() {
			for range 50 {
				next := live.DeepCopy()
				next.Labels["n"] = "x"
				if err := tracker.Update(kindSchema(podKind), live, next, Manager{Name: "n", APIVersion: "v1"}, nil, nil); err != nil {
					results[i] = err.Error()
					return
				}
				results[i] = fieldsOf(next)
				if out, err := tracker.Apply(kindSchema(podKind), next, map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"labels": map[string]any{"n": "y"}}}, Manager{Name: "o", APIVersion: "v1"}, true, nil, nil, nil); err != nil {
					results[i] = err.Error()
					return
				} else {
					results[i] += fieldsOf(out)
				}
				if i == 0 && want == "" {
					want = results[i]
				}
			}
		})
	}
	wg.Wait()
	for i, got := range results {
		if got != want {
			t.Errorf("goroutine %d: %s", i, got)
		}
	}
}

// TestRecursive wants a plan for a type that contains itself, in a keyed list.
func TestRecursive(t *testing.T) {
	type tree struct {
		Name string `json:"name"`
		Kids []tree `json:"kids,omitempty"`
	}
	s := &schema.Schema{Type: schema.Object}
	kids := &schema.Schema{Type: schema.List, ListType: schema.ListMap, Keys: []string{"name"}, Items: s}
	s.Properties = []schema.Property{{Name: "kids", Schema: kids}, {Name: "name", Schema: &schema.Schema{Type: schema.String}}}
	pl := compilePlan(reflect.TypeFor[tree](), s, true)
	a, b := tree{"a", []tree{{"b", []tree{{"c", nil}}}}}, tree{"a", []tree{{"b", []tree{{"d", nil}}}}}
	d := differ{}
	d.fields(pl, unsafe.Pointer(&a), unsafe.Pointer(&b))
	if got, want := string(appendSet(nil, pick(nil, d.nodes, added))), `{"f:kids":{"k:{\"name\":\"b\"}":{"f:kids":{"k:{\"name\":\"d\"}":{".":{},"f:name":{}}}}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
