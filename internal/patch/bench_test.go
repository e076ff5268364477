package patch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	gvkschema "k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/pintle-io/pintle/internal/object"
)

// usualPod is a pod as a Deployment's, defaulted.
const usualPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-7d4b9c6f5d-x2x4z","generateName":"web-7d4b9c6f5d-","namespace":"default",
"labels":{"app":"web","pod-template-hash":"7d4b9c6f5d","tier":"front"},"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"9090"},
"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-7d4b9c6f5d","uid":"0d2f9a5c-3c7e-4a51-9d53-0f7b2b6a9a11","controller":true,"blockOwnerDeletion":true}]},
"spec":{"volumes":[{"name":"config","configMap":{"name":"web","defaultMode":420}},{"name":"kube-api-access","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}}],"defaultMode":420}}],
"containers":[{"name":"web","image":"registry.example/web:1.2.3","command":["/web"],"args":["--port=8080","--log=info"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"},{"name":"metrics","containerPort":9090,"protocol":"TCP"}],
"env":[{"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},{"name":"LOG","value":"info"}],"resources":{"limits":{"cpu":"500m","memory":"256Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},
"volumeMounts":[{"name":"config","mountPath":"/etc/web"},{"name":"kube-api-access","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],
"livenessProbe":{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],
"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","securityContext":{},"schedulerName":"default-scheduler",
"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},
"status":{"phase":"Pending","qosClass":"Burstable"}}`

func pod(tb testing.TB) *corev1.Pod {
	var p corev1.Pod
	if err := kjson.Unmarshal([]byte(usualPod), &p); err != nil {
		tb.Fatal(err)
	}
	return &p
}

func configMap() *corev1.ConfigMap {
	c := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: "default", Labels: map[string]string{"app": "web"}}, Data: map[string]string{}}
	for i := range 8 {
		c.Data[fmt.Sprintf("key-%d", i)] = strings.Repeat("x", 110)
	}
	return c
}

type benchCase struct {
	name      string
	kind      gvkschema.GroupVersionKind
	live, new object.Object // live is tracked; nil for a create
	sub       string
}

func benchCases(tb testing.TB) []benchCase {
	podKind, cmKind := gvkschema.GroupVersionKind{Version: "v1", Kind: "Pod"}, gvkschema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	tracker := NewTracker()
	track := func(k gvkschema.GroupVersionKind, o object.Object) object.Object {
		m := Manager{Name: "kube-controller-manager", APIVersion: "v1", Time: metav1.Now()}
		if err := tracker.Update(kindSchema(k), nil, o, m, nil, nil); err != nil {
			tb.Fatal(err)
		}
		o.SetUID("uid")
		return o
	}
	livePod, liveCM := track(podKind, pod(tb)), track(cmKind, configMap())
	labelled := livePod.DeepCopyObject().(*corev1.Pod)
	labelled.Labels["extra"] = "1"
	running := livePod.DeepCopyObject().(*corev1.Pod)
	running.Status.Phase = "Running"
	running.Status.Conditions = []corev1.PodCondition{{Type: "Ready", Status: "True", LastTransitionTime: metav1.Now()}, {Type: "PodScheduled", Status: "True", LastTransitionTime: metav1.Now()}}
	running.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "web", Ready: true, Image: "x"}}
	changed := liveCM.DeepCopyObject().(*corev1.ConfigMap)
	changed.Data["key-3"] = "new"
	return []benchCase{
		{"pod/create", podKind, nil, pod(tb), ""},
		{"pod/label", podKind, livePod, labelled, ""},
		{"pod/status", podKind, livePod, running, "status"},
		{"pod/same", podKind, livePod, livePod.DeepCopyObject().(object.Object), ""},
		{"configmap/create", cmKind, nil, configMap(), ""},
		{"configmap/data", cmKind, liveCM, changed, ""},
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, c := range benchCases(b) {
		tracker, s := NewTracker(), kindSchema(c.kind)
		m := Manager{Name: "kubectl", Subresource: c.sub, APIVersion: "v1", Time: metav1.Now()}
		entries := c.new.GetManagedFields()
		b.Run(c.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.new.SetManagedFields(entries)
				if err := tracker.Update(s, c.live, c.new, m, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		fm := oracle(b, c.kind, c.sub, nil)
		b.Run(c.name+"/library", func(b *testing.B) {
			live := runtime.Object(c.live)
			if c.live == nil {
				live = newOf(b, c.kind)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.new.SetManagedFields(entries)
				if _, err := fm.Update(live, c.new, "kubectl"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	var config map[string]any
	if err := kjson.Unmarshal([]byte(usualPod), &config); err != nil {
		b.Fatal(err)
	}
	delete(config, "status")
	kind := gvkschema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	tracker, s, m := NewTracker(), kindSchema(kind), Manager{Name: "a", APIVersion: "v1", Time: metav1.NewTime(time.Now())}
	live := newOf(b, kind)
	first, err := tracker.Apply(s, live, config, m, false, nil, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	config = runtime.DeepCopyJSON(config)
	config["metadata"].(map[string]any)["labels"].(map[string]any)["tier"] = "back"
	b.Run("pod/ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := tracker.Apply(s, first, config, m, false, nil, nil, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	fm := oracle(b, kind, "", nil)
	b.Run("pod/library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := fm.Apply(first, &unstructured.Unstructured{Object: config}, "a", false); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkTree(b *testing.B) {
	s := widgetSchemaOf("v1", "size")
	var live *unstructured.Unstructured
	tracker, m := NewTracker(), Manager{Name: "a", APIVersion: "example.com/v1", Time: metav1.Now()}
	live = &unstructured.Unstructured{}
	if err := kjson.Unmarshal([]byte(`{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","labels":{"a":"b"}},"spec":{"size":3,"name":"x","on":true,
"set":["a","b"],"ports":[{"port":80,"name":"http"},{"port":443,"name":"https"}],"named":[{"name":"a","value":"b","inner":{"a":"x"}}],"labels":{"x":"y"},"deep":{"k":{"x":"1","y":[1,2]}}},
"status":{"phase":"Ready","conditions":[{"type":"Ready","status":"True"}]}}`), &live.Object); err != nil {
		b.Fatal(err)
	}
	created := live.DeepCopy()
	if err := tracker.Update(s, nil, created, m, nil, nil); err != nil {
		b.Fatal(err)
	}
	created.SetUID("uid")
	changed := created.DeepCopy()
	changed.SetLabels(map[string]string{"a": "c"})
	for _, c := range []struct {
		name      string
		live, new *unstructured.Unstructured
	}{{"create", nil, live}, {"label", created, changed}} {
		entries := c.new.GetManagedFields()
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o := object.Object(nil)
				if c.live != nil {
					o = c.live
				}
				if entries == nil {
					c.new.SetManagedFields(nil)
				}
				if err := tracker.Update(s, o, c.new, m, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
