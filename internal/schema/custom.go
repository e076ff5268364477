package schema

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Custom is the schema of one version of a custom resource. It is immutable and may be used by any number of goroutines.
type Custom struct {
	// Root is the whole object. Owners of fields are tracked by it, and objects merged.
	Root *Schema

	free     bool // there is no schema
	preserve bool // preserveUnknownFields of the CustomResourceDefinition: nothing is pruned
	rules    ruleSet
}

// Prune drops what the schema does not know, and nulls where there may be none unless a default is to replace them, and
// puts metadata in order: that of the object and those of embedded resources. When report, unknown are the paths of the
// unknown fields that were dropped, in the order in which the reference names them; sets of the same path may be in it
// twice. An error says which metadata cannot be read; the object is not to be used then.
func (c *Custom) Prune(obj map[string]any, report bool) (unknown []string, err error) {
	return c.prune(obj, report, false)
}

// PruneStored is Prune for an object that was read from a store: metadata that cannot be read is dropped, as much of it as
// is wrong, and a missing generation is 1.
func (c *Custom) PruneStored(obj map[string]any) error {
	if _, err := c.prune(obj, false, true); err != nil {
		return err
	}
	if meta, ok := obj["metadata"].(map[string]any); ok && meta["generation"] == nil {
		meta["generation"] = int64(1)
	}
	return nil
}

// PruneHead is what Prune does before it looks at the schema, and all there is to do for an object of another kind: kind
// and apiVersion are texts, and the object's own metadata is put in order.
func PruneHead(obj map[string]any, report bool) (unknown []string, err error) {
	return pruneHead(obj, report, false)
}

func pruneHead(obj map[string]any, report, drop bool) (unknown []string, err error) {
	for _, k := range [...]string{"kind", "apiVersion"} {
		if v, found := obj[k]; found {
			if _, ok := v.(string); !ok {
				return nil, fmt.Errorf(".%s accessor error: %v is of the type %T, expected string", k, v, v)
			}
		}
	}
	unknown, _, err = coerceMeta(obj, drop, report, nil)
	return unknown, err
}

func (c *Custom) prune(obj map[string]any, report, drop bool) (unknown []string, err error) {
	unknown, err = pruneHead(obj, report, drop)
	if err != nil || c.free {
		return unknown, err
	}
	p := pruner{nulls: !c.preserve, embeds: c.Root.below&belowEmbedded != 0, drop: drop, report: report}
	if p.report || p.embeds {
		p.path = make([]step, 0, 16)
	}
	mode := pruneUnknown
	if c.preserve {
		mode = pruneNothing
	}
	if mode != pruneNothing || p.embeds {
		p.object(c.Root, obj, mode)
	}
	if p.err != nil {
		return nil, p.err
	}
	return append(unknown, p.sorted()...), nil
}

// Default sets the fields that have a default and are missing, or null where they may not be.
func (c *Custom) Default(obj map[string]any) { fill(c.Root, obj) }

// Validate is all findings of an object of this version, but for those of its own metadata and of the scale subresource.
// old is nil for a create: findings of a part that did not change are left out, where the reference does so.
func (c *Custom) Validate(ctx context.Context, obj, old map[string]any) field.ErrorList {
	found := c.ValidateValues(ctx, obj, old)
	return append(found, c.ValidateRest(ctx, obj, old, found)...)
}

// ValidateStatus is Validate for an update of the status subresource: values are looked at only in the status.
func (c *Custom) ValidateStatus(ctx context.Context, obj, old map[string]any) field.ErrorList {
	found := c.ValidateStatusValues(ctx, obj, old)
	return append(found, c.ValidateStatusRest(ctx, obj, old, found)...)
}

// ValidateValues is the first part of Validate, which comes after the findings of the object's metadata: types, formats,
// limits and what else a schema of OpenAPI says.
func (c *Custom) ValidateValues(ctx context.Context, obj, old map[string]any) field.ErrorList {
	if c.free {
		return nil
	}
	if old == nil {
		return c.Root.findings(ctx, nil, obj, nil, false)
	}
	return c.Root.findings(ctx, nil, obj, old, true)
}

// ValidateStatusValues is ValidateValues for an update of the status subresource.
func (c *Custom) ValidateStatusValues(ctx context.Context, obj, old map[string]any) field.ErrorList {
	status, found := obj["status"]
	if !found || c.free {
		return nil
	}
	s := c.Root.Property("status")
	if s == nil {
		return nil
	}
	return s.findings(ctx, field.NewPath("status"), status, old["status"], true)
}

// ValidateRest is the second part of Validate, which comes after the findings of the scale subresource: embedded resources,
// lists that are sets or maps, and x-kubernetes-validations. found are all findings so far, those of the object's metadata
// among them: some of them keep rules from being checked.
func (c *Custom) ValidateRest(ctx context.Context, obj, old map[string]any, found field.ErrorList) field.ErrorList {
	embedded := validateEmbedded(nil, c.Root, obj)
	return append(embedded, c.validateLists(ctx, obj, old, found, embedded)...)
}

// ValidateStatusRest is ValidateRest for an update of the status subresource.
func (c *Custom) ValidateStatusRest(ctx context.Context, obj, old map[string]any, found field.ErrorList) field.ErrorList {
	return c.validateLists(ctx, obj, old, found, nil)
}

func (c *Custom) validateLists(ctx context.Context, obj, old map[string]any, found, more field.ErrorList) field.ErrorList {
	lists := validateUnique(nil, c.Root, obj)
	if len(lists) > 0 && old != nil && len(validateUnique(nil, c.Root, old)) > 0 {
		lists = nil
	}
	for _, part := range [...]field.ErrorList{found, more, lists} {
		if c.hasRules() && blocks(part) {
			return append(lists, field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"))
		}
	}
	return append(lists, c.validateRules(ctx, obj, old)...)
}

// blocks says that there is a finding with which rules are not checked.
func blocks(found field.ErrorList) bool {
	for _, err := range found {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		}
	}
	return false
}

// hasRules says that there are x-kubernetes-validations at or below the root.
func (c *Custom) hasRules() bool { return c.Root.below&belowRules != 0 }

// validateRules is the findings of x-kubernetes-validations. Those that are tolerated go to the context's warnings.
func (c *Custom) validateRules(ctx context.Context, obj, old map[string]any) field.ErrorList {
	if !c.hasRules() {
		return nil
	}
	return c.rules.validate(ctx, c.Root, obj, old)
}
