// Package resource describes the kinds of the group resource.k8s.io: devices and the claims to them. It has nothing
// to do with the descriptor of that name.
//
// Concurrency: hooks keep no state.
package resource

import (
	"context"
	"fmt"

	v1 "k8s.io/api/resource/v1"
	"k8s.io/api/resource/v1alpha3"
	"k8s.io/api/resource/v1beta1"
	"k8s.io/api/resource/v1beta2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "resource.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{
		describe.Kind{
			Plural: "deviceclasses", ReturnDeleted: true, Kind: "DeviceClass", Cluster: true, Rules: resource.Rules{Generation: describe.Spec},
			Versions: versions[v1.DeviceClass, v1beta2.DeviceClass, v1beta1.DeviceClass](nil),
		}.Resource(),
		TaintRule(),
		describe.Kind{
			Plural: "resourceclaims", ReturnDeleted: true, Kind: "ResourceClaim", Status: true, StatusReset: describe.SpecAndMeta,
			Versions: versions[v1.ResourceClaim, v1beta2.ResourceClaim, v1beta1.ResourceClaim](moveClaim),
		}.Resource(),
		describe.Kind{
			Plural: "resourceclaimtemplates", ReturnDeleted: true, Kind: "ResourceClaimTemplate",
			Versions: versions[v1.ResourceClaimTemplate, v1beta2.ResourceClaimTemplate, v1beta1.ResourceClaimTemplate](moveTemplate),
		}.Resource(),
		describe.Kind{
			Plural: "resourcepoolstatusrequests", ReturnDeleted: true, Kind: "ResourcePoolStatusRequest", Cluster: true, Conditional: true,
			Versions: []resource.Version{describe.Off(describe.Version[v1alpha3.ResourcePoolStatusRequest](group, "v1alpha3"))},
			Status:   true, StatusReset: describe.SpecAndMeta,
		}.Resource(),
		Slice(),
	}
}

// versions are those of most kinds here. v1beta1 may differ in more than its name.
func versions[V1, V1beta2, V1beta1 any, P1 interface {
	*V1
	object.Object
}, P2 interface {
	*V1beta2
	object.Object
}, P3 interface {
	*V1beta1
	object.Object
}](move func(tree map[string]any, toV1beta1 bool)) []resource.Version {
	oldest := describe.Off(describe.Version[V1beta1, P3](group, "v1beta1"))
	oldest.Convert = moving[V1, V1beta2, V1beta1, P1, P2, P3](move)
	return []resource.Version{
		describe.Version[V1, P1](group, "v1"),
		describe.Off(describe.Version[V1beta2, P2](group, "v1beta2")),
		oldest,
	}
}

func Slice() *resource.Resource {
	r := describe.Kind{
		Plural: "resourceslices", ReturnDeleted: true, Kind: "ResourceSlice", Cluster: true, Rules: resource.Rules{Generation: describe.Spec},
		Versions: versions[v1.ResourceSlice, v1beta2.ResourceSlice, v1beta1.ResourceSlice](moveSlice),
		Fields: map[string]func(object.Object) string{
			v1.ResourceSliceSelectorNodeName: describe.Field(func(s *v1.ResourceSlice) string {
				if s.Spec.NodeName == nil {
					return ""
				}
				return *s.Spec.NodeName
			}),
			v1.ResourceSliceSelectorDriver: describe.Field(func(s *v1.ResourceSlice) string { return s.Spec.Driver }),
		},
	}.Resource()
	for i := range r.Versions {
		gvk := r.Versions[i].Codec.Kind
		r.Versions[i].FieldError = func(label string) string { return fmt.Sprintf("field label not supported for %s: %s", gvk, label) }
	}
	return r
}

func TaintRule() *resource.Resource {
	r := describe.Kind{
		Plural: "devicetaintrules", ReturnDeleted: true, Kind: "DeviceTaintRule", Cluster: true, Rules: resource.Rules{Generation: describe.Spec},
		Status: true, StatusReset: describe.SpecAndMeta,
		Versions: []resource.Version{
			describe.Off(describe.Version[v1beta2.DeviceTaintRule](group, "v1beta2")),
			describe.Stored(describe.Off(describe.Version[v1alpha3.DeviceTaintRule](group, "v1alpha3"))),
		},
	}.Resource()
	// A taint that changes its effect is new.
	r.Prepare = func(_ context.Context, c *resource.Change) error {
		if c.Op != resource.OpUpdate || c.Sub != nil {
			return nil
		}
		now, was := &c.New.(*v1alpha3.DeviceTaintRule).Spec.Taint, &c.Old.(*v1alpha3.DeviceTaintRule).Spec.Taint
		if now.Effect != was.Effect && now.TimeAdded.Equal(was.TimeAdded) {
			now.TimeAdded = &metav1.Time{Time: c.Now.Truncate(1e9)}
		}
		return nil
	}
	return r
}
