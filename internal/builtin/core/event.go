package core

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Event is one kind with two faces: what is stored is core/v1's, events.k8s.io/v1 has other names for its fields.
func Event(d resource.Deps) *resource.Resource {
	ttl := d.EventTTL
	if ttl == 0 {
		ttl = time.Hour
	}
	old, now := describe.Version[corev1.Event]("", "v1"), describe.Version[eventsv1.Event]("events.k8s.io", "v1")
	r := describe.Kind{
		Plural: "events", Kind: "Event", Short: []string{"ev"}, CreateOnUpdate: true,
		Versions:   []resource.Version{old, now},
		FieldError: describe.Unsupported,
		Rules: resource.Rules{
			DefaultGC: resource.GCUnsupported,
			TTL:       func(object.Object) time.Duration { return ttl },
		},
	}.Resource()
	r.Versions[0].Fields, r.Versions[1].Fields = eventFields()
	r.Versions[1].Convert = convertEvents
	return r
}

// eventFields are the selectors of the two versions, both over the stored one.
func eventFields() (coreV1, eventsV1 map[string]func(object.Object) string) {
	type get = func(*corev1.Event) string
	object1 := map[string]get{
		"kind":            func(e *corev1.Event) string { return e.InvolvedObject.Kind },
		"namespace":       func(e *corev1.Event) string { return e.InvolvedObject.Namespace },
		"name":            func(e *corev1.Event) string { return e.InvolvedObject.Name },
		"uid":             func(e *corev1.Event) string { return string(e.InvolvedObject.UID) },
		"apiVersion":      func(e *corev1.Event) string { return e.InvolvedObject.APIVersion },
		"resourceVersion": func(e *corev1.Event) string { return e.InvolvedObject.ResourceVersion },
		"fieldPath":       func(e *corev1.Event) string { return e.InvolvedObject.FieldPath },
	}
	reason := describe.Field(func(e *corev1.Event) string { return e.Reason })
	kind := describe.Field(func(e *corev1.Event) string { return e.Type })
	controller := describe.Field(func(e *corev1.Event) string { return e.ReportingController })
	coreV1 = map[string]func(object.Object) string{
		"reason": reason, "type": kind, "reportingComponent": controller,
		"source": describe.Field(func(e *corev1.Event) string {
			if e.Source.Component != "" {
				return e.Source.Component
			}
			return e.ReportingController
		}),
	}
	eventsV1 = map[string]func(object.Object) string{"reason": reason, "type": kind, "reportingController": controller}
	for name, g := range object1 {
		coreV1["involvedObject."+name] = describe.Field(g)
		eventsV1["regarding."+name] = describe.Field(g)
	}
	return coreV1, eventsV1
}

func convertEvents(_ context.Context, objs []object.Object, to string) ([]object.Object, error) {
	out := make([]object.Object, len(objs))
	for i, o := range objs {
		switch e := o.(type) {
		case *eventsv1.Event:
			out[i] = eventToCore(e)
		case *corev1.Event:
			out[i] = eventFromCore(e)
		default:
			return nil, fmt.Errorf("%T is no Event", o)
		}
		out[i].GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(to, "Event"))
	}
	return out, nil
}

func eventToCore(e *eventsv1.Event) *corev1.Event {
	out := &corev1.Event{
		ObjectMeta: e.ObjectMeta, InvolvedObject: e.Regarding, Related: e.Related, Reason: e.Reason, Message: e.Note,
		Type: e.Type, Action: e.Action, EventTime: e.EventTime,
		ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		Source: e.DeprecatedSource, FirstTimestamp: e.DeprecatedFirstTimestamp, LastTimestamp: e.DeprecatedLastTimestamp,
		Count: e.DeprecatedCount,
	}
	if e.Series != nil {
		out.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out
}

func eventFromCore(e *corev1.Event) *eventsv1.Event {
	out := &eventsv1.Event{
		ObjectMeta: e.ObjectMeta, Regarding: e.InvolvedObject, Related: e.Related, Reason: e.Reason, Note: e.Message,
		Type: e.Type, Action: e.Action, EventTime: e.EventTime,
		ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		DeprecatedSource: e.Source, DeprecatedFirstTimestamp: e.FirstTimestamp, DeprecatedLastTimestamp: e.LastTimestamp,
		DeprecatedCount: e.Count,
	}
	if e.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out
}
