package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
)

// LimitRange is the one kind that gets a name when it comes without any.
func LimitRange(d resource.Deps) *resource.Resource {
	r := describe.Kind{
		Plural: "limitranges", Kind: "LimitRange", Short: []string{"limits"}, Versions: v1[corev1.LimitRange](), CreateOnUpdate: true,
	}.Resource()
	r.Prepare = func(_ context.Context, c *resource.Change) error {
		if c.Op == resource.OpCreate && c.New.GetName() == "" && d.NewUID != nil {
			c.New.SetName(d.NewUID())
		}
		return nil
	}
	return r
}
