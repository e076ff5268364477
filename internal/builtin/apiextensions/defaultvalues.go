package apiextensions

import (
	"encoding/json"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/schema"
)

// defaults checks the default values of a structural schema against what it says of the values that they stand for.
func (v *validator) defaults(root *v1beta1.JSONSchemaProps, at *field.Path) field.ErrorList {
	if !hasDefaults(root) {
		return nil
	}
	doc, err := json.Marshal(root)
	if err == nil {
		var errs field.ErrorList
		if errs, err = schema.ValidateDefaults(v.ctx, at, doc, v.wantPruned); err == nil && len(errs) == 0 {
			err = coerceDefaults(root)
		}
		if err == nil {
			return errs
		}
	}
	return field.ErrorList{field.Invalid(at, "", err.Error())}
}

// coerceDefaults puts the metadata of the embedded resources that are default values in order, for good: that is how the
// reference stores them.
func coerceDefaults(root *v1beta1.JSONSchemaProps) (err error) {
	embedded := func(s *v1beta1.JSONSchemaProps) bool { return s.XEmbeddedResource }
	if !definition.Any(root, embedded) {
		return nil
	}
	definition.Any(root, func(s *v1beta1.JSONSchemaProps) bool {
		if s.Default == nil || !definition.Any(s, embedded) {
			return false
		}
		var doc, value []byte
		if doc, err = json.Marshal(s); err == nil {
			if value, err = schema.CoerceDefault(doc); err == nil {
				s.Default.Raw = value
			}
		}
		return err != nil
	})
	return err
}

// unprunedDefaults says whether a schema that was stored has default values with fields that it does not know.
func unprunedDefaults(root *v1beta1.JSONSchemaProps) bool {
	if !hasDefaults(root) || !definition.IsStructural(root) {
		return false
	}
	doc, err := json.Marshal(root)
	return err == nil && schema.UnprunedDefaults(doc)
}

func hasDefaults(root *v1beta1.JSONSchemaProps) bool {
	return definition.Any(root, func(s *v1beta1.JSONSchemaProps) bool { return s.Default != nil })
}
