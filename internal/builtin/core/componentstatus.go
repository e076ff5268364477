package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// ComponentStatus is asked, not stored.
func ComponentStatus(d resource.Deps) *resource.Resource {
	r := describe.Kind{
		Plural: "componentstatuses", Kind: "ComponentStatus", Short: []string{"cs"}, Cluster: true,
		Verbs: resource.Get | resource.List, Virtual: true, Versions: v1[corev1.ComponentStatus](),
	}.Resource()
	r.Objects = func(ctx context.Context, _ *resource.Change) ([]object.Object, error) {
		if d.Components == nil {
			return nil, nil
		}
		list := d.Components(ctx)
		out := make([]object.Object, len(list))
		for i := range list {
			out[i] = &list[i]
		}
		return out, nil
	}
	return r
}
