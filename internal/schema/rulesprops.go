package schema

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cel"
)

// propsNode is a node of a CustomResourceDefinition's own document, as rules see it that are to be admitted. What was
// asked for is kept, so that the same node is always the same. It is for one goroutine.
type propsNode struct {
	doc    *apiextensionsv1.JSONSchemaProps
	fields map[string]*propsNode
	rules  []Rule
	items  *propsNode // or values
}

// PropsNode is the document as a cel.Node, for one goroutine.
func PropsNode(doc *apiextensionsv1.JSONSchemaProps) cel.Node { return &propsNode{doc: doc} }

// FieldPath follows the JSON path of a selectable field (".spec.color"; no brackets) and returns the path as errors show
// it, and the schema that it leads to.
func FieldPath(path string, root *apiextensionsv1.JSONSchemaProps) (*field.Path, *apiextensionsv1.JSONSchemaProps, error) {
	p, n, err := cel.FieldPath(path, PropsNode(root), false)
	if n == nil {
		return p, nil, err
	}
	return p, n.(*propsNode).doc, err
}

func (n *propsNode) Type() string          { return n.doc.Type }
func (n *propsNode) Format() string        { return n.doc.Format }
func (n *propsNode) Nullable() bool        { return n.doc.Nullable }
func (n *propsNode) IntOrString() bool     { return n.doc.XIntOrString }
func (n *propsNode) Embedded() bool        { return n.doc.XEmbeddedResource }
func (n *propsNode) PreserveUnknown() bool { return deref(n.doc.XPreserveUnknownFields) }
func (n *propsNode) MapType() string       { return deref(n.doc.XMapType) }
func (n *propsNode) ListType() string      { return deref(n.doc.XListType) }
func (n *propsNode) ListKeys() []string    { return n.doc.XListMapKeys }
func (n *propsNode) Required() []string    { return n.doc.Required }
func (n *propsNode) MaxLength() *int64     { return n.doc.MaxLength }
func (n *propsNode) MaxItems() *int64      { return n.doc.MaxItems }
func (n *propsNode) MaxProperties() *int64 { return n.doc.MaxProperties }
func (n *propsNode) HasProperties() bool   { return len(n.doc.Properties) > 0 }
func (n *propsNode) Additional() bool      { return n.doc.AdditionalProperties != nil }

func (n *propsNode) HasDefault() bool {
	d := n.doc.Default
	return d != nil && !bytes.Equal(bytes.TrimSpace(d.Raw), []byte("null"))
}

func (n *propsNode) LongestEnum() int {
	if len(n.doc.Enum) == 0 {
		return -1
	}
	longest := 0
	for _, e := range n.doc.Enum {
		var s string
		if json.Unmarshal(e.Raw, &s) == nil {
			longest = max(longest, len(s))
		}
	}
	return longest
}

func (n *propsNode) Property(name string) cel.Node {
	p, ok := n.fields[name]
	if !ok {
		if doc, ok := n.doc.Properties[name]; ok {
			p = &propsNode{doc: &doc}
			if n.fields == nil {
				n.fields = map[string]*propsNode{}
			}
			n.fields[name] = p
		}
	}
	if p == nil {
		return nil
	}
	return p
}

func (n *propsNode) Properties() iter.Seq2[string, cel.Node] {
	return func(yield func(string, cel.Node) bool) {
		for _, name := range slices.Sorted(maps.Keys(n.doc.Properties)) {
			if !yield(name, n.Property(name)) {
				return
			}
		}
	}
}

func (n *propsNode) Values() cel.Node {
	if a := n.doc.AdditionalProperties; a != nil && a.Schema != nil {
		return n.element(a.Schema)
	}
	return nil
}

func (n *propsNode) Items() cel.Node {
	if i := n.doc.Items; i != nil && i.Schema != nil {
		return n.element(i.Schema)
	}
	return nil
}

func (n *propsNode) element(doc *apiextensionsv1.JSONSchemaProps) cel.Node {
	if n.items == nil || n.items.doc != doc {
		n.items = &propsNode{doc: doc}
	}
	return n.items
}

func (n *propsNode) AllOf() iter.Seq[cel.Node] {
	return func(yield func(cel.Node) bool) {
		for i := range n.doc.AllOf {
			if !yield(PropsNode(&n.doc.AllOf[i])) {
				return
			}
		}
	}
}

func (n *propsNode) Rules() []Rule {
	if n.rules != nil || len(n.doc.XValidations) == 0 {
		return n.rules
	}
	n.rules = make([]Rule, len(n.doc.XValidations))
	for i := range n.rules {
		r := &n.doc.XValidations[i]
		n.rules[i] = Rule{
			Rule: r.Rule, Message: r.Message, MessageExpression: r.MessageExpression,
			Reason: string(deref(r.Reason)), FieldPath: r.FieldPath, OptionalOldSelf: r.OptionalOldSelf,
		}
	}
	return n.rules
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
