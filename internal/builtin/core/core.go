// Package core describes the kinds of the core group, and those of events.k8s.io, which are the same Events.
//
// A kind with hooks has a file of its own, the plain ones are here. Concurrency: hooks keep no state.
package core

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

// Resources lists the kinds.
func Resources(d resource.Deps) describe.Kinds {
	pods := Pod()
	return describe.Kinds{
		Binding(pods), ComponentStatus(d), ConfigMap(), Endpoints(), Event(d), LimitRange(d), Namespace(), Node(),
		PersistentVolumeClaim(), PersistentVolume(), pods, PodTemplate(), ReplicationController(), ResourceQuota(),
		Secret(), ServiceAccount(), Service(),
	}
}

// v1 is the one version that these kinds have.
func v1[T any, P interface {
	*T
	object.Object
}]() []resource.Version {
	return []resource.Version{describe.Version[T, P]("", "v1")}
}

func ConfigMap() *resource.Resource {
	return describe.Kind{Plural: "configmaps", Kind: "ConfigMap", Short: []string{"cm"}, Versions: v1[corev1.ConfigMap]()}.Resource()
}

func Endpoints() *resource.Resource {
	return describe.Kind{
		Plural: "endpoints", Kind: "Endpoints", Short: []string{"ep"}, Prefix: "services/endpoints", CreateOnUpdate: true,
		Versions: v1[corev1.Endpoints](),
	}.Resource()
}

func PodTemplate() *resource.Resource {
	return describe.Kind{
		Plural: "podtemplates", ReturnDeleted: true, Kind: "PodTemplate", Versions: v1[corev1.PodTemplate](),
		Rules: resource.Rules{Generation: schema.Paths{"template": nil}},
	}.Resource()
}

func ResourceQuota() *resource.Resource {
	return describe.Kind{
		Plural: "resourcequotas", ReturnDeleted: true, Kind: "ResourceQuota", Short: []string{"quota"}, Versions: v1[corev1.ResourceQuota](), Status: true,
	}.Resource()
}

func ReplicationController() *resource.Resource {
	return describe.Kind{
		Plural: "replicationcontrollers", Kind: "ReplicationController", Short: []string{"rc"}, Categories: []string{"all"},
		Prefix: "controllers", Versions: v1[corev1.ReplicationController](), Status: true,
		Rules: resource.Rules{Generation: describe.Spec, DefaultGC: resource.GCOrphan},
		Subs: []resource.Subresource{describe.Scale(describe.Scaled[*corev1.ReplicationController]{
			Replicas: func(rc *corev1.ReplicationController) **int32 { return &rc.Spec.Replicas },
			Current:  func(rc *corev1.ReplicationController) int32 { return rc.Status.Replicas },
			Selector: func(rc *corev1.ReplicationController) (string, error) {
				return labels.Set(rc.Spec.Selector).AsSelector().String(), nil
			},
		})},
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"status.replicas": describe.Field(func(rc *corev1.ReplicationController) string { return strconv.Itoa(int(rc.Status.Replicas)) }),
		},
	}.Resource()
}

func Node() *resource.Resource {
	k := describe.Kind{
		Plural: "nodes", Kind: "Node", Short: []string{"no"}, Cluster: true, Prefix: "minions", Versions: v1[corev1.Node](), Status: true,
		// A kubelet registers its node with a status.
		Rules:      resource.Rules{CreateReset: schema.Paths{"spec": {"configSource": nil}, "status": {"config": nil}}},
		Subs:       []resource.Subresource{proxy("NodeProxyOptions")},
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"spec.unschedulable": describe.Field(func(n *corev1.Node) string { return strconv.FormatBool(n.Spec.Unschedulable) }),
		},
	}
	r := k.Resource()
	r.Versions[0].Default = func(o object.Object) { defaultNode(o.(*corev1.Node)) }
	r.Prepare = prepareNode
	return r
}

func Service() *resource.Resource {
	r := describe.Kind{
		Plural: "services", ReturnDeleted: true, Kind: "Service", Short: []string{"svc"}, Categories: []string{"all"}, Prefix: "services/specs",
		Versions: v1[corev1.Service](), CreateOnUpdate: true, Status: true,
		Rules:      resource.Rules{ValidateName: validation.NameIsDNSLabel},
		Subs:       []resource.Subresource{proxy("ServiceProxyOptions")},
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"spec.clusterIP": describe.Field(func(s *corev1.Service) string { return s.Spec.ClusterIP }),
			"spec.type":      describe.Field(func(s *corev1.Service) string { return string(s.Spec.Type) }),
		},
	}.Resource()
	r.Prepare = prepareService
	return r
}

// proxy is a proxy subresource: it passes a request on, so its options are all that the API says of it.
func proxy(options string) resource.Subresource {
	return resource.Subresource{Name: "proxy", Kind: v1Kind(options), Verbs: describe.Proxies}
}
