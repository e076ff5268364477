package resource

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/randfill"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

func pod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", Labels: map[string]string{"a": "1", "b": "2"}, DeletionGracePeriodSeconds: new(int64)},
		Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "c", Image: "i", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": apiresource.MustParse("1")}}}}, SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64)}},
		Status: corev1.PodStatus{Phase: "Running", Conditions: []corev1.PodCondition{{Type: "Ready", Status: "True", LastTransitionTime: metav1.Unix(100, 0)}}},
	}
}

func tree(m map[string]any) *unstructured.Unstructured { return &unstructured.Unstructured{Object: m} }

func TestCopyPathsStruct(t *testing.T) {
	src := pod()
	for _, tc := range []struct {
		name  string
		paths schema.Paths
		dst   corev1.Pod
		want  corev1.Pod
	}{
		{"leaf struct", schema.Paths{"status": nil}, corev1.Pod{Status: corev1.PodStatus{Message: "x"}}, corev1.Pod{Status: src.Status}},
		{"inner struct", schema.Paths{"status": {"phase": nil}}, corev1.Pod{Status: corev1.PodStatus{Message: "x"}}, corev1.Pod{Status: corev1.PodStatus{Message: "x", Phase: "Running"}}},
		{"metadata", schema.Paths{"metadata": {"name": nil}}, corev1.Pod{}, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}},
		{"map entry", schema.Paths{"metadata": {"labels": {"a": nil, "none": nil}}}, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"none": "x", "c": "3"}}},
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "1", "c": "3"}}}},
		{"map entry, no map", schema.Paths{"metadata": {"labels": {"a": nil}}}, corev1.Pod{}, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "1"}}}},
		{"through a nil pointer of dst", schema.Paths{"spec": {"securityContext": {"runAsUser": nil}}}, corev1.Pod{}, corev1.Pod{Spec: corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64)}}}},
		{"through a pointer, nothing there", schema.Paths{"spec": {"securityContext": {"runAsGroup": nil}}}, corev1.Pod{}, corev1.Pod{}},
		{"unknown", schema.Paths{"nope": nil, "spec": {"nope": {"nope": nil}}}, corev1.Pod{}, corev1.Pod{}},
		{"none", nil, corev1.Pod{}, corev1.Pod{}},
	} {
		CopyPaths(&tc.dst, src, tc.paths)
		if !reflect.DeepEqual(tc.dst, tc.want) {
			t.Errorf("%s: got %+v, want %+v", tc.name, tc.dst, tc.want)
		}
	}
	// A nil pointer of src clears what dst has at the path, and nothing else.
	one := int64(1)
	dst := corev1.Pod{Spec: corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{RunAsUser: &one, RunAsGroup: &one}}}
	CopyPaths(&dst, &corev1.Pod{}, schema.Paths{"spec": {"securityContext": {"runAsUser": nil}}})
	if sc := dst.Spec.SecurityContext; sc.RunAsUser != nil || sc.RunAsGroup == nil {
		t.Errorf("got %+v", sc)
	}
}

func TestClearPaths(t *testing.T) {
	p := pod()
	ClearPaths(p, schema.Paths{"status": nil, "metadata": {"labels": {"a": nil}}, "spec": {"securityContext": {"runAsUser": nil}, "dnsConfig": {"options": nil}}})
	want := pod()
	want.Status = corev1.PodStatus{}
	delete(want.Labels, "a")
	want.Spec.SecurityContext.RunAsUser = nil
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v", p)
	}
	u := tree(map[string]any{"spec": map[string]any{"a": "x", "b": "y"}, "status": map[string]any{"c": "z"}})
	ClearPaths(u, schema.Paths{"status": nil, "spec": {"a": nil}, "none": {"at": {"all": nil}}})
	if want := (map[string]any{"spec": map[string]any{"b": "y"}}); !reflect.DeepEqual(u.Object, want) {
		t.Errorf("got %v", u.Object)
	}
}

func TestCopyPathsTree(t *testing.T) {
	src := map[string]any{"spec": map[string]any{"a": int64(1), "deep": map[string]any{"x": "y"}}, "status": map[string]any{"ok": true}}
	for _, tc := range []struct {
		name      string
		paths     schema.Paths
		dst, want map[string]any
	}{
		{"leaf", schema.Paths{"status": nil}, map[string]any{"status": "x", "z": "z"}, map[string]any{"status": map[string]any{"ok": true}, "z": "z"}},
		{"into nothing", schema.Paths{"status": nil}, nil, map[string]any{"status": map[string]any{"ok": true}}},
		{"absent in src", schema.Paths{"other": nil}, map[string]any{"other": "x"}, map[string]any{}},
		{"inner", schema.Paths{"spec": {"deep": {"x": nil}}}, map[string]any{"spec": map[string]any{"b": "b"}}, map[string]any{"spec": map[string]any{"b": "b", "deep": map[string]any{"x": "y"}}}},
		{"inner absent in both", schema.Paths{"no": {"no": nil}}, map[string]any{}, map[string]any{}},
		{"inner absent in src", schema.Paths{"no": {"no": nil}}, map[string]any{"no": map[string]any{"no": "x", "yes": "y"}}, map[string]any{"no": map[string]any{"yes": "y"}}},
		{"inner absent in dst, nothing to copy", schema.Paths{"spec": {"zzz": nil}}, map[string]any{}, map[string]any{}},
	} {
		u := tree(tc.dst)
		CopyPaths(u, tree(src), tc.paths)
		if !reflect.DeepEqual(u.Object, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, u.Object, tc.want)
		}
	}
}

func TestEqualPaths(t *testing.T) {
	paths := schema.Paths{"spec": nil}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Pod)
		paths  schema.Paths
		want   bool
	}{
		{"same", func(*corev1.Pod) {}, paths, true},
		{"elsewhere", func(p *corev1.Pod) { p.Status.Phase = "x"; p.Labels = nil }, paths, true},
		{"string", func(p *corev1.Pod) { p.Spec.NodeName = "x" }, paths, false},
		{"nil and empty", func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{}; p.Spec.NodeSelector = map[string]string{} }, paths, true},
		{"quantity by value", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests["cpu"] = apiresource.MustParse("1000m") }, paths, true},
		{"quantity", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests["cpu"] = apiresource.MustParse("2") }, paths, false},
		{"nil pointer", func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = nil }, paths, false},
		{"inner path", func(p *corev1.Pod) { p.Spec.NodeName = "x" }, schema.Paths{"spec": {"containers": nil}}, true},
		{"map key", func(p *corev1.Pod) { p.Labels["a"] = "x" }, schema.Paths{"metadata": {"labels": {"b": nil}}}, true},
		{"map key changed", func(p *corev1.Pod) { p.Labels["a"] = "x" }, schema.Paths{"metadata": {"labels": {"a": nil}}}, false},
		{"map key gone", func(p *corev1.Pod) { delete(p.Labels, "a") }, schema.Paths{"metadata": {"labels": {"a": nil}}}, false},
		{"absent struct is empty", func(p *corev1.Pod) { p.Spec.SecurityContext = nil }, schema.Paths{"spec": {"securityContext": {"runAsGroup": nil}}}, true},
		{"time by instant", func(p *corev1.Pod) {
			p.Status.Conditions[0].LastTransitionTime = metav1.Time{Time: time.Unix(100, 0).In(time.FixedZone("x", 3600))}
		}, schema.Paths{"status": nil}, true},
	} {
		p := pod()
		tc.change(p)
		if got := EqualPaths(pod(), p, tc.paths); got != tc.want {
			t.Errorf("%s: got %v", tc.name, got)
		}
	}
	a := tree(map[string]any{"spec": map[string]any{"x": []any{int64(1), "a", map[string]any{}}}})
	b := tree(map[string]any{"spec": map[string]any{"x": []any{int64(1), "a", map[string]any{}}}, "status": "x"})
	if !EqualPaths(a, b, paths) {
		t.Error("trees are not equal")
	}
	b.Object["spec"].(map[string]any)["x"].([]any)[0] = 1.0
	if EqualPaths(a, b, paths) {
		t.Error("trees are equal")
	}
	if EqualPaths(a, tree(map[string]any{}), paths) || !EqualPaths(a, tree(map[string]any{}), schema.Paths{"status": nil}) {
		t.Error("absence")
	}
}

// TestEqualOracle compares random objects, and small changes of them, as apimachinery does.
func TestEqualOracle(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	fill := randfill.NewWithSeed(int64(seed)).NilChance(0.4).NumElements(0, 3).MaxDepth(12).Funcs(
		func(q *apiresource.Quantity, c randfill.Continue) {
			*q = *apiresource.NewMilliQuantity(c.Int63n(3000), apiresource.DecimalSI)
		},
		func(m *metav1.Time, c randfill.Continue) { *m = metav1.Unix(c.Int63n(3), 0) },
		func(m *metav1.MicroTime, c randfill.Continue) { *m = metav1.MicroTime{Time: time.Unix(c.Int63n(3), 0)} },
		func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = []byte(c.String(3)) },
		func(s *string, c randfill.Continue) { *s = string('a' + rune(c.Intn(3))) },
	)
	makers := []func() object.Object{
		func() object.Object { return &corev1.Pod{} }, func() object.Object { return &corev1.Node{} },
		func() object.Object { return &appsv1.Deployment{} }, func() object.Object { return &apiextensionsv1.CustomResourceDefinition{} },
		func() object.Object { return &corev1.Secret{} }, func() object.Object { return &corev1.ResourceQuota{} },
	}
	different := 0
	for i := range 600 {
		mk := makers[i%len(makers)]
		a := mk()
		fill.Fill(a)
		b := a.DeepCopyObject().(object.Object)
		if !Equal(a, b) {
			t.Fatalf("a copy is not equal: %+v", a)
		}
		// Refill one random field of the top or of metadata, spec or status.
		v := reflect.ValueOf(b).Elem()
		for v.Kind() == reflect.Struct && v.NumField() > 0 {
			f := v.Field(rand.N(v.NumField()))
			if !f.CanInterface() {
				break
			}
			v = f
			if rand.N(3) == 0 {
				break
			}
		}
		if v.CanInterface() {
			safeFill(fill, v)
		}
		want := apiequality.Semantic.DeepEqual(a, b)
		if got := Equal(a, b); got != want {
			t.Fatalf("%T: got %v, want %v\n%+v\n%+v", a, got, want, a, b)
		}
		if !want {
			different++
		}
	}
	if different < 50 {
		t.Errorf("only %d of 600 differed", different)
	}
}

func safeFill(f *randfill.Filler, v reflect.Value) {
	defer func() { _ = recover() }() // a type that randfill cannot fill
	f.Fill(v.Addr().Interface())
}

func TestPathsOfTwoTypesPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	CopyPaths(&corev1.Pod{}, &corev1.Node{}, schema.Paths{"status": nil})
}

func BenchmarkCopyPaths(b *testing.B) {
	status := schema.Paths{"status": nil}
	b.Run("struct", func(b *testing.B) {
		dst, src := pod(), pod()
		b.ReportAllocs()
		for b.Loop() {
			CopyPaths(dst, src, status)
		}
	})
	b.Run("tree", func(b *testing.B) {
		dst, src := tree(map[string]any{"status": map[string]any{}}), tree(map[string]any{"status": map[string]any{}})
		b.ReportAllocs()
		for b.Loop() {
			CopyPaths(dst, src, status)
		}
	})
}

func BenchmarkEqualPaths(b *testing.B) {
	for _, name := range []string{"status", "spec"} {
		p := schema.Paths{name: nil}
		b.Run(name, func(b *testing.B) {
			x, y := pod(), pod()
			b.ReportAllocs()
			for b.Loop() {
				if !EqualPaths(x, y, p) {
					b.Fatal("differ")
				}
			}
		})
	}
	b.Run("oracle-spec", func(b *testing.B) {
		x, y := pod(), pod()
		b.ReportAllocs()
		for b.Loop() {
			if !apiequality.Semantic.DeepEqual(x.Spec, y.Spec) {
				b.Fatal("differ")
			}
		}
	})
}

func BenchmarkClearPaths(b *testing.B) {
	p, x := schema.Paths{"status": nil}, pod()
	b.ReportAllocs()
	for b.Loop() {
		ClearPaths(x, p)
	}
}
