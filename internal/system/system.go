// Package system is what the server itself owns and does: the namespaces, the priority classes and the kubernetes
// Service that are there from the first start, and the end of deleted namespaces.
//
// Nouns: Bootstrap makes what must exist; the Namespaces controller empties terminating namespaces and lets them go.
//
// Invariants: everything goes through the engine, as the user system:apiserver, so that it is validated, tracked
// and watched like anybody's write; nothing that exists is overwritten, but for the addresses of the server itself.
//
// Concurrency: Bootstrap may run on several servers of one store at once; the losers of a race find what
// they wanted to make. A controller is one goroutine.
package system

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// Config is what the server knows of itself.
type Config struct {
	Engine  *engine.Engine
	Catalog *resource.Catalog
	Clock   func() time.Time
	Logger  *slog.Logger
	// Address and Port are where clients in the cluster reach this server.
	Address netip.Addr
	Port    int
	// ServiceIP is the cluster IP of the kubernetes Service: the first of the service range.
	ServiceIP netip.Addr
}

// Namespaces are those that every cluster has.
var namespaces = []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}

// Pods of the system itself come before all others.
var priorityClasses = []schedulingv1.PriorityClass{
	{ObjectMeta: metav1.ObjectMeta{Name: "system-node-critical"}, Value: 2000001000,
		Description: "Used for system critical pods that must not be moved from their current node."},
	{ObjectMeta: metav1.ObjectMeta{Name: "system-cluster-critical"}, Value: 2000000000,
		Description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."},
}

func (c *Config) request() *request.Request { return request.ByServer(c.Clock()) }

const manager = request.ServerManager

// Bootstrap makes the system namespaces and priority classes, the kubernetes Service and its endpoints, where they are
// missing.
func Bootstrap(ctx context.Context, c Config) error {
	var wg sync.WaitGroup // together, so that they share one sync of the disk
	errs := make([]error, len(namespaces)+len(priorityClasses))
	for i, name := range namespaces {
		wg.Go(func() {
			errs[i] = c.ensure(ctx, "", "v1", "namespaces", "", name, func() object.Object {
				return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
			}, nil)
		})
	}
	for i := range priorityClasses {
		wg.Go(func() {
			class := &priorityClasses[i]
			errs[len(namespaces)+i] = c.ensure(ctx, "scheduling.k8s.io", "v1", "priorityclasses", "", class.Name, func() object.Object {
				return class.DeepCopy()
			}, nil)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.kubernetesService(ctx)
}

// ensure creates an object that is missing. When it is there and mend says that it has changed it, it is updated.
func (c *Config) ensure(ctx context.Context, group, version, plural, namespace, name string, make func() object.Object, mend func(object.Object) bool) error {
	row, ok := c.Catalog.Load().Lookup(group, version, plural)
	if !ok {
		return nil // switched off
	}
	t := engine.Target{Resource: row.Resource, Version: row.Version, Namespace: namespace, Name: name}
	for {
		req := c.request()
		var err error
		if mend == nil {
			_, err = c.Engine.Get(ctx, req, t, "")
		} else {
			_, err = c.Engine.Change(ctx, req, t, manager, func(old object.Object) (object.Object, error) {
				if obj := old.DeepCopyObject().(object.Object); mend(obj) {
					return obj, nil
				}
				return nil, nil
			})
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
		_, err = c.Engine.Create(ctx, req, t, make(), metav1.CreateOptions{FieldManager: manager})
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

const service = "kubernetes"

// kubernetesService is how pods find the API server.
func (c *Config) kubernetesService(ctx context.Context) error {
	port := corev1.ServicePort{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(c.Port))}
	single, cluster := corev1.IPFamilyPolicySingleStack, corev1.ServiceInternalTrafficPolicyCluster
	err := c.ensure(ctx, "", "v1", "services", metav1.NamespaceDefault, service, func() object.Object {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: service, Namespace: metav1.NamespaceDefault, Labels: map[string]string{"provider": "kubernetes", "component": "apiserver"}},
			Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{port}, ClusterIP: c.ServiceIP.String(), ClusterIPs: []string{c.ServiceIP.String()},
				IPFamilies: []corev1.IPFamily{family(c.ServiceIP)}, IPFamilyPolicy: &single, InternalTrafficPolicy: &cluster,
				SessionAffinity: corev1.ServiceAffinityNone, Type: corev1.ServiceTypeClusterIP},
		}
	}, func(o object.Object) bool {
		s, ok := o.(*corev1.Service)
		if !ok || len(s.Spec.Ports) == 1 && s.Spec.Ports[0] == port {
			return false
		}
		s.Spec.Ports = []corev1.ServicePort{port}
		return true
	})
	if err != nil {
		return err
	}
	subsets := []corev1.EndpointSubset{{
		Addresses: []corev1.EndpointAddress{{IP: c.Address.String()}},
		Ports:     []corev1.EndpointPort{{Name: "https", Port: int32(c.Port), Protocol: corev1.ProtocolTCP}},
	}}
	err = c.ensure(ctx, "", "v1", "endpoints", metav1.NamespaceDefault, service, func() object.Object {
		return &corev1.Endpoints{Subsets: subsets, ObjectMeta: metav1.ObjectMeta{Name: service, Namespace: metav1.NamespaceDefault,
			Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"}}}
	}, func(o object.Object) bool {
		e, ok := o.(*corev1.Endpoints)
		if !ok || resource.Equal(e, &corev1.Endpoints{TypeMeta: e.TypeMeta, ObjectMeta: e.ObjectMeta, Subsets: subsets}) {
			return false
		}
		e.Subsets = subsets
		return true
	})
	if err != nil {
		return err
	}
	return c.endpointSlice(ctx)
}

func (c *Config) endpointSlice(ctx context.Context) error {
	name, number, tcp, ready := "https", int32(c.Port), corev1.ProtocolTCP, true
	ports := []discoveryv1.EndpointPort{{Name: &name, Port: &number, Protocol: &tcp}}
	ends := []discoveryv1.Endpoint{{Addresses: []string{c.Address.String()}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}}
	return c.ensure(ctx, "discovery.k8s.io", "v1", "endpointslices", metav1.NamespaceDefault, service, func() object.Object {
		return &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressType(family(c.Address)), Endpoints: ends, Ports: ports,
			ObjectMeta: metav1.ObjectMeta{Name: service, Namespace: metav1.NamespaceDefault, Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	}, func(o object.Object) bool {
		s, ok := o.(*discoveryv1.EndpointSlice)
		if !ok {
			return false
		}
		want := &discoveryv1.EndpointSlice{TypeMeta: s.TypeMeta, ObjectMeta: s.ObjectMeta, AddressType: s.AddressType, Endpoints: ends, Ports: ports}
		if resource.Equal(s, want) {
			return false
		}
		s.Endpoints, s.Ports = ends, ports
		return true
	})
}

func family(a netip.Addr) corev1.IPFamily {
	if a.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
