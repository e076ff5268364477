package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cel"
)

// ValidateDefaults says what is wrong with the default values of a structural openAPIV3Schema that stands at path: each
// must be valid where it would be set. wantPruned also forbids fields in them that the schema does not know.
func ValidateDefaults(ctx context.Context, path *field.Path, openAPIV3Schema []byte, wantPruned bool) (field.ErrorList, error) {
	c, err := compile(openAPIV3Schema, false)
	if err != nil || c.free {
		return nil, err
	}
	d := defaultsCheck{ctx: ctx, wantPruned: wantPruned, budget: cel.Budget}
	d.node(path, c.Root, c.Root, nil)
	return d.found, nil
}

// CoerceDefault is the default value of an openAPIV3Schema as JSON, with the metadata of the embedded resources in it in
// order. The value must have been found valid.
func CoerceDefault(openAPIV3Schema []byte) ([]byte, error) {
	c, err := compile(openAPIV3Schema, false)
	if err != nil {
		return nil, err
	}
	v := c.Root.Limits.Default
	if err := coerceValue(nil, c.Root, v, false); err != nil {
		return nil, err
	}
	return utiljson.Marshal(v)
}

// UnprunedDefaults says whether a structural openAPIV3Schema has default values with fields that it does not know.
func UnprunedDefaults(openAPIV3Schema []byte) bool {
	c, err := Compile(openAPIV3Schema, false)
	return err == nil && c.Root.changedDefaults()
}

// changedDefaults says whether a default at or below a node is not what it was before it was pruned.
func (s *Schema) changedDefaults() (changed bool) {
	if s == nil || s.below&belowDefault == 0 {
		return false
	}
	if s.Default != nil {
		text, _ := json.Marshal(s.Limits.Default)
		if !bytes.Equal(text, s.Default) {
			return true
		}
	}
	values, _ := s.Additional()
	changed = values.changedDefaults() || s.Elements().changedDefaults()
	s.own(func(p *Property) { changed = changed || p.Schema.changedDefaults() })
	return changed
}

type defaultsCheck struct {
	ctx        context.Context
	wantPruned bool
	budget     int64 // of rules; nothing more is looked at when it is spent
	found      field.ErrorList
}

// node checks the defaults at and below s. resource is the resource that s is part of, itself if it is one; inMeta leads
// from there to s through apiVersion, kind or metadata, and is empty elsewhere.
func (d *defaultsCheck) node(path *field.Path, s, resource *Schema, inMeta []step) {
	if s == nil || s.below&belowDefault == 0 || d.budget < 0 {
		return
	}
	if s.Resource {
		resource, inMeta = s, nil
	}
	if s.hasDefault() {
		d.found = append(d.found, d.check(path.Child("default"), s, resource, inMeta)...)
	}
	// There are no defaults in additionalProperties.
	below := func(st step) []step {
		if len(inMeta) == 0 {
			return nil
		}
		return append(inMeta[:len(inMeta):len(inMeta)], st)
	}
	d.node(path.Child("items"), s.Elements(), resource, below(step{"", 0}))
	s.own(func(p *Property) {
		steps := below(step{p.Name, stepField})
		if s.Resource && isMeta(p.Name) {
			steps = []step{{p.Name, stepField}}
		}
		d.node(path.Child("properties").Key(p.Name), p.Schema, resource, steps)
	})
}

func (d *defaultsCheck) check(path *field.Path, s, resource *Schema, inMeta []step) (found field.ErrorList) {
	v := s.Limits.Default
	var wrong field.ErrorList
	if len(inMeta) > 0 {
		wrong = checkMetaDefault(path, v, resource, inMeta)
	} else {
		if p := (pruner{}); d.wantPruned {
			if p.value(s, runtime.DeepCopyJSONValue(v), pruneUnknown); p.dropped {
				found = append(found, field.Invalid(path, v, "must not have unknown fields"))
			}
		}
		if err := coerceValue(path, s, v, s.Resource); err != nil {
			return append(found, err)
		}
		wrong = validateEmbeddedAs(path, s, v, s.Resource)
	}
	if len(wrong) == 0 {
		wrong = s.ValidateValue(path, v)
	}
	if len(wrong) == 0 {
		wrong, d.budget = cel.ValidateDefault(d.ctx, path, schemaNode{s}, s.Resource, v, d.budget)
	}
	return append(found, wrong...)
}

// checkMetaDefault sees what a default makes of the resource that it is part of.
func checkMetaDefault(path *field.Path, v any, resource *Schema, inMeta []step) field.ErrorList {
	around := runtime.DeepCopyJSONValue(v)
	for i := len(inMeta) - 1; i >= 0; i-- {
		if inMeta[i].at >= 0 {
			around = []any{around}
		} else {
			around = map[string]any{inMeta[i].name: around}
		}
	}
	obj := around.(map[string]any)
	for k, v := range map[string]string{"apiVersion": "validation/v1", "kind": "Validation"} {
		if _, found := obj[k]; !found {
			obj[k] = v
		}
	}
	if err := coerceValue(nil, resource, obj, true); err != nil {
		return field.ErrorList{field.Invalid(path, v, fmt.Sprintf("must result in valid metadata: %v", err))}
	}
	if found := validateEmbeddedAs(nil, resource, obj, true); len(found) > 0 {
		return field.ErrorList{field.Invalid(path, v, fmt.Sprintf("must result in valid metadata: %v", found.ToAggregate()))}
	}
	return nil
}

// coerceValue puts the metadata of the resources at and below a value in order. isResource says that the value is one, be
// it by the schema or not.
func coerceValue(path *field.Path, s *Schema, v any, isResource bool) *field.Error {
	p := pruner{embeds: true, at: path}
	if m, ok := v.(map[string]any); ok && isResource && !s.Embedded {
		p.embedded(m)
	}
	p.value(s, v, pruneNothing)
	return p.err
}

// validateEmbeddedAs is validateEmbedded for a value that is a resource, be it by the schema or not.
func validateEmbeddedAs(path *field.Path, s *Schema, v any, isResource bool) (found field.ErrorList) {
	if m, ok := v.(map[string]any); ok && isResource && !s.Embedded {
		found = validateResource(path, m)
	}
	return append(found, validateEmbedded(path, s, v)...)
}
