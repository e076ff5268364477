package core

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// prepareService drops on an update what no longer belongs to the service's type, where the writer did not touch it;
// what the writer did touch is for validation to refuse.
func prepareService(_ context.Context, c *resource.Change) error {
	if c.Op != resource.OpUpdate || c.Sub != nil {
		return nil
	}
	svc, old := c.New.(*corev1.Service), c.Old.(*corev1.Service)
	now, was := &svc.Spec, &old.Spec
	if was.Type != corev1.ServiceTypeExternalName && now.Type == corev1.ServiceTypeExternalName {
		if now.ClusterIP == was.ClusterIP && slices.Equal(now.ClusterIPs, was.ClusterIPs) {
			now.ClusterIP, now.ClusterIPs = "", nil
		}
		if slices.Equal(now.IPFamilies, was.IPFamilies) {
			now.IPFamilies = nil
		}
		if value(now.IPFamilyPolicy) == value(was.IPFamilyPolicy) {
			now.IPFamilyPolicy = nil
		}
	}
	if hasNodePorts(was) && !hasNodePorts(now) && noNewNodePort(was, now) {
		for i := range now.Ports {
			now.Ports[i].NodePort = 0
		}
	}
	if hasHealthPort(was) && !hasHealthPort(now) && now.HealthCheckNodePort == was.HealthCheckNodePort {
		now.HealthCheckNodePort = 0
	}
	balanced, wasBalanced := now.Type == corev1.ServiceTypeLoadBalancer, was.Type == corev1.ServiceTypeLoadBalancer
	if wasBalanced && !balanced {
		if a, b := now.AllocateLoadBalancerNodePorts, was.AllocateLoadBalancerNodePorts; a != nil && b != nil && *a == *b {
			now.AllocateLoadBalancerNodePorts = nil
		}
		if a, b := now.LoadBalancerClass, was.LoadBalancerClass; a != nil && b != nil && *a == *b {
			now.LoadBalancerClass = nil
		}
	}
	if reachable(was) && !reachable(now) && now.ExternalTrafficPolicy == was.ExternalTrafficPolicy {
		now.ExternalTrafficPolicy = ""
	}
	if !balanced {
		svc.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	}
	return nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func hasNodePorts(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer
}

func hasHealthPort(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeLoadBalancer && s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// reachable says whether the service can be reached from outside of the cluster.
func reachable(s *corev1.ServiceSpec) bool {
	return hasNodePorts(s) || s.Type == corev1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0
}

// noNewNodePort says whether each node port was there before.
func noNewNodePort(was, now *corev1.ServiceSpec) bool {
	for _, p := range now.Ports {
		if p.NodePort != 0 && !slices.ContainsFunc(was.Ports, func(q corev1.ServicePort) bool { return q.NodePort == p.NodePort }) {
			return false
		}
	}
	return true
}
