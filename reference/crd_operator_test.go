package reference

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/conversion"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	hooks "sigs.k8s.io/controller-runtime/pkg/webhook/conversion"

	"github.com/pintle-io/pintle/pintletest"
)

// Gate is a custom kind as an operator's author writes it: v2 is its hub, v1 what is stored from other days.
type Gate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              struct {
		Paint struct {
			Color string `json:"color,omitempty"`
		} `json:"paint,omitempty"`
	} `json:"spec,omitempty"`
	Status GateStatus `json:"status,omitempty"`
}

// GateStatus is what the operator says.
type GateStatus struct {
	Painted string `json:"painted,omitempty"`
}

func (*Gate) Hub()                             {}
func (g *Gate) DeepCopyObject() runtime.Object { c := *g; g.DeepCopyInto(&c.ObjectMeta); return &c }

// GateV1 is Gate in v1.
type GateV1 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              struct {
		Color string `json:"color,omitempty"`
	} `json:"spec,omitempty"`
	Status GateStatus `json:"status,omitempty"`
}

func (g *GateV1) DeepCopyObject() runtime.Object { c := *g; g.DeepCopyInto(&c.ObjectMeta); return &c }

func (g *GateV1) ConvertTo(hub conversion.Hub) error {
	to := hub.(*Gate)
	to.ObjectMeta, to.Status, to.Spec.Paint.Color = g.ObjectMeta, g.Status, g.Spec.Color
	return nil
}

func (g *GateV1) ConvertFrom(hub conversion.Hub) error {
	from := hub.(*Gate)
	g.ObjectMeta, g.Status, g.Spec.Color = from.ObjectMeta, from.Status, from.Spec.Paint.Color
	return nil
}

// GateList is a list of Gates.
type GateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Gate `json:"items"`
}

func (l *GateList) DeepCopyObject() runtime.Object {
	c := *l
	c.Items = nil
	for i := range l.Items {
		c.Items = append(c.Items, *l.Items[i].DeepCopyObject().(*Gate))
	}
	return &c
}

// gateScheme has both versions. Their Go types differ in name, the kinds do not.
func gateScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	v1, v2 := schema.GroupVersion{Group: "example.com", Version: "v1"}, schema.GroupVersion{Group: "example.com", Version: "v2"}
	s.AddKnownTypeWithName(v1.WithKind("Gate"), &GateV1{})
	s.AddKnownTypeWithName(v2.WithKind("Gate"), &Gate{})
	s.AddKnownTypeWithName(v2.WithKind("GateList"), &GateList{})
	metav1.AddToGroupVersion(s, v1)
	metav1.AddToGroupVersion(s, v2)
	return s
}

// painter says in the status what color a gate is.
type painter struct{ client.Client }

func (p painter) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var g Gate
	if err := p.Get(ctx, req.NamespacedName, &g); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if g.Status.Painted == g.Spec.Paint.Color {
		return ctrl.Result{}, nil
	}
	g.Status.Painted = g.Spec.Paint.Color
	return ctrl.Result{}, p.Status().Update(ctx, &g)
}

// An operator in v2 of a kind that is stored in v1, with controller-runtime's own conversion webhook, and dynamic
// informers in v1: each sees the other's work.
func TestOperatorWithConversionWebhook(t *testing.T) {
	ctrl.SetLogger(logger(t))
	s := pintletest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	scheme := gateScheme()
	hook := httptest.NewUnstartedServer(hooks.NewWebhookHandler(scheme, hooks.NewRegistry()))
	hook.Config.ErrorLog = log.New(io.Discard, "", 0)
	hook.StartTLS()
	defer hook.Close()

	clients := dynamic.NewForConfigOrDie(s.Config)
	if _, err := clients.Resource(definitions).Create(ctx, gateCRD(t, hook), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	v1 := clients.Resource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "gates"}).Namespace("default")
	gate := func(name, color string) {
		t.Helper()
		_, err := v1.Create(ctx, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Gate",
			"metadata": map[string]any{"name": name}, "spec": map[string]any{"color": color}}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "served", func() error { _, err := v1.List(ctx, metav1.ListOptions{}); return err })
	for i := range 20 {
		gate(fmt.Sprint("old-", i), "grey")
	}

	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	skip := true
	m, err := ctrl.NewManager(s.Config, ctrl.Options{Scheme: scheme, Metrics: server.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: &skip}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ctrl.NewControllerManagedBy(m).For(&Gate{}).Complete(painter{m.GetClient()}); err != nil {
		t.Fatal(err)
	}
	running.Go(func() {
		if err := m.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	informers := dynamicinformer.NewDynamicSharedInformerFactory(clients, time.Hour)
	inV1 := informers.ForResource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "gates"}).Informer()
	inV2 := informers.ForResource(schema.GroupVersionResource{Group: "example.com", Version: "v2", Resource: "gates"}).Informer()
	informers.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), inV1.HasSynced, inV2.HasSynced) {
		t.Fatal("informers have not synced")
	}

	painted := func(name, color string) {
		t.Helper()
		eventually(t, name, func() error {
			for i, informer := range []cache.SharedIndexInformer{inV1, inV2} {
				obj, found, _ := informer.GetStore().GetByKey("default/" + name)
				if !found {
					return fmt.Errorf("it is not in informer %d", i)
				}
				u := obj.(*unstructured.Unstructured)
				path := []string{"spec", "color"}
				if i == 1 {
					path = []string{"spec", "paint", "color"}
				}
				is, _, _ := unstructured.NestedString(u.Object, path...)
				said, _, _ := unstructured.NestedString(u.Object, "status", "painted")
				if is != color || said != color {
					return fmt.Errorf("informer %d has %v", i, u.Object)
				}
			}
			return nil
		})
	}
	for i := range 20 {
		painted(fmt.Sprint("old-", i), "grey")
	}
	gate("new", "red")
	painted("new", "red")
	if _, err := v1.Patch(ctx, "new", types.MergePatchType, []byte(`{"spec":{"color":"blue"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	painted("new", "blue")
	if err := v1.Delete(ctx, "new", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "deleted", func() error {
		for i, informer := range []cache.SharedIndexInformer{inV1, inV2} {
			if _, found, _ := informer.GetStore().GetByKey("default/new"); found {
				return fmt.Errorf("still in informer %d", i)
			}
		}
		return nil
	})
}

// gateCRD stores v1 and serves both.
func gateCRD(t *testing.T, hook *httptest.Server) *unstructured.Unstructured {
	address, preserve := hook.URL+"/convert", true
	version := func(name string) apiextensionsv1.CustomResourceDefinitionVersion {
		return apiextensionsv1.CustomResourceDefinitionVersion{Name: name, Served: true, Storage: name == "v1",
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
			Schema:       &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve}}}
	}
	crd := &apiextensionsv1.CustomResourceDefinition{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{Name: "gates.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names:    apiextensionsv1.CustomResourceDefinitionNames{Plural: "gates", Kind: "Gate"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{version("v1"), version("v2")},
			Conversion: &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter, Webhook: &apiextensionsv1.WebhookConversion{
				ConversionReviewVersions: []string{"v1"},
				ClientConfig: &apiextensionsv1.WebhookClientConfig{URL: &address,
					CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})}}}},
	}
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	if err != nil {
		t.Fatal(err)
	}
	delete(u, "status")
	return &unstructured.Unstructured{Object: u}
}
