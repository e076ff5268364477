package apiextensions

import (
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// defaults checks the default values of a structural schema against what it says of the values that they stand for.
func (v *validator) defaults(root *v1beta1.JSONSchemaProps, at *field.Path) field.ErrorList {
	return nil
}

// unprunedDefaults says whether a schema has default values with fields that it does not know.
func unprunedDefaults(root *v1beta1.JSONSchemaProps) bool {
	return false
}
