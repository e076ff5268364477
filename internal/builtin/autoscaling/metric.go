package autoscaling

import (
	v1 "k8s.io/api/autoscaling/v1"
	v2 "k8s.io/api/autoscaling/v2"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
)

// One metric, to and fro: what v2 says with a target, v1 says with a field for each kind of target.

// either is the target that a value makes, or else the other kind.
func either(set bool, yes, no v2.MetricTargetType) v2.MetricTargetType {
	if set {
		return yes
	}
	return no
}

func quantity(q *apiresource.Quantity) (out apiresource.Quantity) {
	if q != nil {
		out = *q
	}
	return out
}

func metricToV2(in *v1.MetricSpec) v2.MetricSpec {
	out := v2.MetricSpec{Type: v2.MetricSourceType(in.Type)}
	if m := in.Object; m != nil {
		target := v2.MetricTarget{Type: v2.ValueMetricType, AverageValue: m.AverageValue}
		// v1 cannot leave the value out, so beside an average a zero means none.
		if m.AverageValue == nil || !m.TargetValue.IsZero() {
			v := m.TargetValue
			target.Value = &v
		}
		if m.AverageValue != nil {
			target.Type = v2.AverageValueMetricType
		}
		out.Object = &v2.ObjectMetricSource{
			DescribedObject: v2.CrossVersionObjectReference(m.Target), Target: target,
			Metric: v2.MetricIdentifier{Name: m.MetricName, Selector: m.Selector},
		}
	}
	if m := in.Pods; m != nil {
		v := m.TargetAverageValue
		out.Pods = &v2.PodsMetricSource{
			Metric: v2.MetricIdentifier{Name: m.MetricName, Selector: m.Selector},
			Target: v2.MetricTarget{Type: v2.AverageValueMetricType, AverageValue: &v},
		}
	}
	if m := in.Resource; m != nil {
		out.Resource = &v2.ResourceMetricSource{Name: m.Name, Target: utilization(m.TargetAverageUtilization, m.TargetAverageValue)}
	}
	if m := in.ContainerResource; m != nil {
		out.ContainerResource = &v2.ContainerResourceMetricSource{
			Name: m.Name, Container: m.Container, Target: utilization(m.TargetAverageUtilization, m.TargetAverageValue),
		}
	}
	if m := in.External; m != nil {
		out.External = &v2.ExternalMetricSource{
			Metric: v2.MetricIdentifier{Name: m.MetricName, Selector: m.MetricSelector},
			Target: v2.MetricTarget{
				Type:  either(m.TargetValue != nil, v2.ValueMetricType, v2.AverageValueMetricType),
				Value: m.TargetValue, AverageValue: m.TargetAverageValue,
			},
		}
	}
	return out
}

func utilization(percent *int32, average *apiresource.Quantity) v2.MetricTarget {
	return v2.MetricTarget{
		Type:               either(percent != nil, v2.UtilizationMetricType, v2.AverageValueMetricType),
		AverageUtilization: percent, AverageValue: average,
	}
}

func metricToV1(in *v2.MetricSpec) v1.MetricSpec {
	out := v1.MetricSpec{Type: v1.MetricSourceType(in.Type)}
	if m := in.Object; m != nil {
		out.Object = &v1.ObjectMetricSource{
			Target: v1.CrossVersionObjectReference(m.DescribedObject), MetricName: m.Metric.Name, Selector: m.Metric.Selector,
			TargetValue: quantity(m.Target.Value), AverageValue: m.Target.AverageValue,
		}
	}
	if m := in.Pods; m != nil {
		out.Pods = &v1.PodsMetricSource{
			MetricName: m.Metric.Name, Selector: m.Metric.Selector, TargetAverageValue: quantity(m.Target.AverageValue),
		}
	}
	if m := in.Resource; m != nil {
		out.Resource = &v1.ResourceMetricSource{
			Name: m.Name, TargetAverageUtilization: m.Target.AverageUtilization, TargetAverageValue: m.Target.AverageValue,
		}
	}
	if m := in.ContainerResource; m != nil {
		out.ContainerResource = &v1.ContainerResourceMetricSource{
			Name: m.Name, Container: m.Container, TargetAverageUtilization: m.Target.AverageUtilization, TargetAverageValue: m.Target.AverageValue,
		}
	}
	if m := in.External; m != nil {
		out.External = &v1.ExternalMetricSource{
			MetricName: m.Metric.Name, MetricSelector: m.Metric.Selector, TargetValue: m.Target.Value, TargetAverageValue: m.Target.AverageValue,
		}
	}
	return out
}

func statusToV2(in *v1.MetricStatus) v2.MetricStatus {
	out := v2.MetricStatus{Type: v2.MetricSourceType(in.Type)}
	if m := in.Object; m != nil {
		v := m.CurrentValue
		out.Object = &v2.ObjectMetricStatus{
			Metric:  v2.MetricIdentifier{Name: m.MetricName, Selector: m.Selector},
			Current: v2.MetricValueStatus{Value: &v, AverageValue: m.AverageValue}, DescribedObject: v2.CrossVersionObjectReference(m.Target),
		}
	}
	if m := in.Pods; m != nil {
		v := m.CurrentAverageValue
		out.Pods = &v2.PodsMetricStatus{
			Metric: v2.MetricIdentifier{Name: m.MetricName, Selector: m.Selector}, Current: v2.MetricValueStatus{AverageValue: &v},
		}
	}
	if m := in.Resource; m != nil {
		v := m.CurrentAverageValue
		out.Resource = &v2.ResourceMetricStatus{
			Name: m.Name, Current: v2.MetricValueStatus{AverageValue: &v, AverageUtilization: m.CurrentAverageUtilization},
		}
	}
	if m := in.ContainerResource; m != nil {
		v := m.CurrentAverageValue
		out.ContainerResource = &v2.ContainerResourceMetricStatus{
			Name: m.Name, Container: m.Container,
			Current: v2.MetricValueStatus{AverageValue: &v, AverageUtilization: m.CurrentAverageUtilization},
		}
	}
	if m := in.External; m != nil {
		v := m.CurrentValue
		out.External = &v2.ExternalMetricStatus{
			Metric:  v2.MetricIdentifier{Name: m.MetricName, Selector: m.MetricSelector},
			Current: v2.MetricValueStatus{Value: &v, AverageValue: m.CurrentAverageValue},
		}
	}
	return out
}

func statusToV1(in *v2.MetricStatus) v1.MetricStatus {
	out := v1.MetricStatus{Type: v1.MetricSourceType(in.Type)}
	if m := in.Object; m != nil {
		out.Object = &v1.ObjectMetricStatus{
			Target: v1.CrossVersionObjectReference(m.DescribedObject), MetricName: m.Metric.Name, Selector: m.Metric.Selector,
			CurrentValue: quantity(m.Current.Value), AverageValue: m.Current.AverageValue,
		}
	}
	if m := in.Pods; m != nil {
		out.Pods = &v1.PodsMetricStatus{
			MetricName: m.Metric.Name, Selector: m.Metric.Selector, CurrentAverageValue: quantity(m.Current.AverageValue),
		}
	}
	if m := in.Resource; m != nil {
		out.Resource = &v1.ResourceMetricStatus{
			Name: m.Name, CurrentAverageUtilization: m.Current.AverageUtilization, CurrentAverageValue: quantity(m.Current.AverageValue),
		}
	}
	if m := in.ContainerResource; m != nil {
		out.ContainerResource = &v1.ContainerResourceMetricStatus{
			Name: m.Name, Container: m.Container, CurrentAverageUtilization: m.Current.AverageUtilization,
			CurrentAverageValue: quantity(m.Current.AverageValue),
		}
	}
	if m := in.External; m != nil {
		out.External = &v1.ExternalMetricStatus{
			MetricName: m.Metric.Name, MetricSelector: m.Metric.Selector,
			CurrentValue: quantity(m.Current.Value), CurrentAverageValue: m.Current.AverageValue,
		}
	}
	return out
}
