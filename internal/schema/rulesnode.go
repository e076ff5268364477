package schema

import (
	"context"
	"iter"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cel"
)

// ruleSet is the rules of a custom resource, of which nothing is there before the first object is validated.
type ruleSet struct {
	once      sync.Once
	validator *cel.Validator
}

// validate runs the rules on an object.
func (r *ruleSet) validate(ctx context.Context, root *Schema, obj, old map[string]any) field.ErrorList {
	r.once.Do(func() { r.validator = cel.NewValidator(schemaNode{root}) })
	errs, warnings := r.validator.Validate(ctx, obj, old)
	if warn, ok := ctx.Value(warnKey{}).(func(string)); ok {
		for _, w := range warnings {
			warn(w)
		}
	}
	return errs
}

type warnKey struct{}

// WithWarnings returns a context with which Custom's Validate tells warn what is wrong with an object and tolerated: rules
// that fail on values that do not change.
func WithWarnings(ctx context.Context, warn func(text string)) context.Context {
	return context.WithValue(ctx, warnKey{}, warn)
}

// schemaNode is a Schema as rules see it.
type schemaNode struct{ s *Schema }

var _ cel.Node = schemaNode{}

// RuleNode is the schema as a cel.Node; none is none.
func RuleNode(s *Schema) cel.Node {
	if s == nil {
		return nil
	}
	return schemaNode{s}
}

func (n schemaNode) Type() string {
	switch n.s.Type {
	case Object, Map:
		return "object"
	case List:
		return "array"
	case String:
		return "string"
	case Integer:
		return "integer"
	case Number:
		return "number"
	case Boolean:
		return "boolean"
	}
	return ""
}

func (n schemaNode) Format() string        { return n.s.Format }
func (n schemaNode) Nullable() bool        { return n.s.Nullable }
func (n schemaNode) IntOrString() bool     { return n.s.Type == IntOrString }
func (n schemaNode) Embedded() bool        { return n.s.Embedded }
func (n schemaNode) PreserveUnknown() bool { return n.s.KeepUnknown }
func (n schemaNode) HasDefault() bool      { return n.s.hasDefault() }
func (n schemaNode) ListKeys() []string    { return n.s.Keys }
func (n schemaNode) Required() []string    { return n.s.Required }

func (n schemaNode) MapType() string {
	if n.s.Atomic {
		return "atomic"
	}
	return ""
}

func (n schemaNode) ListType() string {
	switch n.s.ListType {
	case ListSet:
		return "set"
	case ListMap:
		return "map"
	}
	return ""
}

func (n schemaNode) LongestEnum() int {
	if n.s.Limits == nil || len(n.s.Limits.Enum) == 0 {
		return -1
	}
	longest := 0
	for _, e := range n.s.Limits.Enum {
		if s, ok := e.(string); ok {
			longest = max(longest, len(s))
		}
	}
	return longest
}

func (n schemaNode) MaxLength() *int64 {
	if n.s.Limits == nil {
		return nil
	}
	return n.s.Limits.MaxLength
}

func (n schemaNode) MaxItems() *int64 {
	if n.s.Limits == nil {
		return nil
	}
	return n.s.Limits.MaxItems
}

func (n schemaNode) MaxProperties() *int64 {
	if n.s.Limits == nil {
		return nil
	}
	return n.s.Limits.MaxProperties
}

func (n schemaNode) HasProperties() bool {
	if n.s.Resource {
		has := false
		n.s.own(func(*Property) { has = true })
		return has
	}
	return len(n.s.Properties) > 0
}

func (n schemaNode) Property(name string) cel.Node { return RuleNode(n.s.Own(name)) }

func (n schemaNode) Properties() iter.Seq2[string, cel.Node] {
	return func(yield func(string, cel.Node) bool) {
		more := true
		n.s.own(func(p *Property) { more = more && yield(p.Name, RuleNode(p.Schema)) })
	}
}

func (n schemaNode) Additional() bool {
	_, has := n.s.Additional()
	return has
}

func (n schemaNode) Values() cel.Node {
	values, _ := n.s.Additional()
	return RuleNode(values)
}

func (n schemaNode) Items() cel.Node { return RuleNode(n.s.Elements()) }

func (n schemaNode) AllOf() iter.Seq[cel.Node] {
	return func(yield func(cel.Node) bool) {
		if n.s.Logic == nil {
			return
		}
		for _, s := range n.s.Logic.AllOf {
			if !yield(RuleNode(s)) {
				return
			}
		}
	}
}

func (n schemaNode) Rules() []Rule {
	if n.s.Rules == nil {
		return nil
	}
	return *n.s.Rules
}
