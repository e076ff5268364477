package apiextensions

import (
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/schema"
)

// maxSelectable is how many fields of a version can be selected by.
const maxSelectable = 8

// selectable checks the field selectors of a version, or, with no version, those of all.
func (v *validator) selectable(fields []v1beta1.SelectableField, s *v1beta1.JSONSchemaProps, version string, at *field.Path) {
	if err := definition.Convertible(s); err != nil {
		v.add(field.Invalid(at.Child("schema.openAPIV3Schema"), "", err.Error()))
		return
	}
	if s == nil {
		return // that there is no schema has been said
	}
	list := at.Child("selectableFields")
	seen := map[string]bool{}
	for i := range fields {
		path, at := fields[i].JSONPath, list.Index(i).Child("jsonPath")
		if path == "" {
			v.add(field.Required(at, ""))
			continue
		}
		names, of, err := schema.FieldPath(path, same[v1.JSONSchemaProps](s))
		if err != nil {
			v.add(field.Invalid(at, path, "is an invalid path: "+err.Error()))
			continue
		}
		if names.Root().String() == "metadata" {
			v.add(field.Invalid(at, path, "must not point to fields in metadata"))
		}
		if of == nil || of.Type != "string" && of.Type != "boolean" && of.Type != "integer" {
			v.add(field.Invalid(at, path, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."))
		}
		if seen[names.String()] {
			v.add(field.Duplicate(at, path))
		}
		seen[names.String()] = true
	}
	if len(seen) > maxSelectable && !v.manyFields[version] {
		v.add(field.TooMany(list, len(seen), maxSelectable))
	}
}
