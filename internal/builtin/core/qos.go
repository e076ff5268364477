package core

import (
	corev1 "k8s.io/api/core/v1"
)

// qosClass is how well the node treats a pod under pressure. Only cpu and memory above zero count, summed over the
// containers or, when the pod has resources of its own, taken from there.
func qosClass(spec *corev1.PodSpec) corev1.PodQOSClass {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	guaranteed := true
	count := func(r *corev1.ResourceRequirements, needLimits bool) {
		addQOS(requests, r.Requests)
		if n := addQOS(limits, r.Limits); n < 2 && needLimits {
			guaranteed = false
		}
	}
	if spec.Resources != nil {
		count(spec.Resources, len(spec.Resources.Limits) > 0)
	} else {
		for i := range spec.Containers {
			count(&spec.Containers[i].Resources, true)
		}
		for i := range spec.InitContainers {
			count(&spec.InitContainers[i].Resources, true)
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return corev1.PodQOSBestEffort
	}
	for name, req := range requests {
		if lim, ok := limits[name]; !ok || lim.Cmp(req) != 0 {
			guaranteed = false
		}
	}
	if guaranteed && len(requests) == len(limits) {
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

// addQOS adds what counts of list to sum, and says how many that were.
func addQOS(sum, list corev1.ResourceList) (n int) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		q, ok := list[name]
		if !ok || q.Sign() <= 0 {
			continue
		}
		n++
		total := q.DeepCopy()
		total.Add(sum[name])
		sum[name] = total
	}
	return n
}
