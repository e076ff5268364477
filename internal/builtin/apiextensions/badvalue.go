package apiextensions

import (
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/conversion"

	"github.com/pintle-io/pintle/internal/crd/definition"
)

// Messages show values as the reference has them in memory: with the names of Go's fields, nulls included. Such a
// value is made only when there is something to complain about.

// maxShown is how many nodes of schemas are shown: each is a kilobyte of nulls.
const maxShown = 10000

const tooLarge = "too large to be shown"

func shownVersions(in []v1beta1.CustomResourceDefinitionVersion) any {
	if in == nil {
		return []apiextensions.CustomResourceDefinitionVersion(nil)
	}
	n := len(in)
	for i := range in {
		n += nodes(definition.Root(in[i].Schema))
	}
	if n > maxShown {
		return tooLarge
	}
	out := make([]apiextensions.CustomResourceDefinitionVersion, len(in))
	for i := range in {
		show(v1beta1.Convert_v1beta1_CustomResourceDefinitionVersion_To_apiextensions_CustomResourceDefinitionVersion, &in[i], &out[i])
	}
	return out
}

// nodes counts the nodes of a schema as far as it matters.
func nodes(s *v1beta1.JSONSchemaProps) (n int) {
	definition.Any(s, func(*v1beta1.JSONSchemaProps) bool { n++; return n > maxShown })
	return n
}

func shownSchema(in *v1beta1.JSONSchemaProps) any {
	if nodes(in) > maxShown {
		return tooLarge
	}
	var out apiextensions.JSONSchemaProps
	show(v1beta1.Convert_v1beta1_JSONSchemaProps_To_apiextensions_JSONSchemaProps, in, &out)
	return out
}

func shownItems(in *v1beta1.JSONSchemaPropsOrArray) any {
	n := 0
	for i := range in.JSONSchemas {
		n += nodes(&in.JSONSchemas[i])
	}
	if n > maxShown {
		return tooLarge
	}
	var out apiextensions.JSONSchemaPropsOrArray
	show(v1beta1.Convert_v1beta1_JSONSchemaPropsOrArray_To_apiextensions_JSONSchemaPropsOrArray, in, &out)
	return out
}

// show converts. What stands in a definition has been read as JSON before, so that it can.
func show[I, O any](convert func(*I, *O, conversion.Scope) error, in *I, out *O) {
	_ = convert(in, out, nil)
}
