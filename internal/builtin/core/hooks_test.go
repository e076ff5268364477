package core

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// from reads an object of r's storage version.
func from(t *testing.T, r *resource.Resource, text string) object.Object {
	t.Helper()
	obj, _, err := r.Storage().Codec.Decode(object.JSON, []byte(text), false)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return obj
}

// prepare does to an object what the engine does around the hook.
func prepare(t *testing.T, r *resource.Resource, old, obj object.Object, sub string) object.Object {
	t.Helper()
	c := &resource.Change{Op: resource.OpCreate, Resource: r, Version: r.Storage(), Old: old, New: obj, Now: now}
	if f := r.Versions[0].Default; f != nil {
		f(obj)
	}
	switch {
	case old == nil:
		c.Old = nil
		resource.ClearPaths(obj, r.Rules.CreateReset)
	case sub == "":
		c.Op = resource.OpUpdate
		resource.CopyPaths(obj, old, r.Rules.Reset)
	default:
		c.Op, c.Sub = resource.OpUpdate, r.Versions[0].Sub(sub)
		if c.Sub == nil {
			t.Fatalf("no subresource %s", sub)
		}
		resource.CopyPaths(obj, old, c.Sub.Reset)
	}
	if r.Prepare != nil {
		if err := r.Prepare(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	return c.New
}

func TestPrepare(t *testing.T) {
	uid := func() string { return "made-up" }
	for _, tc := range []struct {
		name      string
		r         *resource.Resource
		old, sub  string
		new, want string
	}{
		{name: "namespace", r: Namespace(), new: `{"metadata":{"name":"n"},"status":{"phase":"Terminating"}}`,
			want: `{"metadata":{"name":"n","labels":{"kubernetes.io/metadata.name":"n"}},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}`},
		{name: "namespace with a finalizer", r: Namespace(), new: `{"metadata":{"name":"n","labels":{"kubernetes.io/metadata.name":"x"}},"spec":{"finalizers":["a/b"]}}`,
			want: `{"metadata":{"name":"n","labels":{"kubernetes.io/metadata.name":"n"}},"spec":{"finalizers":["a/b","kubernetes"]},"status":{"phase":"Active"}}`},
		{name: "namespace update", r: Namespace(),
			old: `{"metadata":{"name":"n"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}`, new: `{"metadata":{"name":"n","labels":{"a":"b"}},"status":{"phase":"Terminating"}}`,
			want: `{"metadata":{"name":"n","labels":{"a":"b","kubernetes.io/metadata.name":"n"}},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}`},
		{name: "namespace finalize", r: Namespace(), sub: "finalize",
			old: `{"metadata":{"name":"n"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Terminating"}}`, new: `{"metadata":{"name":"n"}}`,
			want: `{"metadata":{"name":"n","labels":{"kubernetes.io/metadata.name":"n"}},"spec":{},"status":{"phase":"Terminating"}}`},
		{name: "namespace status", r: Namespace(), sub: "status",
			old: `{"metadata":{"name":"n"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}`, new: `{"metadata":{"name":"n"},"status":{"phase":"Terminating"}}`,
			want: `{"metadata":{"name":"n","labels":{"kubernetes.io/metadata.name":"n"}},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Terminating"}}`},
		{name: "secret", r: Secret(), new: `{"data":{"a":"b2xk","b":"YQ=="},"stringData":{"a":"new"}}`,
			want: `{"data":{"a":"bmV3","b":"YQ=="},"type":"Opaque"}`},
		{name: "secret, only strings", r: Secret(), new: `{"stringData":{"a":"new"},"type":"x"}`, want: `{"data":{"a":"bmV3"},"type":"x"}`},
		{name: "service account", r: ServiceAccount(), new: `{"secrets":[{"name":"a","namespace":"n","kind":"Secret"}]}`, want: `{"secrets":[{"name":"a"}]}`},
		{name: "limit range without a name", r: LimitRange(resource.Deps{NewUID: uid}), new: `{}`, want: `{"metadata":{"name":"made-up"}}`},
		{name: "limit range with a name", r: LimitRange(resource.Deps{NewUID: uid}), new: `{"metadata":{"name":"x"}}`, want: `{"metadata":{"name":"x"}}`},
		{name: "node keeps its first status", r: Node(), new: `{"spec":{"configSource":{}},"status":{"phase":"Running","config":{}}}`, want: `{"status":{"phase":"Running"}}`},
		{name: "node update", r: Node(), old: `{"status":{"phase":"Running"}}`, new: `{"spec":{"unschedulable":true,"configSource":{}}}`,
			want: `{"spec":{"unschedulable":true},"status":{"phase":"Running"}}`},
		{name: "node status", r: Node(), sub: "status", old: `{"spec":{"podCIDR":"10.0.0.0/24"}}`, new: `{"status":{"phase":"Running","config":{}}}`,
			want: `{"spec":{"podCIDR":"10.0.0.0/24"},"status":{"phase":"Running"}}`},
		{name: "volume", r: PersistentVolume(), new: `{"status":{"phase":"Bound"}}`,
			want: `{"status":{"phase":"Pending","lastPhaseTransitionTime":"2026-01-02T03:04:05Z"}}`},
		{name: "volume, phase as before", r: PersistentVolume(), sub: "status", old: `{"status":{"phase":"Bound","lastPhaseTransitionTime":"2025-01-01T00:00:00Z"}}`,
			new: `{"status":{"phase":"Bound"}}`, want: `{"status":{"phase":"Bound","lastPhaseTransitionTime":"2025-01-01T00:00:00Z"}}`},
		{name: "volume, another phase", r: PersistentVolume(), sub: "status", old: `{"status":{"phase":"Bound","lastPhaseTransitionTime":"2025-01-01T00:00:00Z"}}`,
			new: `{"status":{"phase":"Released","lastPhaseTransitionTime":"2025-01-01T00:00:00Z"}}`, want: `{"status":{"phase":"Released","lastPhaseTransitionTime":"2026-01-02T03:04:05Z"}}`},
		{name: "volume, another phase at a given time", r: PersistentVolume(), sub: "status", old: `{"status":{"phase":"Bound","lastPhaseTransitionTime":"2025-01-01T00:00:00Z"}}`,
			new: `{"status":{"phase":"Released","lastPhaseTransitionTime":"2025-06-01T00:00:00Z"}}`, want: `{"status":{"phase":"Released","lastPhaseTransitionTime":"2025-06-01T00:00:00Z"}}`},
		{name: "claim of a claim", r: PersistentVolumeClaim(), new: `{"spec":{"dataSource":{"kind":"PersistentVolumeClaim","name":"a"}},"status":{"phase":"Bound"}}`,
			want: `{"spec":{"dataSource":{"apiGroup":null,"kind":"PersistentVolumeClaim","name":"a"},"dataSourceRef":{"apiGroup":null,"kind":"PersistentVolumeClaim","name":"a"}}}`},
		{name: "claim of what is no source", r: PersistentVolumeClaim(), new: `{"spec":{"dataSource":{"kind":"ConfigMap","name":"a"}}}`, want: `{}`},
		{name: "claim of anything by reference", r: PersistentVolumeClaim(), new: `{"spec":{"dataSourceRef":{"apiGroup":"g","kind":"K","name":"a"}}}`,
			want: `{"spec":{"dataSource":{"apiGroup":"g","kind":"K","name":"a"},"dataSourceRef":{"apiGroup":"g","kind":"K","name":"a"}}}`},
		{name: "claim across namespaces", r: PersistentVolumeClaim(), new: `{"spec":{"dataSourceRef":{"kind":"K","name":"a","namespace":"n"}}}`, want: `{}`},
		{name: "claim update keeps an old source", r: PersistentVolumeClaim(), old: `{"spec":{"dataSource":{"kind":"K","name":"a"}}}`, new: `{"spec":{"dataSource":{"kind":"K","name":"a"}}}`,
			want: `{"spec":{"dataSource":{"apiGroup":null,"kind":"K","name":"a"},"dataSourceRef":{"apiGroup":null,"kind":"K","name":"a"}}}`},
		{name: "service becomes a name", r: Service(),
			old:  `{"spec":{"type":"LoadBalancer","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","ports":[{"port":1,"nodePort":30001}],"externalTrafficPolicy":"Local","healthCheckNodePort":30002,"allocateLoadBalancerNodePorts":true,"loadBalancerClass":"a/b"},"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}}`,
			new:  `{"spec":{"type":"ExternalName","externalName":"x","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","ports":[{"port":1,"nodePort":30001}],"externalTrafficPolicy":"Local","healthCheckNodePort":30002,"allocateLoadBalancerNodePorts":true,"loadBalancerClass":"a/b"}}`,
			want: `{"spec":{"type":"ExternalName","externalName":"x","ports":[{"port":1,"targetPort":0}]},"status":{"loadBalancer":{}}}`},
		{name: "service with fields that do not fit, touched", r: Service(),
			old:  `{"spec":{"type":"NodePort","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"ports":[{"port":1,"nodePort":30001}]}}`,
			new:  `{"spec":{"type":"ClusterIP","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"ports":[{"port":1,"nodePort":30009}]}}`,
			want: `{"spec":{"type":"ClusterIP","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"ports":[{"port":1,"targetPort":0,"nodePort":30009}]},"status":{"loadBalancer":{}}}`},
		{name: "pod", r: Pod(), new: `{"spec":{"containers":[{"name":"c"}],"schedulingGates":[{"name":"g"}]},"status":{"phase":"Running","podIP":"1.2.3.4"}}`,
			want: `{"spec":{"containers":[{"name":"c","resources":{}}],"schedulingGates":[{"name":"g"}]},"status":{"phase":"Pending","qosClass":"BestEffort","conditions":[{"type":"PodScheduled","status":"False","lastProbeTime":null,"lastTransitionTime":"2026-01-02T03:04:05Z","reason":"SchedulingGated","message":"Scheduling is blocked due to non-empty scheduling gates"}]}}`},
		{name: "pod with matchLabelKeys", r: Pod(), new: `{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"containers":null,"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"t","labelSelector":{},"matchLabelKeys":["a","none"],"mismatchLabelKeys":["b"]}]}},"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"t","whenUnsatisfiable":"X","labelSelector":{},"matchLabelKeys":["a"]}]}}`,
			want: `{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"containers":null,"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"t","labelSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["1"]},{"key":"b","operator":"NotIn","values":["2"]}]},"matchLabelKeys":["a","none"],"mismatchLabelKeys":["b"]}]}},"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"t","whenUnsatisfiable":"X","labelSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["1"]}]},"matchLabelKeys":["a"]}]},"status":{"phase":"Pending","qosClass":"BestEffort"}}`},
		{name: "pod status", r: Pod(), sub: "status",
			old:  `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"o","uid":"u"}]},"spec":{"nodeName":"n","containers":null},"status":{"qosClass":"Burstable","observedGeneration":3,"conditions":[{"type":"Ready","status":"True","observedGeneration":2}]}}`,
			new:  `{"spec":{"nodeName":"other","containers":null},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"},{"type":"Ready","status":"True"}]}}`,
			want: `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"o","uid":"u"}]},"spec":{"nodeName":"n","containers":null},"status":{"phase":"Running","qosClass":"Burstable","observedGeneration":3,"conditions":[{"type":"Ready","status":"False","observedGeneration":2,"lastProbeTime":null,"lastTransitionTime":null},{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":null}]}}`},
		{name: "ephemeral containers", r: Pod(), sub: "ephemeralcontainers",
			old:  `{"metadata":{"labels":{"a":"b"}},"spec":{"nodeName":"n","containers":null},"status":{"phase":"Running"}}`,
			new:  `{"metadata":{"labels":{"a":"c"}},"spec":{"nodeName":"other","containers":null,"ephemeralContainers":[{"name":"e","resources":{}}]},"status":{}}`,
			want: `{"metadata":{"labels":{"a":"b"}},"spec":{"nodeName":"n","containers":null,"ephemeralContainers":[{"name":"e","resources":{}}]},"status":{"phase":"Running"}}`},
		{name: "resize", r: Pod(), sub: "resize",
			old:  `{"spec":{"containers":[{"name":"a","image":"i","resources":{"requests":{"cpu":"1"}}}]},"status":{"phase":"Running"}}`,
			new:  `{"metadata":{"labels":{"a":"c"}},"spec":{"nodeName":"x","containers":[{"name":"a","image":"j","resources":{"requests":{"cpu":"2"}}}]}}`,
			want: `{"spec":{"containers":[{"name":"a","image":"i","resources":{"requests":{"cpu":"2"}}}]},"status":{"phase":"Running"}}`},
		{name: "resize with another container", r: Pod(), sub: "resize", old: `{"spec":{"nodeName":"n","containers":[{"name":"a","resources":{}}]}}`,
			new:  `{"spec":{"containers":[{"name":"a","resources":{}},{"name":"b","resources":{}}]}}`,
			want: `{"spec":{"containers":[{"name":"a","resources":{}},{"name":"b","resources":{}}]}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var old object.Object
			if tc.old != "" {
				old = from(t, tc.r, tc.old)
			}
			got := prepare(t, tc.r, old, from(t, tc.r, tc.new), tc.sub)
			if want := from(t, tc.r, tc.want); !resource.Equal(got, want) {
				a, _ := json.Marshal(got)
				t.Errorf("\n got %s\nwant %s", a, tc.want)
			}
		})
	}
}

func TestQOSClass(t *testing.T) {
	for _, tc := range []struct{ spec, want string }{
		{`{"containers":[{}]}`, "BestEffort"},
		{`{"containers":[{"resources":{"requests":{"example.com/x":"1"}}}]}`, "BestEffort"},
		{`{"containers":[{"resources":{"requests":{"cpu":"0"}}}]}`, "BestEffort"},
		{`{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}`, "Burstable"},
		{`{"containers":[{"resources":{"requests":{"cpu":"1","memory":"1"},"limits":{"cpu":"1000m","memory":"1"}}}]}`, "Guaranteed"},
		{`{"containers":[{"resources":{"requests":{"cpu":"1","memory":"1"},"limits":{"cpu":"2","memory":"1"}}}]}`, "Burstable"},
		{`{"containers":[{"resources":{"limits":{"cpu":"2","memory":"1"}}}]}`, "Burstable"},
		{`{"containers":[{"resources":{"requests":{"cpu":"1","memory":"1"},"limits":{"cpu":"1","memory":"1"}}},{}]}`, "Burstable"},
		{`{"containers":[{"resources":{"requests":{"cpu":"1","memory":"1"},"limits":{"cpu":"1","memory":"1"}}}],"initContainers":[{"resources":{"requests":{"cpu":"1"}}}]}`, "Burstable"},
		{`{"resources":{"requests":{"cpu":"1","memory":"1"},"limits":{"cpu":"1","memory":"1"}},"containers":[{}]}`, "Guaranteed"},
		{`{"resources":{"requests":{"cpu":"1"}},"containers":[{"resources":{"requests":{"cpu":"1","memory":"1"},"limits":{"cpu":"1","memory":"1"}}}]}`, "Burstable"},
	} {
		var spec corev1.PodSpec
		if err := json.Unmarshal([]byte(tc.spec), &spec); err != nil {
			t.Fatal(err)
		}
		if got := qosClass(&spec); string(got) != tc.want {
			t.Errorf("%s: %s, want %s", tc.spec, got, tc.want)
		}
	}
}

func TestPodGrace(t *testing.T) {
	i := func(n int64) *int64 { return &n }
	for _, tc := range []struct {
		name string
		pod  string
		wish *int64
		want int64
	}{
		{"its own", `{"spec":{"nodeName":"n","terminationGracePeriodSeconds":30}}`, nil, 30},
		{"the wish", `{"spec":{"nodeName":"n","terminationGracePeriodSeconds":30}}`, i(5), 5},
		{"no kubelet", `{"spec":{"terminationGracePeriodSeconds":30}}`, nil, 0},
		{"no kubelet, negative", `{"spec":{}}`, i(-1), 0},
		{"done", `{"spec":{"nodeName":"n","terminationGracePeriodSeconds":30},"status":{"phase":"Succeeded"}}`, i(9), 0},
		{"negative", `{"spec":{"nodeName":"n"}}`, i(-7), 1},
		{"neither", `{"spec":{"nodeName":"n"}}`, nil, 0},
	} {
		var pod corev1.Pod
		if err := json.Unmarshal([]byte(tc.pod), &pod); err != nil {
			t.Fatal(err)
		}
		if got := podGrace(&pod, tc.wish); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestBindPod(t *testing.T) {
	pods := Pod()
	body := func(b corev1.Binding) *corev1.Binding {
		if b.Name == "" {
			b.Name = "p"
		}
		if b.Target.Name == "" {
			b.Target.Name = "node"
		}
		return &b
	}
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", UID: "u", ResourceVersion: "7", Labels: map[string]string{"a": "1"}},
		Status: corev1.PodStatus{NominatedNodeName: "x"}}
	deleted, bound, gated := pod, pod, pod
	deleted.DeletionTimestamp = &metav1.Time{Time: now}
	bound.Spec.NodeName = "other"
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}}
	const precondition = `Operation cannot be fulfilled on pods "p": StorageError: invalid object, Code: 4, Key: /registry/pods/n/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: `
	for _, tc := range []struct {
		name string
		pod  corev1.Pod
		body *corev1.Binding
		want string
	}{
		{"bound", pod, body(corev1.Binding{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: "7", Annotations: map[string]string{"x": "y"}, Labels: map[string]string{"a": "2"}}}), ""},
		{"another name", pod, body(corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "q"}}), "name in URL does not match name in Binding object"},
		{"another kind", pod, body(corev1.Binding{Target: corev1.ObjectReference{Kind: "Pod"}}), `target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"`},
		{"another uid", pod, body(corev1.Binding{ObjectMeta: metav1.ObjectMeta{UID: "v"}}), precondition + "UID in precondition: v, UID in object meta: u"},
		{"another version", pod, body(corev1.Binding{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "6"}}), precondition + "ResourceVersion in precondition: 6, ResourceVersion in object meta: 7"},
		{"deleted", deleted, body(corev1.Binding{}), `Operation cannot be fulfilled on pods/binding "p": pod p is being deleted, cannot be assigned to a host`},
		{"twice", bound, body(corev1.Binding{}), `Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "other"`},
		{"gated", gated, body(corev1.Binding{}), `Operation cannot be fulfilled on pods/binding "p": pod p has non-empty .spec.schedulingGates`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.pod.DeepCopy()
			c := &resource.Change{Op: resource.OpCreate, Resource: pods, Version: pods.Storage(), Sub: pods.Versions[0].Sub("binding"),
				Namespace: "n", Name: "p", Old: &tc.pod, Body: tc.body, Now: now}
			answer, _, _, err := c.Sub.Do(context.Background(), c)
			if tc.want != "" {
				if err == nil || err.Error() != tc.want {
					t.Errorf("got %v, want %s", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := answer.(*metav1.Status); !ok || s.Status != metav1.StatusSuccess {
				t.Errorf("answered %+v", answer)
			}
			if !reflect.DeepEqual(before, &tc.pod) {
				t.Error("the old pod has changed")
			}
			got := c.New.(*corev1.Pod)
			cond := got.Status.Conditions
			if got.Spec.NodeName != "node" || got.Labels["a"] != "2" || got.Annotations["x"] != "y" || got.Status.NominatedNodeName != "" ||
				len(cond) != 1 || cond[0].Type != corev1.PodScheduled || cond[0].Status != corev1.ConditionTrue || !cond[0].LastTransitionTime.Equal(&metav1.Time{Time: now}) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestScale(t *testing.T) {
	rcs := ReplicationController()
	two := int32(2)
	rc := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "r", Namespace: "n", UID: "u", ResourceVersion: "7", Labels: map[string]string{"x": "y"}},
		Spec: corev1.ReplicationControllerSpec{Replicas: &two, Selector: map[string]string{"b": "2", "a": "1"}}, Status: corev1.ReplicationControllerStatus{Replicas: 5}}
	sub := rcs.Versions[0].Sub("scale")
	view, err := sub.View(rc)
	if err != nil {
		t.Fatal(err)
	}
	scale := view.(*autoscalingv1.Scale)
	if scale.Name != "r" || scale.ResourceVersion != "7" || scale.Spec.Replicas != 2 || scale.Status.Replicas != 5 || scale.Status.Selector != "a=1,b=2" || scale.Labels != nil {
		t.Errorf("view %+v", scale)
	}
	for _, tc := range []struct {
		name   string
		change func(*autoscalingv1.Scale)
		want   string
	}{
		{"up", func(s *autoscalingv1.Scale) { s.Spec.Replicas = 9 }, ""},
		{"negative", func(s *autoscalingv1.Scale) { s.Spec.Replicas = -1 }, `Scale.autoscaling "r" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"another uid", func(s *autoscalingv1.Scale) { s.UID = "v" }, `Operation cannot be fulfilled on replicationcontrollers/scale "r": Precondition failed: UID in precondition: v, UID in object meta: u`},
	} {
		body := scale.DeepCopy()
		tc.change(body)
		c := &resource.Change{Op: resource.OpUpdate, Resource: rcs, Version: rcs.Storage(), Sub: sub, Old: rc, Body: body}
		_, _, _, err := sub.Do(context.Background(), c)
		if tc.want != "" {
			if err == nil || err.Error() != tc.want || apierrors.ReasonForError(err) == "" {
				t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := c.New.(*corev1.ReplicationController); *got.Spec.Replicas != 9 || got.ResourceVersion != "7" || *rc.Spec.Replicas != 2 {
			t.Errorf("%s: got %+v", tc.name, got)
		}
	}
}

func TestNamespaceEnd(t *testing.T) {
	r := Namespace()
	ns := &corev1.Namespace{Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes"}}}
	keep, err := r.Deleting(context.Background(), &resource.Change{New: ns})
	if err != nil || !keep || ns.Status.Phase != corev1.NamespaceTerminating || !r.Held(ns) {
		t.Errorf("keep %v, %v: %+v", keep, err, ns)
	}
	ns.Spec.Finalizers = nil
	if r.Held(ns) {
		t.Error("held without a finalizer")
	}
}

func TestNamespaceFinalizers(t *testing.T) {
	r := Namespace()
	ns := &corev1.Namespace{Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes", "a.b/c", "plain"}}}
	for sub, want := range map[string]string{
		"":         `spec.finalizers: Invalid value: "plain": name is neither a standard finalizer name nor is it fully qualified`,
		"finalize": `spec.finalizers[2]: Invalid value: "plain": name is neither a standard finalizer name nor is it fully qualified`,
		"status":   "",
	} {
		got := ""
		if errs := r.Validate(context.Background(), &resource.Change{Sub: r.Versions[0].Sub(sub), New: ns}); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", sub, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n", HostNetwork: true, RestartPolicy: "Always"}, Status: corev1.PodStatus{Phase: "Running", PodIPs: []corev1.PodIP{{IP: "1.2.3.4"}}}}
	event := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "p"}, ReportingController: "rc", Type: "Normal"}
	events := Event(resource.Deps{})
	for _, tc := range []struct {
		r           *resource.Resource
		version     int
		obj         object.Object
		label, want string
	}{
		{Pod(), 0, pod, "spec.nodeName", "n"}, {Pod(), 0, pod, "spec.host", "n"}, {Pod(), 0, pod, "spec.hostNetwork", "true"},
		{Pod(), 0, pod, "status.podIP", "1.2.3.4"}, {Pod(), 0, pod, "status.podIPs", ""}, {Pod(), 0, pod, "status.phase", "Running"},
		{events, 0, event, "involvedObject.kind", "Pod"}, {events, 0, event, "source", "rc"}, {events, 0, event, "reportingComponent", "rc"},
		{events, 1, event, "regarding.kind", "Pod"}, {events, 1, event, "reportingController", "rc"}, {events, 1, event, "type", "Normal"},
		{Node(), 0, &corev1.Node{}, "spec.unschedulable", "false"}, {Secret(), 0, &corev1.Secret{Type: "x"}, "type", "x"},
		{ReplicationController(), 0, &corev1.ReplicationController{Status: corev1.ReplicationControllerStatus{Replicas: 3}}, "status.replicas", "3"},
	} {
		get := tc.r.Versions[tc.version].Fields[tc.label]
		if get == nil {
			t.Errorf("%s has no %s", tc.r.Names.Plural, tc.label)
		} else if got := get(tc.obj); got != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.r.Names.Plural, tc.label, got, tc.want)
		}
	}
	for _, tc := range []struct {
		r           *resource.Resource
		label, want string
	}{
		{ConfigMap(), "metadata.name", ""}, {ConfigMap(), "metadata.namespace", ""},
		{ConfigMap(), "data", `"data" is not a known field selector: only "metadata.name", "metadata.namespace"`},
		{PersistentVolume(), "metadata.namespace", ""},
		{Node(), "metadata.namespace", "field label not supported: metadata.namespace"},
		{Pod(), "metadata.namespace", ""}, {Pod(), "spec.nope", "field label not supported: spec.nope"},
		{events, "regarding.kind", "field label not supported: regarding.kind"},
	} {
		err := tc.r.CheckField(&tc.r.Versions[0], tc.label)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || err.Error() != tc.want) {
			t.Errorf("%s %s: %v, want %q", tc.r.Names.Plural, tc.label, err, tc.want)
		}
	}
}

func TestRules(t *testing.T) {
	if ttl := Event(resource.Deps{}).Rules.TTL(nil); ttl != time.Hour {
		t.Errorf("events live %v", ttl)
	}
	if ttl := Event(resource.Deps{EventTTL: time.Minute}).Rules.TTL(nil); ttl != time.Minute {
		t.Errorf("events live %v", ttl)
	}
	for _, tc := range []struct {
		r    *resource.Resource
		name string
		want string // a part of what is wrong
	}{
		{Namespace(), "a.b", "must not contain dots"}, {Service(), "a.b", "must not contain dots"}, {Service(), "1a", ""},
	} {
		msgs := strings.Join(tc.r.Rules.ValidateName(tc.name, false), " ")
		if (tc.want == "") != (msgs == "") || !strings.Contains(msgs, tc.want) {
			t.Errorf("%s %s: %s", tc.r.Names.Plural, tc.name, msgs)
		}
	}
	if ReplicationController().Rules.DefaultGC != resource.GCOrphan {
		t.Error("replication controllers collect their pods by default")
	}
}
