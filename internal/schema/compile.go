package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pintle-io/pintle/internal/object"
)

// Compile makes the schema of a custom resource's version out of its openAPIV3Schema: JSON of a JSONSchemaProps that
// has been found valid. preserveUnknownFields is that of the CustomResourceDefinition, which also allows schemas that
// are not structural: of those only what a structural schema can have is read. Without a schema everything is preserved.
func Compile(openAPIV3Schema []byte, preserveUnknownFields bool) (*Custom, error) {
	c, err := compile(openAPIV3Schema, preserveUnknownFields)
	if err != nil || c.free || preserveUnknownFields {
		return c, err
	}
	pruneDefaults(c.Root, nil)
	return c, nil
}

// compile is Compile, with the defaults as they were written.
func compile(openAPIV3Schema []byte, preserveUnknownFields bool) (*Custom, error) {
	if len(bytes.TrimSpace(openAPIV3Schema)) == 0 {
		return &Custom{Root: &Schema{Type: Object, PreserveUnknown: true}, free: true, preserve: true}, nil
	}
	doc, err := object.DecodeValue(openAPIV3Schema)
	if err != nil {
		return nil, err
	}
	props, ok := doc.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a schema is an object, not %T", doc)
	}
	c := compiler{names: map[string]string{}}
	root := c.node(props, preserveUnknownFields)
	if c.err != nil {
		return nil, c.err
	}
	if root.isPlain() {
		root = &Schema{Type: root.Type, Format: root.Format}
	}
	if !root.Resource {
		root.imply()
	}
	return &Custom{Root: root, preserve: preserveUnknownFields}, nil
}

type compiler struct {
	names  map[string]string // that a schema has more than once are kept once
	leaves []*Schema         // likewise
	err    error             // the first
}

// node reads one node and what is below. preserve says that a node above preserves unknown fields.
func (c *compiler) node(doc map[string]any, preserve bool) *Schema {
	s := &Schema{PreserveUnknown: preserve || doc["x-kubernetes-preserve-unknown-fields"] == true}
	var intOrString bool
	var properties map[string]any
	var elements, additional *Schema
	for key, v := range doc {
		if v == nil {
			continue
		}
		switch key {
		case "type":
			s.Type = typeOf(c.text(key, v))
		case "x-kubernetes-int-or-string":
			intOrString = c.bool(key, v)
		case "format":
			s.Format = c.name(c.text(key, v))
		case "nullable":
			s.Nullable = c.bool(key, v)
		case "required":
			s.Required = c.texts(key, v)
		case "properties":
			properties = c.object(key, v)
		case "items":
			if m, ok := v.(map[string]any); ok {
				elements = c.node(m, s.PreserveUnknown)
			}
		case "additionalProperties":
			additional = c.additional(v, s.PreserveUnknown)
		case "x-kubernetes-preserve-unknown-fields":
			s.KeepUnknown = c.bool(key, v)
		case "x-kubernetes-embedded-resource":
			s.Embedded = c.bool(key, v)
		case "x-kubernetes-list-type":
			s.ListType = listTypeOf(c.text(key, v))
			s.Declared = s.ListType == ListAtomic
		case "x-kubernetes-list-map-keys":
			s.Keys = c.texts(key, v)
		case "x-kubernetes-map-type":
			s.Atomic = c.text(key, v) == "atomic"
			s.Declared = !s.Atomic
		case "x-kubernetes-validations":
			s.Rules = c.rules(key, v)
		default:
			c.limit(s, key, v)
		}
	}
	if intOrString {
		s.Type, s.Said = IntOrString, s.Type
	}
	if s.Type == Object && additional != nil && len(properties) == 0 {
		s.Type = Map
	}
	s.place(elements, additional)
	s.Properties = c.properties(properties, s.PreserveUnknown)
	if f := formatOf(s.Type, s.Format); f != nil {
		s.limits().format = f
	}
	if s.Embedded {
		s.imply()
	}
	s.below = s.gather()
	if s.isPlain() {
		return plain(s)
	}
	return c.shared(s)
}

// plainNodes are nodes that say a type and perhaps a usual format, and no more. Half of the nodes of most documents are
// such, and all schemas share them.
var plainNodes = func() (nodes [IntOrString + 1][len(plainFormats)]Schema) {
	for t := range nodes {
		for i, format := range plainFormats {
			nodes[t][i] = Schema{Type: Type(t), Format: format}
		}
	}
	return nodes
}()

var plainFormats = [...]string{"", "int32", "int64"}

// plain is the shared node that is as a plain one, or that one where there is none.
func plain(s *Schema) *Schema {
	for i, format := range plainFormats {
		if s.Format == format {
			return &plainNodes[s.Type][i]
		}
	}
	return s
}

// isPlain says that the node has nothing but a type and a format.
func (s *Schema) isPlain() bool {
	return s.Properties == nil && s.Required == nil && s.Items == nil && s.ListType == ListAtomic && s.Keys == nil && !s.Atomic && !s.Declared &&
		s.Default == nil && !s.Nullable && s.Said == Any && !s.PreserveUnknown && !s.KeepUnknown && !s.Resource && s.Limits == nil && s.Logic == nil && s.Rules == nil
}

// shared is a leaf that the document had before and that says the same, else the node itself. A kind has many fields of
// few sorts.
func (c *compiler) shared(s *Schema) *Schema {
	if s.Properties != nil || s.Items != nil && !s.Items.isPlain() && !slices.Contains(c.leaves, s.Items) || s.Default != nil || s.Resource ||
		s.Logic != nil || s.Rules != nil {
		return s
	}
	for _, known := range c.leaves {
		if known.sameLeaf(s) {
			return known
		}
	}
	if len(c.leaves) < maxLeaves {
		c.leaves = append(c.leaves, s)
	}
	return s
}

// sameLeaf compares what a leaf can have.
func (s *Schema) sameLeaf(o *Schema) bool {
	return s.Type == o.Type && s.Said == o.Said && s.Format == o.Format && s.Items == o.Items && s.Limits.equal(o.Limits) && s.ListType == o.ListType && s.Atomic == o.Atomic &&
		s.Declared == o.Declared && s.Nullable == o.Nullable && s.PreserveUnknown == o.PreserveUnknown && s.KeepUnknown == o.KeepUnknown &&
		slices.Equal(s.Keys, o.Keys) && slices.Equal(s.Required, o.Required)
}

// maxLeaves bounds the leaves that are compared with each new one.
const maxLeaves = 64

// place puts the schemas of elements and of additional fields where Elements and Additional find them.
func (s *Schema) place(elements, additional *Schema) {
	other := elements
	s.Items = additional
	if s.Type == List {
		s.Items, other = elements, additional
	}
	if other != nil {
		s.logic().Other = other
	}
}

// gather is what there is below a node.
func (s *Schema) gather() (b below) {
	if s.hasDefault() {
		b |= belowDefault
	}
	if s.Embedded {
		b |= belowEmbedded
	}
	if s.ListType != ListAtomic {
		b |= belowUnique
	}
	s.own(func(p *Property) { b |= p.Schema.below })
	if s.Items != nil {
		b |= s.Items.below
	}
	if s.Rules != nil {
		b |= belowRules
	}
	if s.Logic == nil {
		return b
	}
	if s.Logic.Other != nil {
		b |= s.Logic.Other.below
	}
	return b
}

func (s *Schema) limits() *Limits {
	if s.Limits == nil {
		s.Limits = new(Limits)
	}
	return s.Limits
}

func (s *Schema) logic() *Logic {
	if s.Logic == nil {
		s.Logic = new(Logic)
	}
	return s.Logic
}

func (c *compiler) properties(docs map[string]any, preserve bool) []Property {
	if len(docs) == 0 {
		return nil
	}
	out := make([]Property, 0, len(docs))
	for name, v := range docs {
		if doc := c.object(name, v); doc != nil {
			out = append(out, Property{c.name(name), c.node(doc, preserve)})
		}
	}
	slices.SortFunc(out, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (c *compiler) additional(v any, preserve bool) *Schema {
	switch v := v.(type) {
	case bool:
		if v {
			return anything
		}
		return nothing
	case map[string]any:
		return c.node(v, preserve)
	}
	c.fail("additionalProperties", v)
	return nil
}

// limit reads what is in Limits and Logic. What no validation looks at (description, title, example …) is not kept.
func (c *compiler) limit(s *Schema, key string, v any) {
	switch key {
	case "minLength":
		s.limits().MinLength = c.integer(key, v)
	case "maxLength":
		s.limits().MaxLength = c.integer(key, v)
	case "minItems":
		s.limits().MinItems = c.integer(key, v)
	case "maxItems":
		s.limits().MaxItems = c.integer(key, v)
	case "minProperties":
		s.limits().MinProperties = c.integer(key, v)
	case "maxProperties":
		s.limits().MaxProperties = c.integer(key, v)
	case "minimum":
		s.limits().Minimum = c.float(key, v)
	case "maximum":
		s.limits().Maximum = c.float(key, v)
	case "multipleOf":
		s.limits().MultipleOf = c.float(key, v)
	case "exclusiveMinimum":
		if c.bool(key, v) {
			s.limits().ExclusiveMinimum = true
		}
	case "exclusiveMaximum":
		if c.bool(key, v) {
			s.limits().ExclusiveMaximum = true
		}
	case "uniqueItems":
		if c.bool(key, v) {
			s.limits().UniqueItems = true
		}
	case "pattern":
		if text := c.text(key, v); text != "" {
			s.limits().Pattern = &Pattern{Text: text}
		}
	case "enum":
		s.limits().Enum = c.list(key, v)
	case "default":
		s.limits().Default = v
		s.Default, _ = json.Marshal(v)
	case "allOf":
		s.logic().AllOf = c.nodes(key, v)
	case "anyOf":
		s.logic().AnyOf = c.nodes(key, v)
	case "oneOf":
		s.logic().OneOf = c.nodes(key, v)
	case "not":
		if doc := c.object(key, v); doc != nil {
			s.logic().Not = c.node(doc, false)
		}
	}
}

func (c *compiler) nodes(key string, v any) []*Schema {
	var out []*Schema
	for _, v := range c.list(key, v) {
		if doc := c.object(key, v); doc != nil {
			out = append(out, c.node(doc, false))
		}
	}
	return out
}

// imply makes the node a Resource: its fields apiVersion, kind and metadata are tracked by their standard schemas.
func (s *Schema) imply() {
	s.Resource = true
	fields := make([]Property, 0, len(s.Properties)+3)
	for _, p := range s.Properties {
		if isMeta(p.Name) {
			s.logic().Own = append(s.logic().Own, p)
		} else {
			fields = append(fields, p)
		}
	}
	fields = append(fields, Property{"apiVersion", &plainNodes[String][0]}, Property{"kind", &plainNodes[String][0]}, Property{"metadata", objectMeta()})
	slices.SortFunc(fields, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
	s.Properties = fields
	s.below = s.gather()
}

// objectMeta is the schema of the metadata of all custom resources.
var objectMeta = sync.OnceValue(func() *Schema {
	return NewBuiltin().Component("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
})

func typeOf(name string) Type {
	switch name {
	case "object":
		return Object
	case "array":
		return List
	case "string":
		return String
	case "integer":
		return Integer
	case "number":
		return Number
	case "boolean":
		return Boolean
	}
	return Any
}

func listTypeOf(name string) ListType {
	switch name {
	case "set":
		return ListSet
	case "map":
		return ListMap
	}
	return ListAtomic
}

// name is the string, shared with one met before.
func (c *compiler) name(s string) string {
	if known, ok := c.names[s]; ok {
		return known
	}
	c.names[s] = s
	return s
}

func (c *compiler) fail(key string, v any) {
	if c.err == nil {
		c.err = fmt.Errorf("%s of a schema is not %T", key, v)
	}
}

func as[T any](c *compiler, key string, v any) T {
	t, ok := v.(T)
	if !ok {
		c.fail(key, v)
	}
	return t
}

func (c *compiler) text(key string, v any) string           { return as[string](c, key, v) }
func (c *compiler) bool(key string, v any) bool             { return as[bool](c, key, v) }
func (c *compiler) list(key string, v any) []any            { return as[[]any](c, key, v) }
func (c *compiler) object(key string, v any) map[string]any { return as[map[string]any](c, key, v) }

func (c *compiler) texts(key string, v any) []string {
	list := c.list(key, v)
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = c.name(c.text(key, list[i]))
	}
	return out
}

func (c *compiler) integer(key string, v any) *int64 {
	n := as[int64](c, key, v)
	return &n
}

func (c *compiler) float(key string, v any) *float64 {
	var f float64
	if n, ok := v.(int64); ok {
		f = float64(n)
	} else {
		f = as[float64](c, key, v)
	}
	return &f
}

func (c *compiler) rules(key string, v any) *Rules {
	list := c.list(key, v)
	if len(list) == 0 {
		return nil
	}
	out := make(Rules, len(list))
	for i := range list {
		for k, v := range c.object(key, list[i]) {
			r := &out[i]
			switch {
			case v == nil:
			case k == "rule":
				r.Rule = c.text(k, v)
			case k == "message":
				r.Message = c.text(k, v)
			case k == "messageExpression":
				r.MessageExpression = c.text(k, v)
			case k == "reason":
				r.Reason = c.name(c.text(k, v))
			case k == "fieldPath":
				r.FieldPath = c.text(k, v)
			case k == "optionalOldSelf":
				b := c.bool(k, v)
				r.OptionalOldSelf = &b
			}
		}
	}
	return &out
}
