package patch

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

func testSeed(t *testing.T) int64 {
	seed := time.Now().UnixNano()
	if s := os.Getenv("PATCH_SEED"); s != "" {
		fmt.Sscan(s, &seed)
	}
	t.Logf("PATCH_SEED=%d", seed)
	return seed
}

// rounds scales the random tests: PATCH_ROUNDS=100 runs them a hundred times longer.
func rounds(n int) int {
	times := 1
	fmt.Sscan(os.Getenv("PATCH_ROUNDS"), &times)
	return n * times
}

// withinSecond calls f, again if a second has begun meanwhile: the library reads the clock more than once.
func withinSecond(f func()) {
	for {
		start := time.Now().Unix()
		if f(); time.Now().Unix() == start {
			return
		}
	}
}

// errText is an error as a client sees it; the library's order of conflicts is Go's order of maps.
func errText(err error) string {
	if err == nil {
		return ""
	}
	s, ok := err.(apierrors.APIStatus)
	if !ok {
		lines := strings.Split(err.Error(), "\n") // the library walks maps in Go's order
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	st := s.Status()
	var lines []string
	if st.Details != nil {
		for _, c := range st.Details.Causes {
			lines = append(lines, fmt.Sprint(c))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d %s %s\n%s", st.Code, st.Reason, st.Message, strings.Join(lines, "\n"))
}

func toJSON(tb testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// stripNulls makes a filled struct's tree one that a client would apply.
func asConfig(tb testing.TB, o object.Object) map[string]any {
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		tb.Fatal(err)
	}
	for k, v := range tree {
		if v == nil {
			delete(tree, k)
		}
	}
	return tree
}

// TestApplyOracle applies random configurations to random objects, between random updates.
func TestApplyOracle(t *testing.T) {
	seed := testSeed(t)
	tracker := NewTracker()
	for _, kind := range trackedKinds {
		t.Run(kind.Kind, func(t *testing.T) {
			r := &filler{rand.New(rand.NewSource(seed)), 0.3}
			s := kindSchema(kind)
			fm, statusFM := oracle(t, kind, "", nil), oracle(t, kind, "status", fieldpath.NewSet(fieldpath.MakePathOrDie("spec"), fieldpath.MakePathOrDie("metadata", "labels")))
			var applied, conflicts, failed, noops int
			for range rounds(25) {
				r.full = []float64{0.05, 0.1, 0.3}[r.Intn(3)]
				live := newOf(t, kind)
				if r.Intn(2) == 0 {
					r.fill(reflect.ValueOf(live).Elem(), 0)
				}
				live.SetUID("uid")
				if r.Intn(10) == 0 {
					live.SetUID("")
				}
				var config object.Object
				for step := range 8 {
					m := Manager{Name: []string{"kubectl", "a", "b", "c"}[r.Intn(4)], APIVersion: kind.GroupVersion().String()}
					if r.Intn(3) == 0 {
						next := live.DeepCopyObject().(object.Object)
						r.change(reflect.ValueOf(next).Elem(), 0.1, 0)
						next.SetUID("uid")
						next.GetObjectKind().SetGroupVersionKind(kind)
						if r.Intn(3) == 0 && config != nil {
							next.SetAnnotations(map[string]string{lastApplied: toJSON(t, asConfig(t, config))})
						}
						live = fm.UpdateNoErrors(live, next, m.Name).(object.Object)
						continue
					}
					if config == nil || r.Intn(3) == 0 {
						config = newOf(t, kind)
						r.fill(reflect.ValueOf(config).Elem(), 0)
					} else {
						config = config.DeepCopyObject().(object.Object)
						r.change(reflect.ValueOf(config).Elem(), []float64{0, 0.02, 0.1}[r.Intn(3)], 0)
						config.GetObjectKind().SetGroupVersionKind(kind)
					}
					if r.Intn(20) > 0 {
						config.SetUID("")
					}
					tree := asConfig(t, config)
					mangle(r, tree)
					force := r.Intn(2) == 0
					lfm, reset := fm, schema.Paths(nil)
					if r.Intn(5) == 0 {
						lfm, m.Subresource, reset = statusFM, "status", schema.Paths{"spec": nil, "metadata": {"labels": nil}}
					}
					var want runtime.Object
					var wantErr error
					withinSecond(func() {
						want, wantErr = lfm.Apply(live, &unstructured.Unstructured{Object: runtime.DeepCopyJSON(tree)}, m.Name, force)
					})
					m.Time = metav1.NewTime(time.Now())
					if wantErr == nil {
						if n := newest(want.(object.Object).GetManagedFields()); !n.IsZero() {
							m.Time = n
						}
					}
					before, config0 := live.DeepCopyObject(), toJSON(t, tree)
					got, err := tracker.Apply(s, live, tree, m, force, reset, nil, nil)
					if !reflect.DeepEqual(before, live) || toJSON(t, tree) != config0 {
						t.Fatal("the arguments have changed")
					}
					report := func(what string, a, b any) {
						t.Helper()
						t.Fatalf("step %d %+v force %v: %s\nlive   %s\nconfig %s\nwant\n%s\ngot\n%s", step, m, force, what, toJSON(t, live), config0, a, b)
					}
					if a, b := errText(wantErr), errText(err); a != b && !(strings.Contains(a, "not declared") && strings.Contains(b, "not declared")) {
						// (The library stops at the first undeclared field, in Go's order of maps.)
						report("error", a, b)
					}
					if wantErr != nil {
						if apierrors.IsConflict(wantErr) {
							conflicts++
						} else {
							failed++
						}
						continue
					}
					w := want.(object.Object)
					w.GetObjectKind().SetGroupVersionKind(kind) // the library's conversion drops it
					if a, b := show(w.GetManagedFields()), show(got.GetManagedFields()); a != b {
						report("managedFields", a, b)
					}
					if a, b := toJSON(t, w), toJSON(t, got); a != b {
						report("object", a, b)
					}
					applied++
					if toJSON(t, w) == toJSON(t, live) {
						noops++
					}
					live = w
				}
			}
			t.Logf("%d applied (%d without a change), %d conflicts, %d failures", applied, noops, conflicts, failed)
		})
	}
}

// mangle now and then does to a tree what no struct would.
func mangle(r *filler, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			switch {
			case r.Intn(400) == 0:
				v[k] = nil
			case r.Intn(2000) == 0:
				v[k] = []any{int64(1), "x", nil, map[string]any{"a": 1.5}, map[string]any{}, []any{}, true}[r.Intn(7)]
			case r.Intn(100) == 0 && k != "kind" && k != "apiVersion":
				delete(v, k)
			case r.Intn(2000) == 0:
				v["unknown"] = "x"
			default:
				mangle(r, v[k])
			}
		}
	case []any:
		for i := range v {
			mangle(r, v[i])
		}
	}
}
