// Package storage describes the kinds of the group storage.k8s.io.
//
// Concurrency: hooks keep no state.
package storage

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	storagev1beta1 "k8s.io/api/storage/v1beta1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "storage.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{
		CSIDriver(),
		describe.Kind{
			Plural: "csinodes", ReturnDeleted: true, Kind: "CSINode", Cluster: true, Conditional: true, Versions: v1[storagev1.CSINode](),
		}.Resource(),
		describe.Kind{
			Plural: "csistoragecapacities", Kind: "CSIStorageCapacity", Conditional: true, Versions: v1[storagev1.CSIStorageCapacity](),
		}.Resource(),
		StorageClass(),
		describe.Kind{
			Plural: "volumeattachments", ReturnDeleted: true, Kind: "VolumeAttachment", Cluster: true, Conditional: true,
			Versions: v1[storagev1.VolumeAttachment](), Status: true, StatusReset: describe.SpecAndMeta,
		}.Resource(),
		describe.Kind{
			Plural: "volumeattributesclasses", ReturnDeleted: true, Kind: "VolumeAttributesClass", Short: []string{"vac"}, Cluster: true,
			Versions: append(v1[storagev1.VolumeAttributesClass](),
				describe.Off(describe.Version[storagev1beta1.VolumeAttributesClass](group, "v1beta1"))),
		}.Resource(),
	}
}

func v1[T any, P interface {
	*T
	object.Object
}]() []resource.Version {
	return []resource.Version{describe.Version[T, P](group, "v1")}
}

func StorageClass() *resource.Resource {
	r := describe.Kind{
		Plural: "storageclasses", ReturnDeleted: true, Kind: "StorageClass", Short: []string{"sc"}, Cluster: true, Versions: v1[storagev1.StorageClass](),
	}.Resource()
	r.Versions[0].Default = func(o object.Object) {
		c := o.(*storagev1.StorageClass)
		if c.ReclaimPolicy == nil {
			policy := corev1.PersistentVolumeReclaimDelete
			c.ReclaimPolicy = &policy
		}
		if c.VolumeBindingMode == nil {
			mode := storagev1.VolumeBindingImmediate
			c.VolumeBindingMode = &mode
		}
	}
	return r
}

// CSIDriver counts the changes of its spec from nothing: a new one has no generation.
func CSIDriver() *resource.Resource {
	r := describe.Kind{
		Plural: "csidrivers", ReturnDeleted: true, Kind: "CSIDriver", Cluster: true, Conditional: true, Versions: v1[storagev1.CSIDriver](),
	}.Resource()
	r.Prepare = func(_ context.Context, c *resource.Change) error {
		driver := c.New.(*storagev1.CSIDriver)
		var old storagev1.CSIDriver
		if c.Op == resource.OpUpdate {
			old = *c.Old.(*storagev1.CSIDriver)
		}
		// Behind a feature gate that is off.
		if old.Spec.PreventPodSchedulingIfMissing == nil {
			driver.Spec.PreventPodSchedulingIfMissing = nil
		}
		if c.Op == resource.OpUpdate && !resource.EqualPaths(c.Old, c.New, describe.Spec) {
			driver.Generation = old.Generation + 1
		}
		return nil
	}
	return r
}
