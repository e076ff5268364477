package object

import (
	gojson "encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	kjson "sigs.k8s.io/json"
)

func usualMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, GenerateName: "web-7c5ddbdf54-", Namespace: "default", UID: "0b1c2d3e-1111-2222-3333-444455556666",
		CreationTimestamp: metav1.Unix(1750000000, 0),
		Labels:            map[string]string{"app": "web", "pod-template-hash": "7c5ddbdf54", "app.kubernetes.io/name": "web"},
		Annotations:       map[string]string{"example.com/checksum": strings.Repeat("ab01", 16)},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7c5ddbdf54", UID: "aaaaaaaa-1111-2222-3333-444455556666",
			Controller: new(true), BlockOwnerDeletion: new(true)}},
	}
}

// usualConfigMap is about 1 KB of JSON.
func usualConfigMap() *corev1.ConfigMap {
	cm := &corev1.ConfigMap{ObjectMeta: usualMeta("settings"), Data: map[string]string{}}
	cm.GenerateName, cm.OwnerReferences = "", nil
	for i := range 4 {
		cm.Data[fmt.Sprintf("key-%d.properties", i)] = strings.Repeat("color=blue\nsize=10\n", 4)
	}
	cm.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: "Update", APIVersion: "v1", Time: new(metav1.Unix(1750000000, 0)), FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{".":{},"f:key-0.properties":{},"f:key-1.properties":{},"f:key-2.properties":{},"f:key-3.properties":{}}}`)}}
	return cm
}

// usualPod is about 3 KB of JSON.
func usualPod() *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: usualMeta("web-7c5ddbdf54-abcde")}
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager", Operation: "Update", APIVersion: "v1", Time: new(metav1.Unix(1750000000, 0)), FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"aaaaaaaa-1111-2222-3333-444455556666\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{".":{},"f:limits":{".":{},"f:cpu":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}`)}}
	pod.Spec = corev1.PodSpec{
		Volumes: []corev1.Volume{{Name: "kube-api-access-x", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: new(int32(420)),
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: new(int64(3607)), Path: "token"}}}}}}},
		Containers: []corev1.Container{{
			Name: "web", Image: "registry.example.com/team/web:1.2.3", Ports: []corev1.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}},
			Env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "two words"}, {Name: "NODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "spec.nodeName"}}}},
			Resources: corev1.ResourceRequirements{
				Limits:   corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("128Mi")},
				Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("64Mi")}},
			LivenessProbe:          &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080), Scheme: "HTTP"}}, TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3},
			VolumeMounts:           []corev1.VolumeMount{{Name: "kube-api-access-x", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
			TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: "File", ImagePullPolicy: "IfNotPresent",
		}},
		RestartPolicy: "Always", TerminationGracePeriodSeconds: new(int64(30)), DNSPolicy: "ClusterFirst", ServiceAccountName: "default", DeprecatedServiceAccount: "default",
		NodeName: "node-1", SecurityContext: &corev1.PodSecurityContext{}, SchedulerName: "default-scheduler",
		Tolerations: []corev1.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: new(int64(300))},
			{Key: "node.kubernetes.io/unreachable", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: new(int64(300))}},
		Priority: new(int32(0)), EnableServiceLinks: new(true), PreemptionPolicy: new(corev1.PreemptLowerPriority),
	}
	pod.Status = corev1.PodStatus{Phase: "Running", HostIP: "10.0.0.1", PodIP: "10.1.0.5", PodIPs: []corev1.PodIP{{IP: "10.1.0.5"}}, StartTime: new(metav1.Unix(1750000001, 0)), QOSClass: "Burstable",
		ContainerStatuses: []corev1.ContainerStatus{{Name: "web", Ready: true, Started: new(true), Image: "registry.example.com/team/web:1.2.3", ImageID: "sha256:" + strings.Repeat("0f", 32),
			ContainerID: "containerd://" + strings.Repeat("0f", 32), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Unix(1750000002, 0)}}}}}
	for _, typ := range []corev1.PodConditionType{"Initialized", "Ready", "ContainersReady", "PodScheduled"} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: typ, Status: "True", LastTransitionTime: metav1.NewTime(time.Unix(1750000003, 0))})
	}
	return pod
}

var usual = []struct {
	kind string
	obj  func() Object
}{
	{"ConfigMap", func() Object { return usualConfigMap() }},
	{"Pod", func() Object { return usualPod() }},
}

func BenchmarkAppend(b *testing.B) {
	for _, u := range usual {
		c := codecFor(corev1.SchemeGroupVersion.WithKind(u.kind))
		for e := range Encodings {
			b.Run(u.kind+"/"+names[e], func(b *testing.B) {
				obj := u.obj()
				buf, err := c.Append(nil, e, obj)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(buf)))
				b.ReportAllocs()
				for b.Loop() {
					buf, _ = c.Append(buf[:0], e, obj)
				}
			})
		}
		b.Run(u.kind+"/encoding-json", func(b *testing.B) {
			obj := u.obj()
			b.ReportAllocs()
			for b.Loop() {
				gojson.Marshal(obj)
			}
		})
		b.Run(u.kind+"/Stored", func(b *testing.B) {
			obj := u.obj()
			b.ReportAllocs()
			for b.Loop() {
				c.EncodeStored(obj)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, u := range usual {
		c := codecFor(corev1.SchemeGroupVersion.WithKind(u.kind))
		tree := &Codec{Kind: c.Kind}
		for e := range Encodings {
			data, err := c.Append(nil, e, u.obj())
			if err != nil {
				b.Fatal(err)
			}
			run := func(name string, c *Codec, strict bool) {
				b.Run(u.kind+"/"+names[e]+name, func(b *testing.B) {
					b.SetBytes(int64(len(data)))
					b.ReportAllocs()
					for b.Loop() {
						if _, _, err := c.Decode(e, data, strict); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			run("", c, false)
			if e == JSON {
				run("/strict", c, true)
				run("/tree", tree, false)
				b.Run(u.kind+"/kjson", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						kjson.UnmarshalCaseSensitivePreserveInts(data, c.NewObject())
					}
				})
				b.Run(u.kind+"/kjson-strict", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						kjson.UnmarshalStrict(data, c.NewObject())
					}
				})
			}
		}
	}
}

func BenchmarkStored(b *testing.B) {
	for _, u := range usual {
		for _, asJSON := range []bool{false, true} {
			c := codecFor(corev1.SchemeGroupVersion.WithKind(u.kind))
			c.StoreJSON = asJSON
			stored, h, err := c.EncodeStored(u.obj())
			if err != nil {
				b.Fatal(err)
			}
			form := map[bool]string{false: "Protobuf", true: "JSON"}[asJSON]
			b.Run("Head/"+u.kind+"/"+form, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Head(stored); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("Served/"+u.kind+"/"+form, func(b *testing.B) {
				b.ReportAllocs()
				var buf []byte
				for b.Loop() {
					buf = AppendServed(buf[:0], stored, &h, 123456789)
				}
			})
			b.Run("DecodeStored/"+u.kind+"/"+form, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.DecodeStored(stored, 123456789); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
