package apiextensions

import (
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/conversion"
)

// Messages show values as the reference has them in memory: with the names of Go's fields, nulls included. Such a
// value is made only when there is something to complain about.

func shownVersions(in []v1beta1.CustomResourceDefinitionVersion) any {
	if in == nil {
		return []apiextensions.CustomResourceDefinitionVersion(nil)
	}
	out := make([]apiextensions.CustomResourceDefinitionVersion, len(in))
	for i := range in {
		show(v1beta1.Convert_v1beta1_CustomResourceDefinitionVersion_To_apiextensions_CustomResourceDefinitionVersion, &in[i], &out[i])
	}
	return out
}

func shownSchema(in *v1beta1.JSONSchemaProps) any {
	var out apiextensions.JSONSchemaProps
	show(v1beta1.Convert_v1beta1_JSONSchemaProps_To_apiextensions_JSONSchemaProps, in, &out)
	return out
}

func shownItems(in *v1beta1.JSONSchemaPropsOrArray) any {
	var out apiextensions.JSONSchemaPropsOrArray
	show(v1beta1.Convert_v1beta1_JSONSchemaPropsOrArray_To_apiextensions_JSONSchemaPropsOrArray, in, &out)
	return out
}

func shownRule(in *v1beta1.ValidationRule) any {
	return *same[apiextensions.ValidationRule](in)
}

// show converts. What stands in a definition has been read as JSON before, so that it can.
func show[I, O any](convert func(*I, *O, conversion.Scope) error, in *I, out *O) {
	_ = convert(in, out, nil)
}
