package apiextensions

import (
	"context"
	"encoding/json"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/schema"
)

// defaults checks the default values of a structural schema against what it says of the values that they stand for.
func (v *validator) defaults(root *v1beta1.JSONSchemaProps, at *field.Path) field.ErrorList {
	doc, err := json.Marshal(root)
	if err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	errs, err := schema.ValidateDefaults(context.Background(), at, doc, v.wantPruned)
	if err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	return errs
}

// unprunedDefaults says whether a schema has default values with fields that it does not know.
func unprunedDefaults(root *v1beta1.JSONSchemaProps) bool {
	doc, err := json.Marshal(root)
	return err == nil && schema.UnprunedDefaults(doc)
}
