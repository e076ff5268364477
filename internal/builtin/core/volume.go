package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

func PersistentVolume() *resource.Resource {
	r := describe.Kind{
		Plural: "persistentvolumes", ReturnDeleted: true, Kind: "PersistentVolume", Short: []string{"pv"}, Cluster: true,
		Versions: v1[corev1.PersistentVolume](), Status: true,
	}.Resource()
	r.Prepare = preparePersistentVolume
	return r
}

// preparePersistentVolume notes when the phase changed last, unless the writer says when.
func preparePersistentVolume(_ context.Context, c *resource.Change) error {
	pv := c.New.(*corev1.PersistentVolume)
	now := metav1.NewTime(c.Now)
	switch {
	case c.Op == resource.OpCreate:
		pv.Status.Phase = corev1.VolumePending
		pv.Status.LastPhaseTransitionTime = &now
	case c.Sub != nil && c.Sub.Name == "status":
		old := &c.Old.(*corev1.PersistentVolume).Status
		given := pv.Status.LastPhaseTransitionTime
		switch {
		case old.Phase == pv.Status.Phase && given == nil:
			pv.Status.LastPhaseTransitionTime = old.LastPhaseTransitionTime
		case old.Phase != pv.Status.Phase && (given == nil || given.Equal(old.LastPhaseTransitionTime)):
			pv.Status.LastPhaseTransitionTime = &now
		}
	}
	return nil
}

func PersistentVolumeClaim() *resource.Resource {
	r := describe.Kind{
		Plural: "persistentvolumeclaims", ReturnDeleted: true, Kind: "PersistentVolumeClaim", Short: []string{"pvc"},
		Versions: v1[corev1.PersistentVolumeClaim](), Status: true,
	}.Resource()
	r.Prepare = preparePersistentVolumeClaim
	return r
}

// preparePersistentVolumeClaim keeps dataSource and dataSourceRef alike where either is given alone.
func preparePersistentVolumeClaim(_ context.Context, c *resource.Change) error {
	if c.Sub != nil {
		return nil
	}
	spec := &c.New.(*corev1.PersistentVolumeClaim).Spec
	var old corev1.PersistentVolumeClaimSpec
	if c.Op == resource.OpUpdate {
		old = c.Old.(*corev1.PersistentVolumeClaim).Spec
	}
	// A source in another namespace is behind a feature gate that is off.
	if ref := spec.DataSourceRef; ref != nil && ref.Namespace != nil && *ref.Namespace != "" && old.DataSourceRef == nil {
		spec.DataSourceRef = nil
	}
	// From dataSource alone, what cannot be one is dropped without a word.
	if old.DataSource == nil && old.DataSourceRef == nil && spec.DataSourceRef == nil {
		if s := spec.DataSource; s != nil && !isDataSource(s.Kind, s.APIGroup) {
			spec.DataSource = nil
		}
	}
	switch {
	case spec.DataSource != nil && spec.DataSourceRef == nil:
		spec.DataSourceRef = &corev1.TypedObjectReference{Kind: spec.DataSource.Kind, Name: spec.DataSource.Name}
		if g := spec.DataSource.APIGroup; g != nil {
			group := *g
			spec.DataSourceRef.APIGroup = &group
		}
	case spec.DataSourceRef != nil && spec.DataSource == nil:
		if ns := spec.DataSourceRef.Namespace; ns == nil || *ns == "" {
			spec.DataSource = &corev1.TypedLocalObjectReference{Kind: spec.DataSourceRef.Kind, Name: spec.DataSourceRef.Name}
			if g := spec.DataSourceRef.APIGroup; g != nil {
				group := *g
				spec.DataSource.APIGroup = &group
			}
		}
	}
	return nil
}

func isDataSource(kind string, group *string) bool {
	g := ""
	if group != nil {
		g = *group
	}
	return kind == "PersistentVolumeClaim" && g == "" || kind == "VolumeSnapshot" && g == "snapshot.storage.k8s.io"
}
