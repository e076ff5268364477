package core

import (
	"context"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// Pod is the kind with the most subresources. What needs a kubelet, and eviction, has names and verbs only.
func Pod() *resource.Resource {
	r := describe.Kind{
		Plural: "pods", ReturnDeleted: true, Kind: "Pod", Short: []string{"po"}, Categories: []string{"all"}, Versions: v1[corev1.Pod](),
		Status: true,
		StatusReset: pschema.Paths{
			"spec": nil, "metadata": {"deletionTimestamp": nil, "ownerReferences": nil},
		},
		Rules: resource.Rules{Generation: describe.Spec, Grace: podGrace},
		Subs: []resource.Subresource{
			{Name: "attach", Kind: v1Kind("PodAttachOptions"), Verbs: describe.Streams},
			binding(),
			// Prepare keeps what these and resize must not change; who writes through them owns all that was sent, as in
			// the reference, whose storage never asks its strategies' filters.
			{Name: "ephemeralcontainers", Verbs: describe.Write, Parent: true, Generation: true},
			{
				Name: "eviction", Kind: schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "Eviction"},
				Verbs: resource.Create, Body: func() object.Object { return &policyv1.Eviction{} },
			},
			{Name: "exec", Kind: v1Kind("PodExecOptions"), Verbs: describe.Streams},
			{Name: "log", Verbs: resource.Get},
			{Name: "portforward", Kind: v1Kind("PodPortForwardOptions"), Verbs: describe.Streams},
			proxy("PodProxyOptions"),
			{Name: "resize", Verbs: describe.Write, Parent: true, Generation: true},
		},
		FieldError: describe.Unsupported,
		Fields:     podFields(),
	}.Resource()
	r.Prepare = preparePod
	return r
}

func v1Kind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: kind}
}

func podFields() map[string]func(object.Object) string {
	node := describe.Field(func(p *corev1.Pod) string { return p.Spec.NodeName })
	return map[string]func(object.Object) string{
		"spec.nodeName":           node,
		"spec.host":               node, // as old clients call it
		"spec.restartPolicy":      describe.Field(func(p *corev1.Pod) string { return string(p.Spec.RestartPolicy) }),
		"spec.schedulerName":      describe.Field(func(p *corev1.Pod) string { return p.Spec.SchedulerName }),
		"spec.serviceAccountName": describe.Field(func(p *corev1.Pod) string { return p.Spec.ServiceAccountName }),
		"spec.hostNetwork":        describe.Field(func(p *corev1.Pod) string { return strconv.FormatBool(p.Spec.HostNetwork) }),
		"status.phase":            describe.Field(func(p *corev1.Pod) string { return string(p.Status.Phase) }),
		"status.podIP": describe.Field(func(p *corev1.Pod) string {
			if len(p.Status.PodIPs) > 0 {
				return p.Status.PodIPs[0].IP
			}
			return p.Status.PodIP
		}),
		// Known, but empty on every pod: that is how it is.
		"status.podIPs":            func(object.Object) string { return "" },
		"status.nominatedNodeName": describe.Field(func(p *corev1.Pod) string { return p.Status.NominatedNodeName }),
	}
}

// podGrace is how long the kubelet has: the wish, or what the pod says, but no time at all when no kubelet runs it.
func podGrace(o object.Object, wish *int64) int64 {
	pod := o.(*corev1.Pod)
	period := int64(0)
	switch {
	case wish != nil:
		period = *wish
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		period = *pod.Spec.TerminationGracePeriodSeconds
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return 0
	}
	if period < 0 {
		return 1
	}
	return period
}

func preparePod(_ context.Context, c *resource.Change) error {
	pod := c.New.(*corev1.Pod)
	if c.Op == resource.OpCreate {
		pod.Status.Phase = corev1.PodPending
		pod.Status.QOSClass = qosClass(&pod.Spec)
		if len(pod.Spec.SchedulingGates) > 0 {
			setCondition(&pod.Status, corev1.PodCondition{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
				Message: "Scheduling is blocked due to non-empty scheduling gates",
			}, metav1.NewTime(c.Now))
		}
		matchLabelKeys(pod)
		return nil
	}
	if c.Sub == nil {
		return nil
	}
	old := c.Old.(*corev1.Pod)
	switch c.Sub.Name {
	case "status":
		if pod.Status.QOSClass == "" {
			pod.Status.QOSClass = old.Status.QOSClass
		}
		keepObservedGeneration(&pod.Status, &old.Status)
	case "ephemeralcontainers":
		containers := pod.Spec.EphemeralContainers
		keepParent(pod, old)
		pod.Spec.EphemeralContainers = containers
	case "resize":
		resize(pod, old)
	}
	return nil
}

// keepParent takes everything from the old pod that a write to a part of the spec must not change.
func keepParent(pod, old *corev1.Pod) {
	pod.Spec, pod.Status = old.Spec, old.Status
	resource.CopyPaths(pod, old, pschema.Paths{"metadata": describe.Meta})
}

// resize keeps the old pod but for resources and resize policies. Where containers came, went or changed places,
// everything is kept as it came, for validation to refuse.
func resize(pod, old *corev1.Pod) {
	if len(pod.Spec.Containers) != len(old.Spec.Containers) || len(pod.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return
	}
	resources := pod.Spec.Resources
	containers := resizeContainers(pod.Spec.Containers, old.Spec.Containers)
	initContainers := resizeContainers(pod.Spec.InitContainers, old.Spec.InitContainers)
	keepParent(pod, old)
	pod.Spec.Resources, pod.Spec.Containers, pod.Spec.InitContainers = resources, containers, initContainers
}

func resizeContainers(now, old []corev1.Container) []corev1.Container {
	if len(now) == 0 {
		return now
	}
	merged := append([]corev1.Container(nil), old...)
	for i := range now {
		if merged[i].Name != now[i].Name {
			return now
		}
		merged[i].Resources, merged[i].ResizePolicy = now[i].Resources, now[i].ResizePolicy
	}
	return merged
}

// keepObservedGeneration keeps what a kubelet too old to know of it would drop.
func keepObservedGeneration(status, old *corev1.PodStatus) {
	if status.ObservedGeneration == 0 {
		status.ObservedGeneration = old.ObservedGeneration
	}
	// The n-th condition of a type belongs to the n-th old one.
	used := make(map[corev1.PodConditionType]int, len(status.Conditions))
	for i := range status.Conditions {
		c := &status.Conditions[i]
		n := used[c.Type]
		used[c.Type]++
		if c.ObservedGeneration != 0 {
			continue
		}
		for j := range old.Conditions {
			if old.Conditions[j].Type != c.Type {
				continue
			}
			if n == 0 {
				c.ObservedGeneration = old.Conditions[j].ObservedGeneration
				break
			}
			n--
		}
	}
}

// setCondition sets a condition, and when it last changed its status.
func setCondition(status *corev1.PodStatus, set corev1.PodCondition, now metav1.Time) {
	set.LastTransitionTime = now
	for i := range status.Conditions {
		if old := &status.Conditions[i]; old.Type == set.Type {
			if old.Status == set.Status {
				set.LastTransitionTime = old.LastTransitionTime
			}
			*old = set
			return
		}
	}
	status.Conditions = append(status.Conditions, set)
}

// matchLabelKeys writes the pod's own values of matchLabelKeys and mismatchLabelKeys into the selectors beside them.
func matchLabelKeys(pod *corev1.Pod) {
	add := func(sel *metav1.LabelSelector, keys []string, op metav1.LabelSelectorOperator) {
		if sel == nil {
			return
		}
		for _, key := range keys {
			if value, ok := pod.Labels[key]; ok {
				sel.MatchExpressions = append(sel.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: op, Values: []string{value}})
			}
		}
	}
	term := func(t *corev1.PodAffinityTerm) {
		add(t.LabelSelector, t.MatchLabelKeys, metav1.LabelSelectorOpIn)
		add(t.LabelSelector, t.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
	}
	terms := func(preferred []corev1.WeightedPodAffinityTerm, required []corev1.PodAffinityTerm) {
		for i := range preferred {
			term(&preferred[i].PodAffinityTerm)
		}
		for i := range required {
			term(&required[i])
		}
	}
	if a := pod.Spec.Affinity; a != nil {
		if p := a.PodAffinity; p != nil {
			terms(p.PreferredDuringSchedulingIgnoredDuringExecution, p.RequiredDuringSchedulingIgnoredDuringExecution)
		}
		if p := a.PodAntiAffinity; p != nil {
			terms(p.PreferredDuringSchedulingIgnoredDuringExecution, p.RequiredDuringSchedulingIgnoredDuringExecution)
		}
	}
	for i := range pod.Spec.TopologySpreadConstraints {
		t := &pod.Spec.TopologySpreadConstraints[i]
		add(t.LabelSelector, t.MatchLabelKeys, metav1.LabelSelectorOpIn)
	}
}
