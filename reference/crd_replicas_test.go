package reference

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/pintletest"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// replicas are two pintles on one etcd, and that etcd's URL.
func replicas(t *testing.T) (url string, clients [2]dynamic.Interface) {
	t.Helper()
	url = startEtcd(t)
	for i := range clients {
		s := pintletest.Start(t, func(c *pintle.Config) {
			c.Storage, c.Etcd = pintle.Etcd, pintle.EtcdConfig{Servers: []string{url}}
		})
		clients[i] = dynamic.NewForConfigOrDie(s.Config)
	}
	return url, clients
}

// shapeCRD is a definition of the plural in the group shapes.example.com.
func shapeCRD(plural string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": plural + ".shapes.example.com"},
		"spec": map[string]any{"group": "shapes.example.com", "scope": "Namespaced", "names": map[string]any{"plural": plural, "kind": strings.ToUpper(plural[:1]) + plural[1:]},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
	}}
}

func shapesOf(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "shapes.example.com", Version: "v1", Resource: plural}
}

func shape(plural, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "shapes.example.com/v1", "kind": strings.ToUpper(plural[:1]) + plural[1:],
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"of": plural}}}
}

// isEstablished looks at a definition through one server.
func isEstablished(ctx context.Context, c dynamic.Interface, plural string) (bool, error) {
	crd, err := c.Resource(definitions).Get(ctx, plural+".shapes.example.com", metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	for _, x := range conditions {
		if m := x.(map[string]any); m["type"] == "Established" && m["status"] == "True" {
			return true, nil
		}
	}
	return false, nil
}

// A definition that is seen established through one server is served by the other in the very next request.
func TestDefinitionsOnTwoServers(t *testing.T) {
	_, servers := replicas(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	slowest := time.Duration(0)
	for i := range 40 {
		plural := fmt.Sprintf("shape%d", i)
		creator, seer, user := servers[i&1], servers[i>>1&1], servers[^(i>>1)&1]
		began := time.Now()
		if _, err := creator.Resource(definitions).Create(ctx, shapeCRD(plural), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		for {
			ok, err := isEstablished(ctx, seer, plural)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				break
			}
		}
		things := user.Resource(shapesOf(plural)).Namespace("default")
		var err error
		if i%3 == 0 { // reading is a request too
			_, err = things.List(ctx, metav1.ListOptions{})
		} else {
			_, err = things.Create(ctx, shape(plural, "first"), metav1.CreateOptions{})
		}
		if err != nil {
			t.Errorf("%s: the next request, on the other server: %v", plural, err)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("slowest from the definition's create to its first answer elsewhere: %v", slowest)
}

// Creates on both servers race the end of their definition. None leaves an object behind: not in the store, and not
// under a definition that takes the name anew.
func TestCreatesRaceTheEndOfTheirDefinition(t *testing.T) {
	url, servers := replicas(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	kv, err := clientv3.New(clientv3.Config{Endpoints: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	var created, refused atomic.Int32
	for round := range 6 {
		if _, err := servers[0].Resource(definitions).Create(ctx, shapeCRD("rings"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "established", func() error {
			if ok, err := isEstablished(ctx, servers[1], "rings"); !ok {
				return fmt.Errorf("not established: %v", err)
			}
			return nil
		})
		if l, err := servers[1].Resource(shapesOf("rings")).List(ctx, metav1.ListOptions{}); err != nil || len(l.Items) != 0 {
			t.Fatalf("round %d begins with %v, %v", round, l, err)
		}
		var writers sync.WaitGroup
		stop := make(chan struct{})
		began := make(chan struct{}, 8)
		for w := range 8 {
			writers.Go(func() {
				rings := servers[w&1].Resource(shapesOf("rings")).Namespace("default")
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					_, err := rings.Create(ctx, shape("rings", fmt.Sprintf("ring-%d-%d", w, n)), metav1.CreateOptions{})
					switch {
					case err == nil:
						created.Add(1)
					case apierrors.IsNotFound(err), apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err):
						refused.Add(1)
					default:
						t.Errorf("create: %v", err)
						return
					}
					if n == 5 {
						began <- struct{}{}
					}
				}
			})
		}
		for range 8 {
			<-began
		}
		if err := servers[round&1].Resource(definitions).Delete(ctx, "rings.shapes.example.com", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the definition's end", func() error {
			_, err := servers[1].Resource(definitions).Get(ctx, "rings.shapes.example.com", metav1.GetOptions{})
			if !apierrors.IsNotFound(err) {
				return fmt.Errorf("still there: %v", err)
			}
			return nil
		})
		// The writers go on a little: what they are told now must be true as well.
		got, err := kv.Get(ctx, "/registry/shapes.example.com/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
		if err != nil {
			t.Fatal(err)
		}
		close(stop)
		writers.Wait()
		again, err := kv.Get(ctx, "/registry/shapes.example.com/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
		if err != nil {
			t.Fatal(err)
		}
		for _, left := range append(got.Kvs, again.Kvs...) {
			t.Errorf("round %d leaves %s behind", round, left.Key)
		}
	}
	t.Logf("%d creates succeeded, %d were refused", created.Load(), refused.Load())
	if created.Load() == 0 || refused.Load() == 0 {
		t.Error("there was no race")
	}
}
