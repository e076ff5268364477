package cel

import (
	"iter"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	apicel "k8s.io/apiserver/pkg/cel"
)

// maxRequestSize is the size in bytes of the largest request: it bounds what nothing else does.
const maxRequestSize = apicel.DefaultMaxRequestSizeBytes

// declType is what expressions may do with values of a node, and how large those may be. It is nil for what expressions
// cannot see: values without a type, and lists and maps of such. Fields that are preserved but not specified are not seen.
func declType(n Node) *apicel.DeclType {
	switch {
	case n == nil:
		return nil
	case n.IntOrString():
		// Dynamic: what an operator can do with it is seen when it is done.
		return sized(simple("dyn", cel.DynType, nil, 1), maxBytes(n, maxRequestSize-2))
	}
	switch n.Type() {
	case "array":
		return listType(n)
	case "object":
		if n.Values() != nil {
			return mapType(n)
		}
		return objectType(n)
	case "string":
		return stringType(n)
	case "boolean":
		return apicel.BoolType
	case "number":
		return apicel.DoubleType
	case "integer":
		return apicel.IntType
	}
	return nil
}

// declared says whether a node has a declType, without making it.
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

func listType(n Node) *apicel.DeclType {
	items := declType(asResource(n.Items()))
	if items == nil {
		return nil
	}
	if most := n.MaxItems(); most != nil {
		return apicel.NewListType(items, max(*most, 0))
	}
	// [ and ], and a comma after each
	return apicel.NewListType(items, (maxRequestSize-2)/(items.MinSerializedSize+1))
}

func mapType(n Node) *apicel.DeclType {
	values := declType(asResource(n.Values()))
	if values == nil {
		return nil
	}
	if most := n.MaxProperties(); most != nil {
		return apicel.NewMapType(apicel.StringType, values, max(*most, 0))
	}
	// { and }, and for each the quotes of its key, a colon, a comma and a key of two bytes
	return apicel.NewMapType(apicel.StringType, values, (maxRequestSize-2)/(values.MinSerializedSize+6))
}

func objectType(n Node) *apicel.DeclType {
	fields := map[string]*apicel.DeclField{}
	required := n.Required()
	size := int64(2) // { and }
	for name, p := range n.Properties() {
		t := declType(asResource(p))
		if t == nil {
			continue
		}
		needed := slices.Contains(required, name)
		if escaped, ok := apicel.Escape(name); ok {
			fields[escaped] = apicel.NewDeclField(escaped, t, needed, nil, nil)
		}
		if needed && !p.HasDefault() {
			size += int64(len(name)) + t.MinSerializedSize + 4
		}
	}
	t := apicel.NewObjectType("object", fields)
	t.MinSerializedSize = size
	return t
}

func stringType(n Node) *apicel.DeclType {
	switch n.Format() {
	case "byte":
		most := int64(maxRequestSize - 2)
		if l := n.MaxLength(); l != nil {
			most = max(*l, 0)
		}
		return sized(simple("bytes", cel.BytesType, types.Bytes(nil), apicel.MinStringSize), most)
	case "duration":
		return sized(simple("duration", cel.DurationType, types.Duration{}, apicel.MinDurationSizeJSON), apicel.MaxDurationSizeJSON)
	case "date":
		return sized(simple("timestamp", cel.TimestampType, types.Timestamp{Time: time.Time{}}, apicel.JSONDateSize), apicel.JSONDateSize)
	case "date-time":
		return sized(simple("timestamp", cel.TimestampType, types.Timestamp{Time: time.Time{}}, apicel.MinDatetimeSizeJSON), apicel.MaxDatetimeSizeJSON)
	}
	most := int64(maxRequestSize - 2)
	if l := n.LongestEnum(); l >= 0 {
		most = int64(l)
	}
	return sized(simple("string", cel.StringType, types.String(""), apicel.MinStringSize), maxBytes(n, most))
}

var simple = apicel.NewSimpleTypeWithMinSize

func sized(t *apicel.DeclType, most int64) *apicel.DeclType {
	t.MaxElements = most
	return t
}

// maxBytes is the length in bytes of the longest string that maxLength, which counts characters, allows, and otherwise
// what is given.
func maxBytes(n Node, otherwise int64) int64 {
	if l := n.MaxLength(); l != nil {
		return max(*l, 0) * 4
	}
	return otherwise
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
