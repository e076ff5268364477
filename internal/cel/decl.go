package cel

import (
	"iter"

	apicel "k8s.io/apiserver/pkg/cel"
)

// declared says whether expressions can see values of a node.
func declared(n Node) bool {
	switch {
	case n == nil:
		return false
	case n.IntOrString():
		return true
	}
	switch n.Type() {
	case "array":
		return declared(n.Items())
	case "object":
		return n.Values() == nil || declared(n.Values())
	case "string", "boolean", "number", "integer":
		return true
	}
	return false
}

// fieldNode is the node of a field by the identifier that expressions have for it, nil when they have none.
func fieldNode(n Node, identifier string) Node {
	if n == nil || n.IntOrString() || n.Type() != "object" || n.Values() != nil {
		return nil
	}
	name, ok := apicel.Unescape(identifier)
	if !ok {
		return nil
	}
	if again, ok := apicel.Escape(name); !ok || again != identifier {
		return nil
	}
	if p := asResource(n.Property(name)); declared(p) {
		return p
	}
	return nil
}

// asResource is the node with apiVersion, kind, metadata.name and metadata.generateName, if it is an embedded resource.
func asResource(n Node) Node {
	if n != nil && n.Embedded() {
		return withMeta(n)
	}
	return n
}

// withMeta is a resource's node in which the fields are specified that rules of every resource may use. Where a document
// does not specify all of them, the standard ones stand for all.
func withMeta(n Node) Node {
	if n.HasProperties() && typeOf(n.Property("kind")) == "string" && typeOf(n.Property("apiVersion")) == "string" {
		if meta := n.Property("metadata"); typeOf(meta) == "object" &&
			typeOf(meta.Property("name")) == "string" && typeOf(meta.Property("generateName")) == "string" {
			return n
		}
	}
	if _, ok := n.(resourceNode); ok {
		return n
	}
	return resourceNode{n}
}

func typeOf(n Node) string {
	if n == nil {
		return ""
	}
	return n.Type()
}

// resourceNode is a node with the standard fields in place of its own apiVersion, kind and metadata.
type resourceNode struct{ Node }

func (resourceNode) HasProperties() bool { return true }

func (r resourceNode) Property(name string) Node {
	if n := standardField(name); n != nil {
		return n
	}
	return r.Node.Property(name)
}

func (r resourceNode) Properties() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for _, name := range []string{"apiVersion", "kind", "metadata"} {
			if !yield(name, standardField(name)) {
				return
			}
		}
		for name, n := range r.Node.Properties() {
			if standardField(name) == nil && !yield(name, n) {
				return
			}
		}
	}
}

func standardField(name string) Node {
	switch name {
	case "apiVersion", "kind":
		return plainNode("string")
	case "metadata":
		return plainNode("object")
	}
	return nil
}

// plainNode is a node with nothing but a type; the one object has name and generateName.
type plainNode string

func (p plainNode) Type() string        { return string(p) }
func (p plainNode) HasProperties() bool { return p == "object" }

func (p plainNode) Property(name string) Node {
	if p == "object" && (name == "name" || name == "generateName") {
		return plainNode("string")
	}
	return nil
}

func (p plainNode) Properties() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		if p == "object" && yield("generateName", plainNode("string")) {
			yield("name", plainNode("string"))
		}
	}
}

func (plainNode) AllOf() iter.Seq[Node] { return func(func(Node) bool) {} }
func (plainNode) Format() string        { return "" }
func (plainNode) Nullable() bool        { return false }
func (plainNode) IntOrString() bool     { return false }
func (plainNode) Embedded() bool        { return false }
func (plainNode) PreserveUnknown() bool { return false }
func (plainNode) HasDefault() bool      { return false }
func (plainNode) MapType() string       { return "" }
func (plainNode) ListType() string      { return "" }
func (plainNode) ListKeys() []string    { return nil }
func (plainNode) Required() []string    { return nil }
func (plainNode) LongestEnum() int      { return -1 }
func (plainNode) MaxLength() *int64     { return nil }
func (plainNode) MaxItems() *int64      { return nil }
func (plainNode) MaxProperties() *int64 { return nil }
func (plainNode) Additional() bool      { return false }
func (plainNode) Values() Node          { return nil }
func (plainNode) Items() Node           { return nil }
func (plainNode) Rules() []Rule         { return nil }
