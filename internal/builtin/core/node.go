package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// prepareNode drops the fields of dynamic kubelet configuration, which is gone, unless the old object has them.
func prepareNode(_ context.Context, c *resource.Change) error {
	if c.Op != resource.OpUpdate {
		return nil
	}
	node, old := c.New.(*corev1.Node), c.Old.(*corev1.Node)
	if old.Spec.ConfigSource == nil {
		node.Spec.ConfigSource = nil
	}
	if old.Status.Config == nil {
		node.Status.Config = nil
	}
	return nil
}
