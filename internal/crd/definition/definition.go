// Package definition is what can be said about a CustomResourceDefinition by looking at it alone: whether its schemas
// are structural, whether its group is protected and approved, what stands in its schemas. Findings are what is wrong with one.
//
// Nouns: a definition is a CustomResourceDefinition in its stored version, v1beta1, where what all versions share
// stands at the top; a schema is a JSONSchemaProps of it; a junctor is allOf, anyOf, oneOf or not, and what stands
// below one is nested.
//
// Invariants: pure functions; nothing is changed, nothing is kept. The same definition always gets the same answer: where
// the order matters, maps are walked in that of their keys.
//
// Concurrency: none of its own.
package definition

import (
	"iter"
	"maps"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Schema is a node of a definition's schema.
type Schema = v1beta1.JSONSchemaProps

// Root is the schema in a validation, or nil.
func Root(v *v1beta1.CustomResourceValidation) *Schema {
	if v == nil {
		return nil
	}
	return v.OpenAPIV3Schema
}

// Schemas yields every schema of a definition: the one that all versions share, or those of the versions.
func Schemas(spec *v1beta1.CustomResourceDefinitionSpec) iter.Seq[*Schema] {
	return func(yield func(*Schema) bool) {
		if s := Root(spec.Validation); s != nil && !yield(s) {
			return
		}
		for i := range spec.Versions {
			if s := Root(spec.Versions[i].Schema); s != nil && !yield(s) {
				return
			}
		}
	}
}

// Sorted yields the entries of a map of schemas in the order of their keys. The schema is good until the next one.
func Sorted(m map[string]Schema) iter.Seq2[string, *Schema] {
	return func(yield func(string, *Schema) bool) {
		if len(m) == 0 {
			return
		}
		one := new(Schema) // one for all: a schema is large
		for _, k := range slices.Sorted(maps.Keys(m)) {
			*one = m[k]
			if !yield(k, one) {
				return
			}
		}
	}
}

// Any says whether pred holds for the schema or one below it. Every node is looked at until then, in no fixed order.
func Any(s *Schema, pred func(*Schema) bool) bool {
	if s == nil {
		return false
	}
	if pred(s) {
		return true
	}
	if s.Items != nil && (Any(s.Items.Schema, pred) || anyOf(s.Items.JSONSchemas, pred)) {
		return true
	}
	if anyOf(s.AllOf, pred) || anyOf(s.AnyOf, pred) || anyOf(s.OneOf, pred) || Any(s.Not, pred) || anyIn(s.Properties, pred) {
		return true
	}
	if s.AdditionalProperties != nil && Any(s.AdditionalProperties.Schema, pred) {
		return true
	}
	if anyIn(s.PatternProperties, pred) || s.AdditionalItems != nil && Any(s.AdditionalItems.Schema, pred) || anyIn(s.Definitions, pred) {
		return true
	}
	for _, d := range s.Dependencies {
		if Any(d.Schema, pred) {
			return true
		}
	}
	return false
}

func anyOf(list []Schema, pred func(*Schema) bool) bool {
	for i := range list {
		if Any(&list[i], pred) {
			return true
		}
	}
	return false
}

func anyIn(m map[string]Schema, pred func(*Schema) bool) bool {
	if len(m) == 0 {
		return false
	}
	one := new(Schema)
	for _, *one = range m {
		if Any(one, pred) {
			return true
		}
	}
	return false
}

// maxFindings is how much there is to be said against one definition, in bytes: a small document can be wrong in so many
// and so deep places that all of it would fill the memory.
const maxFindings = 4 << 20

// Findings collects errors until there are more than enough.
type Findings struct {
	List field.ErrorList
	size int
}

// Full says that it is no use to look any further.
func (f *Findings) Full() bool { return f.size > maxFindings }

// Add adds an error.
func (f *Findings) Add(e *field.Error) {
	if f.Full() {
		return
	}
	f.size += len(e.Field) + len(e.Detail)
	if list, ok := e.BadValue.([]string); ok {
		for _, s := range list {
			f.size += len(s) + 3
		}
	}
	f.List = append(f.List, e)
}
