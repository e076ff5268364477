package autoscaling

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	v1 "k8s.io/api/autoscaling/v1"
	v2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
)

// The annotations in which a v1 object carries what only v2 has fields for.
const (
	metricsAnnotation    = "autoscaling.alpha.kubernetes.io/metrics"
	statusesAnnotation   = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation   = "autoscaling.alpha.kubernetes.io/behavior"
	downAnnotation       = "autoscaling.alpha.kubernetes.io/scale-down-tolerance"
	upAnnotation         = "autoscaling.alpha.kubernetes.io/scale-up-tolerance"
)

// behavior is v2's, written with the names that its fields have in Go.
type behavior struct{ ScaleUp, ScaleDown *rules }

type rules struct {
	StabilizationWindowSeconds *int32
	SelectPolicy               *v2.ScalingPolicySelect
	Policies                   []policy
	Tolerance                  *apiresource.Quantity
}

type policy struct {
	Type          v2.HPAScalingPolicyType
	Value         int32
	PeriodSeconds int32
}

func convert(_ context.Context, objs []object.Object, to string) ([]object.Object, error) {
	out := make([]object.Object, len(objs))
	for i, o := range objs {
		var err error
		switch h := o.(type) {
		case *v1.HorizontalPodAutoscaler:
			out[i] = toV2(h)
		case *v2.HorizontalPodAutoscaler:
			out[i], err = toV1(h)
		default:
			err = fmt.Errorf("%T is no HorizontalPodAutoscaler", o)
		}
		if err != nil {
			return nil, err
		}
		out[i].GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(to, "HorizontalPodAutoscaler"))
	}
	return out, nil
}

// dropAnnotations takes away what only conversion writes.
func dropAnnotations(o object.Object) {
	old := o.GetAnnotations()
	var left map[string]string
	for _, key := range []string{metricsAnnotation, behaviorAnnotation, downAnnotation, upAnnotation, statusesAnnotation, conditionsAnnotation} {
		if _, ok := old[key]; !ok {
			continue
		}
		if left == nil {
			left = maps.Clone(old)
		}
		delete(left, key)
	}
	if left != nil {
		o.SetAnnotations(left)
	}
}

func toV2(in *v1.HorizontalPodAutoscaler) *v2.HorizontalPodAutoscaler {
	out := &v2.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: v2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: v2.CrossVersionObjectReference(in.Spec.ScaleTargetRef), MinReplicas: in.Spec.MinReplicas, MaxReplicas: in.Spec.MaxReplicas,
		},
		Status: v2.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration, LastScaleTime: in.Status.LastScaleTime,
			CurrentReplicas: in.Status.CurrentReplicas, DesiredReplicas: in.Status.DesiredReplicas,
		},
	}
	// An annotation that cannot be read is as good as none.
	var metrics []v1.MetricSpec
	if read(in.Annotations, metricsAnnotation, &metrics) {
		for i := range metrics {
			out.Spec.Metrics = append(out.Spec.Metrics, metricToV2(&metrics[i]))
		}
	}
	if p := in.Spec.TargetCPUUtilizationPercentage; p != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(*p))
	}
	if len(out.Spec.Metrics) == 0 {
		out.Spec.Metrics = []v2.MetricSpec{cpuMetric(80)}
	}
	var b behavior
	if read(in.Annotations, behaviorAnnotation, &b) && b != (behavior{}) {
		out.Spec.Behavior = &v2.HorizontalPodAutoscalerBehavior{ScaleUp: b.ScaleUp.toV2(), ScaleDown: b.ScaleDown.toV2()}
	}
	var statuses []v1.MetricStatus
	if read(in.Annotations, statusesAnnotation, &statuses) {
		out.Status.CurrentMetrics = make([]v2.MetricStatus, len(statuses))
		for i := range statuses {
			out.Status.CurrentMetrics[i] = statusToV2(&statuses[i])
		}
	} else if p := in.Status.CurrentCPUUtilizationPercentage; p != nil {
		used := *p
		out.Status.CurrentMetrics = []v2.MetricStatus{{
			Type:     v2.ResourceMetricSourceType,
			Resource: &v2.ResourceMetricStatus{Name: corev1.ResourceCPU, Current: v2.MetricValueStatus{AverageUtilization: &used}},
		}}
	}
	var conditions []v1.HorizontalPodAutoscalerCondition
	if read(in.Annotations, conditionsAnnotation, &conditions) {
		out.Status.Conditions = make([]v2.HorizontalPodAutoscalerCondition, len(conditions))
		for i, c := range conditions {
			out.Status.Conditions[i] = v2.HorizontalPodAutoscalerCondition{
				Type: v2.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime,
				Reason: c.Reason, Message: c.Message,
			}
		}
	}
	dropAnnotations(out)
	return out
}

func read(annotations map[string]string, key string, into any) bool {
	text, ok := annotations[key]
	return ok && json.Unmarshal([]byte(text), into) == nil
}

func cpuMetric(percent int32) v2.MetricSpec {
	return v2.MetricSpec{Type: v2.ResourceMetricSourceType, Resource: &v2.ResourceMetricSource{
		Name: corev1.ResourceCPU, Target: v2.MetricTarget{Type: v2.UtilizationMetricType, AverageUtilization: &percent},
	}}
}

// isCPU says whether v1 has a field for the metric.
func isCPU(m *v2.MetricSpec) bool {
	return m.Type == v2.ResourceMetricSourceType && m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Target.AverageUtilization != nil
}

func toV1(in *v2.HorizontalPodAutoscaler) (*v1.HorizontalPodAutoscaler, error) {
	out := &v1.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: v1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: v1.CrossVersionObjectReference(in.Spec.ScaleTargetRef), MinReplicas: in.Spec.MinReplicas, MaxReplicas: in.Spec.MaxReplicas,
		},
		Status: v1.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration, LastScaleTime: in.Status.LastScaleTime,
			CurrentReplicas: in.Status.CurrentReplicas, DesiredReplicas: in.Status.DesiredReplicas,
		},
	}
	dropAnnotations(out)
	copied := false
	write := func(key string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if !copied {
			copied = true
			if out.Annotations = maps.Clone(out.Annotations); out.Annotations == nil {
				out.Annotations = map[string]string{}
			}
		}
		out.Annotations[key] = string(text)
		return nil
	}
	var others []v1.MetricSpec
	for i := range in.Spec.Metrics {
		m := &in.Spec.Metrics[i]
		switch {
		case !isCPU(m):
			others = append(others, metricToV1(m))
		case out.Spec.TargetCPUUtilizationPercentage == nil:
			percent := *m.Resource.Target.AverageUtilization
			out.Spec.TargetCPUUtilizationPercentage = &percent
		}
	}
	if len(others) > 0 {
		if err := write(metricsAnnotation, others); err != nil {
			return nil, err
		}
	}
	if len(in.Status.CurrentMetrics) > 0 {
		statuses := make([]v1.MetricStatus, len(in.Status.CurrentMetrics))
		for i := range in.Status.CurrentMetrics {
			m := &in.Status.CurrentMetrics[i]
			statuses[i] = statusToV1(m)
			if m.Type == v2.ResourceMetricSourceType && m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Current.AverageUtilization != nil {
				used := *m.Resource.Current.AverageUtilization
				out.Status.CurrentCPUUtilizationPercentage = &used
			}
		}
		if err := write(statusesAnnotation, statuses); err != nil {
			return nil, err
		}
	}
	if b := in.Spec.Behavior; b != nil {
		if err := write(behaviorAnnotation, behavior{ScaleUp: rulesOf(b.ScaleUp), ScaleDown: rulesOf(b.ScaleDown)}); err != nil {
			return nil, err
		}
	}
	if len(in.Status.Conditions) > 0 {
		conditions := make([]v1.HorizontalPodAutoscalerCondition, len(in.Status.Conditions))
		for i, c := range in.Status.Conditions {
			conditions[i] = v1.HorizontalPodAutoscalerCondition{
				Type: v1.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime,
				Reason: c.Reason, Message: c.Message,
			}
		}
		if err := write(conditionsAnnotation, conditions); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *rules) toV2() *v2.HPAScalingRules {
	if r == nil {
		return nil
	}
	out := &v2.HPAScalingRules{StabilizationWindowSeconds: r.StabilizationWindowSeconds, SelectPolicy: r.SelectPolicy, Tolerance: r.Tolerance}
	if r.Policies != nil {
		out.Policies = make([]v2.HPAScalingPolicy, len(r.Policies))
		for i, p := range r.Policies {
			out.Policies[i] = v2.HPAScalingPolicy(p)
		}
	}
	return out
}

func rulesOf(r *v2.HPAScalingRules) *rules {
	if r == nil {
		return nil
	}
	out := &rules{StabilizationWindowSeconds: r.StabilizationWindowSeconds, SelectPolicy: r.SelectPolicy, Tolerance: r.Tolerance}
	if r.Policies != nil {
		out.Policies = make([]policy, len(r.Policies))
		for i, p := range r.Policies {
			out.Policies[i] = policy(p)
		}
	}
	return out
}
