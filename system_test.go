package pintle_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/pintletest"
)

// eventually asks until it is so, or the test has waited long enough.
func eventually(t *testing.T, what string, ask func(context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 30*time.Second, true, ask); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestNamespaceEnds deletes a namespace that something holds: its conditions say what, nothing new gets in, and it
// goes when it is let go.
func TestNamespaceEnds(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(pintletest.Start(t).Config)
	ctx, core := t.Context(), client.CoreV1()
	if _, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "doomed"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	maps := core.ConfigMaps("doomed")
	for _, cm := range []*corev1.ConfigMap{
		{ObjectMeta: metav1.ObjectMeta{Name: "free"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/hold"}}},
	} {
		if _, err := maps.Create(ctx, cm, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := core.Namespaces().Delete(ctx, "doomed", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	want := map[corev1.NamespaceConditionType]string{
		corev1.NamespaceContentRemaining:    "Some resources are remaining: configmaps. has 1 resource instances",
		corev1.NamespaceFinalizersRemaining: "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
	}
	eventually(t, "the conditions tell what holds the namespace", func(ctx context.Context) (bool, error) {
		ns, err := core.Namespaces().Get(ctx, "doomed", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		told := 0
		for _, c := range ns.Status.Conditions {
			if c.Status == corev1.ConditionTrue && c.Message == want[c.Type] {
				told++
			}
		}
		return told == len(want), nil
	})
	if _, err := maps.Get(ctx, "free", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what nothing holds is still there: %v", err)
	}
	_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "late"}}, metav1.CreateOptions{})
	if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		t.Errorf("a create in a terminating namespace: %v", err)
	}
	if _, err := maps.Patch(ctx, "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is gone", func(ctx context.Context) (bool, error) {
		_, err := core.Namespaces().Get(ctx, "doomed", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

// TestKubernetesService wants pods to find the API server, also after it has moved to another port.
func TestKubernetesService(t *testing.T) {
	dir := t.TempDir()
	for round := range 2 {
		t.Run(fmt.Sprint("start ", round+1), func(t *testing.T) {
			server := pintletest.Start(t, func(c *pintle.Config) { c.DataDir = dir })
			client := kubernetes.NewForConfigOrDie(server.Config)
			ctx := t.Context()
			service, err := client.CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
			if err != nil || service.Spec.ClusterIP != "10.0.0.1" || service.Spec.Ports[0].TargetPort.IntValue() != server.Port() {
				t.Errorf("service %+v: %v", service.Spec, err)
			}
			slice, err := client.DiscoveryV1().EndpointSlices("default").Get(ctx, "kubernetes", metav1.GetOptions{})
			if err != nil || int(*slice.Ports[0].Port) != server.Port() {
				t.Errorf("endpoint slice %v: %v", slice, err)
			}
			list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, ns := range list.Items {
				names = append(names, ns.Name)
			}
			if got := strings.Join(names, " "); got != "default kube-node-lease kube-public kube-system" {
				t.Errorf("namespaces %s", got)
			}
		})
	}
}
