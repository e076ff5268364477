package definition

import "errors"

// Convertible says, in the first error met, why a schema has what a structural one can have no place for; nil: it has
// nothing of the kind.
func Convertible(s *Schema) error {
	if s == nil {
		return nil
	}
	if err := unsupported(s); err != nil {
		return err
	}
	if err := Convertible(s.Not); err != nil {
		return err
	}
	for _, list := range [...][]Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for i := range list {
			if err := Convertible(&list[i]); err != nil {
				return err
			}
		}
	}
	if s.XPreserveUnknownFields != nil && !*s.XPreserveUnknownFields {
		return errors.New("internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined")
	}
	if s.Items != nil {
		if len(s.Items.JSONSchemas) > 0 {
			return errors.New("OpenAPIV3Schema 'items' must be a schema, but is an array")
		}
		if err := Convertible(s.Items.Schema); err != nil {
			return err
		}
	}
	for _, p := range Sorted(s.Properties) {
		if err := Convertible(p); err != nil {
			return err
		}
	}
	if s.AdditionalProperties != nil {
		return Convertible(s.AdditionalProperties.Schema)
	}
	return nil
}

// unsupported names the first field that a schema of a custom resource may not have.
func unsupported(s *Schema) error {
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"id", s.ID != ""},
		{"schema", s.Schema != ""},
		{"$ref", s.Ref != nil && *s.Ref != ""},
		{"patternProperties", len(s.PatternProperties) > 0},
		{"dependencies", len(s.Dependencies) > 0},
		{"additionalItems", s.AdditionalItems != nil},
		{"definitions", len(s.Definitions) > 0},
	} {
		if f.set {
			return errors.New("OpenAPIV3Schema '" + f.name + "' is not supported")
		}
	}
	return nil
}
