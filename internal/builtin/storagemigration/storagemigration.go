// Package storagemigration describes the kinds of the group storagemigration.k8s.io.
//
// Concurrency: hooks keep no state.
package storagemigration

import (
	"k8s.io/api/storagemigration/v1beta1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(d resource.Deps) describe.Kinds {
	return describe.Kinds{}.With(d, "StorageVersionMigrator", describe.Kind{
		Plural: "storageversionmigrations", Kind: "StorageVersionMigration", Cluster: true, Conditional: true,
		Versions: []resource.Version{
			describe.Off(describe.Version[v1beta1.StorageVersionMigration]("storagemigration.k8s.io", "v1beta1")),
		},
		Status: true, StatusReset: describe.SpecAndMeta,
	}.Resource())
}
