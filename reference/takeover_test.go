package reference

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// The namespace and label of the objects of these tests.
const (
	takenNamespace = "facts"
	takenLabel     = "taken"
)

// TestTakeover: what kube-apiserver wrote, pintle serves on the same etcd, object for object, and changes; and what
// pintle wrote, kube-apiserver serves again.
func TestTakeover(t *testing.T) {
	if testing.Short() {
		t.Skip("runs kube-apiserver")
	}
	first := startReference(t, "")
	ref := first.config()
	created := createAll(t, ref)
	resources := listable(t, ref)
	wrote := listAll(t, ref, resources)
	leases := eventLeases(t, first.EtcdURL)
	first.stopAPIServer()

	p := startPintle(t, "--etcd-servers="+first.EtcdURL)
	t.Run("listed", func(t *testing.T) {
		serves := listable(t, p.rest)
		if !reflect.DeepEqual(resources, serves) {
			t.Fatalf("pintle serves %v, not %v", serves, resources)
		}
		compareObjects(t, wrote, listAll(t, p.rest, resources))
	})
	t.Run("changed", func(t *testing.T) { changeAll(t, p.rest, created, "pintle") })
	left := listAll(t, p.rest, resources)
	t.Run("events' leases", func(t *testing.T) {
		for key, id := range eventLeases(t, first.EtcdURL) {
			if leases[key] != 0 && id == 0 {
				t.Errorf("%s lives for ever", key)
			}
		}
	})
	p.stop(t)

	second := startReference(t, first.EtcdURL)
	ref = second.config()
	t.Run("handed back", func(t *testing.T) {
		compareObjects(t, left, listAll(t, ref, resources))
	})
	t.Run("changed again", func(t *testing.T) {
		kept := slices.DeleteFunc(slices.Clone(created), func(o made) bool { return o.deleted() })
		changeAll(t, ref, kept, "reference")
	})
}

// TestSideBySide: kube-apiserver and pintle on one etcd are one server to their clients.
func TestSideBySide(t *testing.T) {
	if testing.Short() {
		t.Skip("runs kube-apiserver")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := startReference(t, "")
	p := startPintle(t, "--etcd-servers="+s.EtcdURL)
	ref, ours := kubernetes.NewForConfigOrDie(s.config()), kubernetes.NewForConfigOrDie(p.rest)
	servers := []struct {
		name         string
		writes, sees *kubernetes.Clientset
	}{{"pintle sees the reference", ref, ours}, {"the reference sees pintle", ours, ref}}

	for i, v := range servers {
		t.Run(v.name, func(t *testing.T) {
			ns := fmt.Sprintf("side-%d", i)
			if _, err := v.writes.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			write, see := v.writes.CoreV1().ConfigMaps(ns), v.sees.CoreV1().ConfigMaps(ns)
			list, err := see.List(ctx, metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			events, err := see.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
			if err != nil {
				t.Fatal(err)
			}
			defer events.Stop()
			next := func(kind watch.EventType, want *corev1.ConfigMap) {
				t.Helper()
				select {
				case e, ok := <-events.ResultChan():
					if !ok {
						t.Fatal("the watch ended")
					}
					got, _ := e.Object.(*corev1.ConfigMap)
					if e.Type != kind || got == nil || want.ResourceVersion != "" && got.ResourceVersion != want.ResourceVersion || got.Name != want.Name || !maps.Equal(got.Data, want.Data) {
						t.Fatalf("%s %v, want %s %v", e.Type, e.Object, kind, want)
					}
				case <-ctx.Done():
					t.Fatalf("no event for %s %s", kind, want.Name)
				}
			}

			// A consistent read sees what the other server has acknowledged, at once.
			for n := range 100 {
				cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("c%d", n)}, Data: map[string]string{"n": "0"}}
				cm, err := write.Create(ctx, cm, metav1.CreateOptions{})
				if err != nil {
					t.Fatal(err)
				}
				got, err := see.Get(ctx, cm.Name, metav1.GetOptions{})
				if err != nil || !reflect.DeepEqual(got, cm) {
					t.Fatalf("get after create: %v, %v; want %v", got, err, cm)
				}
				next(watch.Added, cm)
				cm.Data["n"] = "1"
				if cm, err = write.Update(ctx, cm, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
				list, err := see.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + cm.Name})
				if err != nil || len(list.Items) != 1 || list.Items[0].ResourceVersion != cm.ResourceVersion {
					t.Fatalf("list after update: %v, %v; want %v", list, err, cm)
				}
				next(watch.Modified, cm)
				if n%2 == 0 {
					continue
				}
				if err := write.Delete(ctx, cm.Name, metav1.DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
				if list, err := see.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + cm.Name}); err != nil || len(list.Items) != 0 {
					t.Fatalf("list after delete: %v, %v", list, err)
				}
				if _, err := see.Get(ctx, cm.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
					t.Fatalf("get after delete: %v", err)
				}
				cm.ResourceVersion = ""
				next(watch.Deleted, cm)
			}

			// Both write one object: who comes second with an old resourceVersion is told so.
			a, err := write.Get(ctx, "c0", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b := a.DeepCopy()
			a.Data["n"], b.Data["n"] = "a", "b"
			if a, err = write.Update(ctx, a, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := see.Update(ctx, b, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				t.Errorf("an update of what the other has changed: %v", err)
			}
			if _, err := see.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c0"}}, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
				t.Errorf("a create of what the other has: %v", err)
			}
			uid := types.UID("another")
			if err := see.Delete(ctx, "c0", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); !apierrors.IsConflict(err) {
				t.Errorf("a delete of another: %v", err)
			}

			// A list begun with one goes on with the other.
			page, err := write.List(ctx, metav1.ListOptions{Limit: 7})
			if err != nil {
				t.Fatal(err)
			}
			rest, err := see.List(ctx, metav1.ListOptions{Continue: page.Continue})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) != 7 || len(rest.Items) != 43 || rest.ResourceVersion != page.ResourceVersion {
				t.Errorf("pages of %d and %d at %s and %s", len(page.Items), len(rest.Items), page.ResourceVersion, rest.ResourceVersion)
			}
			seen := map[string]bool{}
			for _, cm := range append(page.Items, rest.Items...) {
				seen[cm.Name] = true
			}
			if len(seen) != 50 {
				t.Errorf("%d names in the pages, not 50", len(seen))
			}
		})
	}

	// Unversioned patches of both never lose each other's.
	t.Run("patches", func(t *testing.T) {
		const each = 40
		if _, err := ref.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "both"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for who, c := range map[string]*kubernetes.Clientset{"ref": ref, "ours": ours} {
			wg.Go(func() {
				for n := range each {
					patch := fmt.Sprintf(`{"data":{"%s%d":"x"}}`, who, n)
					if _, err := c.CoreV1().ConfigMaps("default").Patch(ctx, "both", types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
						t.Errorf("%s: %v", who, err)
						return
					}
				}
			})
		}
		wg.Wait()
		cm, err := ours.CoreV1().ConfigMaps("default").Get(ctx, "both", metav1.GetOptions{})
		if err != nil || len(cm.Data) != 2*each {
			t.Errorf("%d keys of %d, %v", len(cm.Data), 2*each, err)
		}
	})
}

// startReference is a reference in the bare shape, on an etcd of its own unless there is one.
func startReference(t *testing.T, etcd string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{Bare: true, EtcdURL: etcd})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// stopAPIServer ends kube-apiserver and leaves its etcd running.
func (s *Server) stopAPIServer() {
	last := len(s.running) - 1
	s.running[last].stop()
	s.running = s.running[:last]
}

func (s *Server) config() *rest.Config {
	return &rest.Config{Host: s.URL, BearerToken: s.Token, TLSClientConfig: rest.TLSClientConfig{CAData: s.CA}, QPS: -1}
}

// made is an object that the test created.
type made struct {
	resource  schema.GroupVersionResource
	namespace string
	name      string
	kind      string
}

// Some kinds' objects are deleted rather than changed; which ones does not matter.
func (o made) deleted() bool {
	return slices.Contains([]string{"ConfigMap", "Role", "StorageClass", "EndpointSlice", "CronJob", "ResourceSlice"}, o.kind)
}

func (o made) in(c dynamic.Interface) dynamic.ResourceInterface {
	if o.namespace == "" {
		return c.Resource(o.resource)
	}
	return c.Resource(o.resource).Namespace(o.namespace)
}

// createAll creates an object of every built-in kind that is stored.
func createAll(t *testing.T, config *rest.Config) (all []made) {
	t.Helper()
	c := dynamic.NewForConfigOrDie(config)
	_, every, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("cmd/facts/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(string(data), "---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			t.Fatal(err)
		}
		if o.GetName() == "" || o.GetKind() == "Binding" || strings.HasSuffix(o.GetKind(), "Review") {
			continue // not stored
		}
		gvk := o.GroupVersionKind()
		m := made{name: o.GetName(), kind: o.GetKind()}
		for _, l := range every {
			for _, r := range l.APIResources {
				if l.GroupVersion == gvk.GroupVersion().String() && r.Kind == gvk.Kind && !strings.Contains(r.Name, "/") {
					m.resource = gvk.GroupVersion().WithResource(r.Name)
					if r.Namespaced {
						m.namespace = takenNamespace
					}
				}
			}
		}
		if m.resource.Resource == "" {
			t.Fatalf("nobody serves %s", gvk)
		}
		if _, err := m.in(c).Create(t.Context(), o, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("%s: %v", gvk, err)
		}
		all = append(all, m)
	}
	return all
}

// definedGroup is defined by a CustomResourceDefinition and claimed by an APIService: kube-apiserver asks the APIService's
// server, which is not there, where pintle, for which APIServices have no effect yet, serves the definition.
const definedGroup = "facts.example.com"

// listable is every group, version and resource that can be listed, in order.
func listable(t *testing.T, config *rest.Config) (all []string) {
	t.Helper()
	_, lists, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) { // one APIService has no server
		t.Fatal(err)
	}
	for _, l := range lists {
		gv, _ := schema.ParseGroupVersion(l.GroupVersion)
		if gv.Group == definedGroup {
			continue
		}
		for _, r := range l.APIResources {
			if slices.Contains(r.Verbs, "list") && r.Name != "componentstatuses" { // asked, not stored
				all = append(all, gv.Group+"/"+gv.Version+"/"+r.Name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// listAll is every object of every version of every kind, by resource, namespace and name.
func listAll(t *testing.T, config *rest.Config, resources []string) map[string]map[string]any {
	t.Helper()
	c := dynamic.NewForConfigOrDie(config)
	out := map[string]map[string]any{}
	for _, r := range resources {
		p := strings.Split(r, "/")
		list, err := c.Resource(schema.GroupVersionResource{Group: p[0], Version: p[1], Resource: p[2]}).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		for _, o := range list.Items {
			out[r+" "+o.GetNamespace()+"/"+o.GetName()] = o.Object
		}
	}
	return out
}

// own are the objects that a server keeps for itself and changes at any time.
func own(key string) bool {
	for _, s := range []string{"/leases kube-system/apiserver-", "/leases kube-system/kube-apiserver-", "/configmaps kube-system/extension-apiserver-authentication", "/endpoints default/kubernetes", "/endpointslices default/kubernetes", "/apiservices ", "/flowschemas ", "/prioritylevelconfigurations ", "/servicecidrs /kubernetes", "/services default/kubernetes"} {
		if strings.Contains(key, s) {
			return true
		}
	}
	return false
}

// later are the objects known to be served otherwise: kube-apiserver stores them without what it fills in on each
// read, and pintle serves what is stored until it has the kinds' defaults.
var later = map[string]bool{
	"batch/v1/jobs facts/facts":              true, // the labels of its pods
	"/v1/persistentvolumeclaims facts/facts": true, // status.phase
}

func compareObjects(t *testing.T, want, got map[string]map[string]any) {
	t.Helper()
	for key, w := range want {
		g, ok := got[key]
		switch {
		case own(key) && (ok || strings.Contains(key, "/leases ")):
		case !ok:
			t.Errorf("%s is lost", key)
		case !reflect.DeepEqual(w, g) && later[key]:
			t.Logf("%s differs, as known", key)
		case !reflect.DeepEqual(w, g):
			a, _ := json.Marshal(w)
			b, _ := json.Marshal(g)
			t.Errorf("%s:\nbefore %s\nafter  %s", key, a, b)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok && !own(key) {
			t.Errorf("%s is new", key)
		}
	}
	t.Logf("%d objects", len(got))
}

// changeAll labels each object by update and by patch, or deletes it, and sees each change in a watch.
func changeAll(t *testing.T, config *rest.Config, all []made, by string) {
	c := dynamic.NewForConfigOrDie(config)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, m := range all {
		in := m.in(c)
		o, err := in.Get(ctx, m.name, metav1.GetOptions{})
		if err != nil {
			t.Errorf("%s: %v", m.resource, err)
			continue
		}
		// From the list's revision: the object's may be older than what a server that has just started knows of.
		one := metav1.ListOptions{FieldSelector: "metadata.name=" + m.name}
		list, err := in.List(ctx, one)
		if err != nil || len(list.Items) != 1 {
			t.Errorf("%s: %d listed, %v", m.resource, len(list.Items), err)
			continue
		}
		one.ResourceVersion = list.GetResourceVersion()
		events, err := in.Watch(ctx, one)
		if err != nil {
			t.Errorf("%s: %v", m.resource, err)
			continue
		}
		see := func(want *unstructured.Unstructured) {
			t.Helper()
			for e := range events.ResultChan() {
				got, _ := e.Object.(*unstructured.Unstructured)
				if want == nil && e.Type == watch.Deleted {
					return
				}
				if want != nil && got != nil && got.GetResourceVersion() == want.GetResourceVersion() {
					if e.Type != watch.Modified || !reflect.DeepEqual(got.Object, want.Object) {
						t.Errorf("%s: the watch says %s %v, not %v", m.resource, e.Type, got, want)
					}
					return
				}
			}
			t.Errorf("%s: the watch ended", m.resource)
		}
		if m.deleted() {
			if err := in.Delete(ctx, m.name, metav1.DeleteOptions{}); err != nil {
				t.Errorf("%s: %v", m.resource, err)
			} else {
				see(nil)
			}
			events.Stop()
			continue
		}
		labels := o.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[takenLabel] = by
		o.SetLabels(labels)
		updated, err := in.Update(ctx, o, metav1.UpdateOptions{})
		if err != nil {
			t.Errorf("update %s: %v", m.resource, err)
			events.Stop()
			continue
		}
		see(updated)
		patched, err := in.Patch(ctx, m.name, types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"by":%q}}}`, by), metav1.PatchOptions{})
		if err != nil {
			t.Errorf("patch %s: %v", m.resource, err)
		} else {
			see(patched)
			if patched.GetLabels()[takenLabel] != by || patched.GetAnnotations()["by"] != by || patched.GetUID() != o.GetUID() {
				t.Errorf("%s became %v", m.resource, patched)
			}
		}
		events.Stop()
	}
}

// eventLeases are the etcd leases of the stored events.
func eventLeases(t *testing.T, url string) map[string]int64 {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Get(t.Context(), "/registry/events/", clientv3.WithPrefix())
	if err != nil || len(got.Kvs) == 0 {
		t.Fatalf("%d events, %v", len(got.Kvs), err)
	}
	leases := map[string]int64{}
	for _, kv := range got.Kvs {
		leases[string(kv.Key)] = kv.Lease
	}
	return leases
}
