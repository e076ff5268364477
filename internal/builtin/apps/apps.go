// Package apps describes the kinds of the group apps.
//
// Concurrency: hooks keep no state.
package apps

import (
	"context"
	"maps"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{
		describe.Kind{
			Plural: "controllerrevisions", Kind: "ControllerRevision", Versions: v1[appsv1.ControllerRevision](),
		}.Resource(),
		DaemonSet(), Deployment(), ReplicaSet(), StatefulSet(),
	}
}

func v1[T any, P interface {
	*T
	object.Object
}]() []resource.Version {
	return []resource.Version{describe.Version[T, P]("apps", "v1")}
}

func Deployment() *resource.Resource {
	return describe.Kind{
		Plural: "deployments", Kind: "Deployment", Short: []string{"deploy"}, Categories: []string{"all"},
		Versions: v1[appsv1.Deployment](), Status: true,
		StatusReset: schema.Paths{"spec": nil, "metadata": {"labels": nil}},
		// A rollout is told by annotations too.
		Rules: resource.Rules{Generation: schema.Paths{"spec": nil, "metadata": {"annotations": nil}}},
		Subs: []resource.Subresource{describe.Scale(describe.Scaled[*appsv1.Deployment]{
			Replicas: func(d *appsv1.Deployment) **int32 { return &d.Spec.Replicas },
			Current:  func(d *appsv1.Deployment) int32 { return d.Status.Replicas },
			Selector: func(d *appsv1.Deployment) (string, error) { return describe.LabelSelector(d.Spec.Selector) },
		})},
	}.Resource()
}

func ReplicaSet() *resource.Resource {
	return describe.Kind{
		Plural: "replicasets", Kind: "ReplicaSet", Short: []string{"rs"}, Categories: []string{"all"},
		Versions: v1[appsv1.ReplicaSet](), Status: true, Rules: resource.Rules{Generation: describe.Spec},
		Subs: []resource.Subresource{describe.Scale(describe.Scaled[*appsv1.ReplicaSet]{
			Replicas: func(s *appsv1.ReplicaSet) **int32 { return &s.Spec.Replicas },
			Current:  func(s *appsv1.ReplicaSet) int32 { return s.Status.Replicas },
			Selector: func(s *appsv1.ReplicaSet) (string, error) { return describe.LabelSelector(s.Spec.Selector) },
		})},
	}.Resource()
}

func StatefulSet() *resource.Resource {
	r := describe.Kind{
		Plural: "statefulsets", Kind: "StatefulSet", Short: []string{"sts"}, Categories: []string{"all"},
		Versions: v1[appsv1.StatefulSet](), Status: true,
		Rules: resource.Rules{Generation: describe.Spec, ValidateName: validation.NameIsDNSLabel},
		Subs: []resource.Subresource{describe.Scale(describe.Scaled[*appsv1.StatefulSet]{
			Replicas: func(s *appsv1.StatefulSet) **int32 { return &s.Spec.Replicas },
			Current:  func(s *appsv1.StatefulSet) int32 { return s.Status.Replicas },
			Selector: func(s *appsv1.StatefulSet) (string, error) { return describe.LabelSelector(s.Spec.Selector) },
		})},
	}.Resource()
	r.Versions[0].Default = func(o object.Object) {
		claims := o.(*appsv1.StatefulSet).Spec.VolumeClaimTemplates
		for i := range claims {
			claims[i].APIVersion, claims[i].Kind = "v1", "PersistentVolumeClaim"
		}
	}
	r.Prepare = func(_ context.Context, c *resource.Change) error {
		// How many may be unavailable in an update is behind a feature gate that is off.
		if rolling := c.New.(*appsv1.StatefulSet).Spec.UpdateStrategy.RollingUpdate; rolling != nil && c.Sub == nil {
			if c.Op != resource.OpUpdate || !limitsUnavailable(c.Old.(*appsv1.StatefulSet)) {
				rolling.MaxUnavailable = nil
			}
		}
		return nil
	}
	return r
}

func limitsUnavailable(s *appsv1.StatefulSet) bool {
	r := s.Spec.UpdateStrategy.RollingUpdate
	return r != nil && r.MaxUnavailable != nil
}

// DaemonSet counts the changes of its template in an annotation that older versions had as a field.
func DaemonSet() *resource.Resource {
	r := describe.Kind{
		Plural: "daemonsets", Kind: "DaemonSet", Short: []string{"ds"}, Categories: []string{"all"},
		Versions: v1[appsv1.DaemonSet](), Status: true, Rules: resource.Rules{Generation: describe.Spec},
	}.Resource()
	r.Prepare = prepareDaemonSet
	return r
}

var template = schema.Paths{"spec": {"template": nil}}

func prepareDaemonSet(_ context.Context, c *resource.Change) error {
	ds := c.New.(*appsv1.DaemonSet)
	n := templateGeneration(ds)
	switch {
	case c.Op == resource.OpCreate:
		n = max(n, 1)
	case c.Sub == nil:
		n = templateGeneration(c.Old.(*appsv1.DaemonSet))
		if !resource.EqualPaths(c.Old, c.New, template) {
			n++
		}
	default:
		n = templateGeneration(c.Old.(*appsv1.DaemonSet))
	}
	if want := strconv.FormatInt(n, 10); ds.Annotations[appsv1.DeprecatedTemplateGeneration] != want {
		ds.Annotations = maps.Clone(ds.Annotations)
		if ds.Annotations == nil {
			ds.Annotations = map[string]string{}
		}
		ds.Annotations[appsv1.DeprecatedTemplateGeneration] = want
	}
	return nil
}

func templateGeneration(ds *appsv1.DaemonSet) int64 {
	n, _ := strconv.ParseInt(ds.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	return n
}
