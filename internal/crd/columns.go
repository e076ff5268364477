package crd

import (
	"encoding/json"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// columns are those of a version's tables: the name, and what the definition says or else the age. Definitions may
// have paths that nobody can read: the columns end before the first of them.
func columns(defs []v1.CustomResourceColumnDefinition) []resource.Column {
	about := metav1.ObjectMeta{}.SwaggerDoc()
	name := resource.Column{Name: "Name", Type: "string", Format: "name", Description: about["name"]}
	if len(defs) == 0 {
		// Name and Age without cells: their tables decode nothing.
		return []resource.Column{name, {Name: "Age", Type: "date", Description: about["creationTimestamp"]}}
	}
	name.Cell = func(o object.Object, _ time.Time) any { return o.GetName() }
	out := make([]resource.Column, 1, 1+len(defs))
	out[0] = name
	for i := range defs {
		d := &defs[i]
		p, err := newJSONPath(d.JSONPath)
		if err != nil {
			break
		}
		about := d.Description
		if about == "" {
			about = "Custom resource definition column (in JSONPath format): " + d.JSONPath
		}
		out = append(out, resource.Column{Name: d.Name, Type: d.Type, Format: d.Format, Description: about, Priority: d.Priority, Cell: cellOf(p, d.Type)})
	}
	return out
}

// cellOf makes a column's cells. What is not there, or not of the column's type, leaves its cell empty.
func cellOf(p jsonPath, kind string) func(object.Object, time.Time) any {
	return func(o object.Object, now time.Time) any {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return nil
		}
		value, ok := p.first(u.Object)
		if !ok {
			return nil
		}
		return cell(kind, value, now)
	}
}

func cell(kind string, value any, now time.Time) any {
	switch kind {
	case "string":
		switch value.(type) {
		case map[string]any, []any:
			b, err := json.Marshal(value)
			if err != nil {
				return nil
			}
			return string(b)
		}
		return printed(value)
	case "integer":
		switch n := value.(type) {
		case int64:
			return n
		case float64:
			return int64(n)
		}
	case "number":
		switch n := value.(type) {
		case int64:
			return float64(n)
		case float64:
			return n
		}
	case "boolean":
		if b, ok := value.(bool); ok {
			return b
		}
	case "date":
		if s, ok := value.(string); ok {
			return age(s, now)
		}
	}
	return nil
}

// age is how long a point in time is ago.
func age(since string, now time.Time) string {
	var t metav1.Time
	switch err := t.UnmarshalQueryParameter(since); {
	case err != nil:
		return "<invalid>"
	case t.IsZero():
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(t.Time))
}

// scaleColumns are those of a scale's tables.
func scaleColumns() []resource.Column {
	about := metav1.ObjectMeta{}.SwaggerDoc()
	return []resource.Column{
		{Name: "Name", Type: "string", Format: "name", Description: about["name"],
			Cell: func(o object.Object, _ time.Time) any { return o.GetName() }},
		{Name: "Desired", Type: "integer", Description: "Number of desired replicas", Cell: func(o object.Object, _ time.Time) any {
			if n := o.(*autoscalingv1.Scale).Spec.Replicas; n != 0 {
				return int64(n)
			}
			return nil // none are left out of a scale's JSON
		}},
		{Name: "Available", Type: "integer", Description: "Number of actual replicas",
			Cell: func(o object.Object, _ time.Time) any { return int64(o.(*autoscalingv1.Scale).Status.Replicas) }},
		{Name: "Age", Type: "date", Description: about["creationTimestamp"], Cell: func(o object.Object, now time.Time) any {
			if t := o.GetCreationTimestamp(); !t.IsZero() {
				return duration.HumanDuration(now.Sub(t.Time))
			}
			return nil
		}},
	}
}
