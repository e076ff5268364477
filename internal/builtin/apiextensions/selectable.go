package apiextensions

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/crd/definition"
)

// maxSelectable is how many fields of a version can be selected by.
const maxSelectable = 8

// selectable checks the field selectors of a version, or, with no version, those of all.
func (v *validator) selectable(fields []v1beta1.SelectableField, s *v1beta1.JSONSchemaProps, version string, at *field.Path) {
	if err := definition.Convertible(s); err != nil {
		v.add(field.Invalid(at.Child("schema.openAPIV3Schema"), "", err.Error()))
		return
	}
	list := at.Child("selectableFields")
	seen := map[string]bool{}
	for i := range fields {
		path, at := fields[i].JSONPath, list.Index(i).Child("jsonPath")
		if path == "" {
			v.add(field.Required(at, ""))
			continue
		}
		root, typ, err := selected(path, s)
		if err != nil {
			v.add(field.Invalid(at, path, "is an invalid path: "+err.Error()))
			continue
		}
		if root == "metadata" {
			v.add(field.Invalid(at, path, "must not point to fields in metadata"))
		}
		switch typ {
		case "string", "boolean", "integer":
		default:
			v.add(field.Invalid(at, path, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."))
		}
		if seen[path] {
			v.add(field.Duplicate(at, path))
		}
		seen[path] = true
	}
	if len(seen) > maxSelectable && !v.manyFields[version] {
		v.add(field.TooMany(list, len(seen), maxSelectable))
	}
}

// selected follows a path like .spec.color through a schema: to its first name, and to the type of what it leads to.
func selected(path string, s *v1beta1.JSONSchemaProps) (root, typ string, err error) {
	for rest := path; rest != ""; {
		var token, name string
		switch token, rest = nextToken(rest); {
		case token == "[":
			return "", "", errors.New("array notation is not allowed")
		case token != ".":
			return "", "", fmt.Errorf("expected [ or . but got: %s", token)
		case rest == "":
			return "", "", errors.New("unexpected end of JSON path")
		}
		name, rest = nextToken(rest)
		var below *v1beta1.JSONSchemaProps
		switch {
		case s != nil && len(s.Properties) > 0:
			p, ok := s.Properties[name]
			if !ok {
				return "", "", errors.New("does not refer to a valid field")
			}
			below = &p
		case s != nil && s.AdditionalProperties != nil:
			below = s.AdditionalProperties.Schema
		default:
			return "", "", errors.New("does not refer to a valid field")
		}
		if root == "" {
			root = name
		}
		s = below
	}
	if s == nil {
		return root, "", nil
	}
	return root, s.Type, nil
}

// nextToken splits off one of the delimiters, a quoted string, or what stands before the next delimiter.
func nextToken(s string) (token, rest string) {
	if s[0] == '\'' {
		for i := 1; i < len(s); i++ {
			if s[i] == '\'' && s[i-1] != '\\' {
				return s[:i+1], s[i+1:]
			}
		}
		return s, ""
	}
	switch i := strings.IndexAny(s, ".[]"); i {
	case -1:
		return s, ""
	case 0:
		return s[:1], s[1:]
	default:
		return s[:i], s[i:]
	}
}
