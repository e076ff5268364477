package definition

import (
	"fmt"
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Structural says where a schema is not structural: where a junctor says more than what a value has to be like, or
// something stands only below a junctor, or the rules of the root, of metadata and of the extensions are broken. The
// schema must be Convertible. Errors are sorted by their text.
func Structural(s *Schema, at *field.Path) field.ErrorList {
	var c structural
	c.node(s, rootLevel, at)
	c.completeValue(s, s, at, at)
	return sorted(c.List)
}

func sorted(errs field.ErrorList) field.ErrorList {
	if len(errs) < 2 {
		return errs
	}
	texts := make(map[*field.Error]string, len(errs))
	for _, e := range errs {
		texts[e] = e.Error()
	}
	slices.SortStableFunc(errs, func(a, b *field.Error) int { return strings.Compare(texts[a], texts[b]) })
	return errs
}

// IsStructural says whether a schema is convertible and structural.
func IsStructural(s *Schema) bool {
	return s == nil || Convertible(s) == nil && len(Structural(s, nil)) == 0
}

type level int

const (
	rootLevel level = iota
	itemLevel
	fieldLevel
)

// typeMissing is what is said of a node without a type.
var typeMissing = [...]string{
	rootLevel: "must not be empty at the root", itemLevel: "must not be empty for specified array items",
	fieldLevel: "must not be empty for specified object fields",
}

type structural struct{ Findings }

// node checks a schema that is not below a junctor, and all below it.
func (c *structural) node(s *Schema, lvl level, at *field.Path) {
	if s == nil || c.Full() {
		return
	}
	items := itemsOf(s)
	if s.Type == "array" && items == nil {
		c.Add(field.Required(at.Child("items"), "must be specified"))
	}
	if items != nil {
		c.node(items, itemLevel, at.Child("items"))
	}
	if len(s.Properties) > 0 {
		below := at.Child("properties")
		for name, p := range Sorted(s.Properties) {
			c.node(p, fieldLevel, below.Key(name))
		}
	}
	if more := s.AdditionalProperties; more != nil {
		if lvl == rootLevel {
			c.Add(field.Forbidden(at.Child("additionalProperties"), "must not be used at the root"))
		}
		if more.Schema != nil {
			c.node(more.Schema, fieldLevel, at.Child("additionalProperties"))
		}
	}
	if c.Full() {
		return
	}
	c.extensions(s, at)
	c.value(s, isIntOrString(s.AnyOf), len(s.AllOf) > 0 && isIntOrString(s.AllOf[0].AnyOf), at)
	c.typed(s, lvl, at)
	c.meta(s, lvl, at)
}

func (c *structural) extensions(s *Schema, at *field.Path) {
	if !s.XIntOrString {
		return
	}
	if preserves(s) {
		c.Add(field.Invalid(at.Child("x-kubernetes-preserve-unknown-fields"), true, "must be false if x-kubernetes-int-or-string is true"))
	}
	if s.XEmbeddedResource {
		c.Add(field.Invalid(at.Child("x-kubernetes-embedded-resource"), true, "must be false if x-kubernetes-int-or-string is true"))
	}
}

// typed checks the type of a node against where it stands.
func (c *structural) typed(s *Schema, lvl level, at *field.Path) {
	switch {
	case s.XEmbeddedResource && s.Type == "":
		c.Add(field.Required(at.Child("type"), "must be object if x-kubernetes-embedded-resource is true"))
	case s.XEmbeddedResource && s.Type != "object":
		c.Add(field.Invalid(at.Child("type"), s.Type, "must be object if x-kubernetes-embedded-resource is true"))
	case s.Type == "" && !s.XIntOrString && !preserves(s):
		c.Add(field.Required(at.Child("type"), typeMissing[lvl]))
	}
	if s.XEmbeddedResource && s.AdditionalProperties != nil {
		c.Add(field.Forbidden(at.Child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set"))
	}
	if lvl == rootLevel && s.Type != "" && s.Type != "object" {
		c.Add(field.Invalid(at.Child("type"), s.Type, "must be object at the root"))
	}
	if s.XEmbeddedResource && !preserves(s) && len(s.Properties) == 0 {
		c.Add(field.Required(at.Child("properties"), "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"))
	}
}

// meta checks what a resource says of kind, apiVersion and metadata.
func (c *structural) meta(s *Schema, lvl level, at *field.Path) {
	if lvl != rootLevel && !s.XEmbeddedResource {
		return
	}
	for _, name := range [...]string{"kind", "apiVersion"} {
		if p, ok := s.Properties[name]; ok && p.Type != "string" {
			c.Add(field.Invalid(at.Child("properties").Key(name).Child("type"), p.Type, "must be string"))
		}
	}
	m, ok := s.Properties["metadata"]
	if !ok {
		return
	}
	at = at.Child("properties").Key("metadata")
	if m.Type != "object" {
		c.Add(field.Invalid(at.Child("type"), m.Type, "must be object"))
	}
	if lvl != rootLevel {
		return
	}
	_, name := m.Properties["name"]
	_, generate := m.Properties["generateName"]
	if name && generate && len(m.Properties) == 2 || name != generate && len(m.Properties) == 1 || len(m.Properties) == 0 {
		m.Properties = nil
	}
	m.Type, m.Default = "", nil
	if !isEmpty(m) {
		c.Add(field.Forbidden(at, "must not specify anything other than name and generateName, but metadata is implicitly specified"))
	}
}

// value checks what stands below the junctors of a schema.
func (c *structural) value(s *Schema, skipAnyOf, skipFirst bool, at *field.Path) {
	if !skipAnyOf {
		for i := range s.AnyOf {
			c.nested(&s.AnyOf[i], false, at.Child("anyOf").Index(i))
		}
	}
	for i := range s.AllOf {
		c.nested(&s.AllOf[i], skipFirst && i == 0, at.Child("allOf").Index(i))
	}
	for i := range s.OneOf {
		c.nested(&s.OneOf[i], false, at.Child("oneOf").Index(i))
	}
	if s.Not != nil {
		c.nested(s.Not, false, at.Child("not"))
	}
	if s.Pattern != "" {
		// Parsing finds all errors that compiling does; what it compiles to can be huge.
		if _, err := syntax.Parse(s.Pattern, syntax.Perl); err != nil {
			c.Add(field.Invalid(at.Child("pattern"), s.Pattern, fmt.Sprintf("must be a valid regular expression, but isn't: %v", err)))
		}
	}
}

// nested checks a schema below a junctor, which may restrict values and nothing else.
func (c *structural) nested(s *Schema, skipAnyOf bool, at *field.Path) {
	if c.Full() {
		return
	}
	c.value(s, skipAnyOf, false, at)
	if items := itemsOf(s); items != nil {
		c.nested(items, false, at.Child("items"))
	}
	for name, p := range Sorted(s.Properties) {
		c.nested(p, false, at.Child("properties").Key(name))
	}
	for _, f := range [...]struct {
		name, why string
		set       bool
	}{
		{"type", "must be empty to be structural", s.Type != ""},
		{"additionalProperties", "must be undefined to be structural", restrictsMore(s)},
		{"default", "must be undefined to be structural", s.Default != nil},
		{"title", "must be empty to be structural", s.Title != ""},
		{"description", "must be empty to be structural", s.Description != ""},
		{"nullable", "must be false to be structural", s.Nullable},
		{"x-kubernetes-preserve-unknown-fields", "must be false to be structural", preserves(s)},
		{"x-kubernetes-embedded-resource", "must be false to be structural", s.XEmbeddedResource},
		{"x-kubernetes-int-or-string", "must be false to be structural", s.XIntOrString},
		{"x-kubernetes-list-map-keys", "must be empty to be structural", len(s.XListMapKeys) > 0},
		{"x-kubernetes-list-type", "must be undefined to be structural", s.XListType != nil},
		{"x-kubernetes-map-type", "must be undefined to be structural", s.XMapType != nil},
		{"x-kubernetes-validations", "must be empty to be structural", len(s.XValidations) > 0},
	} {
		if f.set {
			c.Add(field.Forbidden(at.Child(f.name), f.why))
		}
	}
	if _, ok := s.Properties["metadata"]; ok {
		c.Add(field.Forbidden(at.Child("properties").Key("metadata"), "must not be specified in a nested context"))
	}
}

// completeValue checks that what the junctors of v speak of is specified in s, outside of junctors.
func (c *structural) completeValue(v, s *Schema, at, vAt *field.Path) {
	if v.Not != nil {
		c.complete(v.Not, s, at, vAt.Child("not"))
	}
	for i := range v.AllOf {
		c.complete(&v.AllOf[i], s, at, vAt.Child("allOf").Index(i))
	}
	for i := range v.AnyOf {
		c.complete(&v.AnyOf[i], s, at, vAt.Child("anyOf").Index(i))
	}
	for i := range v.OneOf {
		c.complete(&v.OneOf[i], s, at, vAt.Child("oneOf").Index(i))
	}
}

func (c *structural) complete(v, s *Schema, at, vAt *field.Path) {
	if c.Full() {
		return
	}
	if s == nil {
		c.Add(field.Required(at, "because it is defined in "+vAt.String()))
		return
	}
	c.completeValue(v, s, at, vAt)
	if items := itemsOf(v); items != nil {
		c.complete(items, itemsOf(s), at.Child("items"), vAt.Child("items"))
	}
	for name, p := range Sorted(v.Properties) {
		var counterpart *Schema
		if sp, ok := s.Properties[name]; ok {
			counterpart = &sp
		}
		c.complete(p, counterpart, at.Child("properties").Key(name), vAt.Child("properties").Key(name))
	}
}

func itemsOf(s *Schema) *Schema {
	if s.Items == nil {
		return nil
	}
	return s.Items.Schema
}

func preserves(s *Schema) bool { return s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields }

// restrictsMore says whether a nested schema speaks of additional properties. False alone says nothing there.
func restrictsMore(s *Schema) bool {
	return s.AdditionalProperties != nil && (s.AdditionalProperties.Schema != nil || s.AdditionalProperties.Allows)
}

// isIntOrString says whether an anyOf is the one that goes with x-kubernetes-int-or-string: an integer or a string.
func isIntOrString(anyOf []Schema) bool {
	return len(anyOf) == 2 && isBare(anyOf[0], "integer") && isBare(anyOf[1], "string")
}

// isBare says whether a schema has a type and nothing else.
func isBare(s Schema, typ string) bool {
	if s.Type != typ {
		return false
	}
	if !restrictsMore(&s) {
		s.AdditionalProperties = nil
	}
	s.Type = ""
	return isEmpty(s)
}

// isEmpty says whether there is nothing in a schema, but for empty lists that mean nothing.
func isEmpty(s Schema) bool {
	if len(s.Enum) == 0 {
		s.Enum = nil
	}
	if len(s.AllOf) == 0 {
		s.AllOf = nil
	}
	if len(s.AnyOf) == 0 {
		s.AnyOf = nil
	}
	if len(s.OneOf) == 0 {
		s.OneOf = nil
	}
	if itemsOf(&s) == nil {
		s.Items = nil
	}
	s.PatternProperties, s.Dependencies, s.Definitions, s.Ref = nil, nil, nil, nil // or it would not be convertible
	return reflect.ValueOf(&s).Elem().IsZero()
}
