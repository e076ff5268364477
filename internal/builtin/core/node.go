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

// defaultNode keeps podCIDR and podCIDRs alike, the former being the older one that counts, and takes what a node
// can give away to be all that it has.
func defaultNode(n *corev1.Node) {
	if cidr := n.Spec.PodCIDR; cidr != "" && (len(n.Spec.PodCIDRs) == 0 || n.Spec.PodCIDRs[0] != cidr) {
		n.Spec.PodCIDRs = []string{cidr}
	} else if cidr == "" && len(n.Spec.PodCIDRs) > 0 {
		n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	}
	if n.Status.Allocatable == nil && n.Status.Capacity != nil {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
}
