package crd

import (
	"fmt"
	"strings"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pintle-io/pintle/internal/object"
)

// selectable are a version's field selectors: the path without its first dot, and what stands there, or nothing.
func selectable(fields []v1.SelectableField) map[string]func(object.Object) string {
	if len(fields) == 0 {
		return nil
	}
	out := make(map[string]func(object.Object) string, len(fields))
	for _, f := range fields {
		p, err := newJSONPath(f.JSONPath)
		out[strings.TrimPrefix(f.JSONPath, ".")] = func(o object.Object) string {
			u, ok := o.(*unstructured.Unstructured)
			if err != nil || !ok {
				return ""
			}
			value, _ := p.first(u.Object)
			if value == nil {
				return ""
			}
			return printed(value)
		}
	}
	return out
}

// fieldError is the answer to a field selector that a custom resource does not have.
func fieldError(label string) string { return fmt.Sprintf("field label not supported: %s", label) }
