package cel

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/api/equality"
	apicel "k8s.io/apiserver/pkg/cel"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

// valueOf is a piece of a decoded object as expressions see it. Nothing is converted before it is looked at: lists and
// maps are seen through. A value that its node does not allow is an error, which an expression may or may not stumble on.
func valueOf(v any, n Node) ref.Val {
	if v == nil {
		if n.Nullable() {
			return types.NullValue
		}
		return types.NewErr("invalid data, got null for schema with nullable=false")
	}
	if n.IntOrString() {
		switch v := v.(type) {
		case string:
			return types.String(v)
		case int64:
			return types.Int(v)
		}
		return types.NewErr("invalid data, expected XIntOrString value to be either a string or integer")
	}
	switch n.Type() {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			return types.NewErr("invalid data, expected a map for the provided schema with type=object")
		}
		n = asResource(n)
		return &object{fields: m, node: n, fixed: n.HasProperties()}
	case "array":
		return listOf(v, n)
	case "string":
		s, ok := v.(string)
		if !ok {
			return types.NewErr("invalid data, expected string, got %T", v)
		}
		return stringOf(s, n.Format())
	case "number":
		switch v := v.(type) {
		case int64: // 1.0 is decoded as 1
			return types.Double(v)
		case float64:
			return types.Double(v)
		}
		return types.NewErr("invalid data, expected float, got %T", v)
	case "integer":
		if i, ok := v.(int64); ok {
			return types.Int(i)
		}
		return types.NewErr("invalid data, expected int, got %T", v)
	case "boolean":
		if b, ok := v.(bool); ok {
			return types.Bool(b)
		}
		return types.NewErr("invalid data, expected bool, got %T", v)
	}
	if n.PreserveUnknown() {
		return &unknown{v}
	}
	return types.NewErr("invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got %s", n.Type())
}

func stringOf(s, format string) ref.Val {
	switch format {
	case "duration":
		d, err := strfmt.ParseDuration(s)
		if err != nil {
			return types.NewErr("Invalid duration %s: %v", s, err)
		}
		return types.Duration{Duration: d}
	case "date":
		d, err := time.Parse(strfmt.RFC3339FullDate, s)
		if err != nil {
			return types.NewErr("Invalid date formatted string %s: %v", s, err)
		}
		return types.Timestamp{Time: d}
	case "date-time":
		d, err := strfmt.ParseDateTime(s)
		if err != nil {
			return types.NewErr("Invalid date-time formatted string %s: %v", s, err)
		}
		return types.Timestamp{Time: time.Time(d)}
	case "byte":
		var b strfmt.Base64
		if err := b.UnmarshalText([]byte(s)); err != nil {
			return types.NewErr("Invalid byte formatted string %s: %v", s, err)
		}
		return types.Bytes(b)
	}
	return types.String(s)
}

// unknown is a value that is preserved and of which nothing is known: all that can be done is compare it. Expressions
// come upon it only by comparing what is around it.
type unknown struct{ v any }

func (u *unknown) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("type conversion to '%s' not supported for values preserved by x-kubernetes-preserve-unknown-fields", to)
}

func (u *unknown) ConvertToType(to ref.Type) ref.Val {
	return types.NewErr("type conversion to '%s' not supported for values preserved by x-kubernetes-preserve-unknown-fields", to.TypeName())
}

func (u *unknown) Equal(other ref.Val) ref.Val {
	return types.Bool(equality.Semantic.DeepEqual(u.v, other.Value()))
}

func (u *unknown) Type() ref.Type { return types.UnknownType }
func (u *unknown) Value() any     { return u.v }

// object is an object with fields of its own each, or a map.
type object struct {
	fields map[string]any
	node   Node
	fixed  bool // fields are named by identifiers, which may have to be unescaped
}

var _ traits.Mapper = (*object)(nil)

// field is the node of the value under a key, nil when nothing is known of it.
func (o *object) field(key string) Node {
	if o.fixed {
		return o.node.Property(key)
	}
	return o.node.Values()
}

// Find implements traits.Mapper.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key), true
	}
	k := string(name)
	if o.fixed && strings.Contains(k, "__") {
		if k, ok = apicel.Unescape(k); !ok {
			return nil, false
		}
	}
	v, ok := o.fields[k]
	if !ok || o.fixed && v == nil { // a field that is null is as one that is not there
		return nil, false
	}
	n := o.field(k)
	if n == nil {
		return nil, false
	}
	return valueOf(v, n), true
}

func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok {
		return v
	}
	return types.ValOrErr(key, "no such key: %v", key)
}

func (o *object) Contains(key ref.Val) ref.Val {
	v, ok := o.Find(key)
	if v != nil && types.IsUnknownOrError(v) {
		return v
	}
	return types.Bool(ok)
}

func (o *object) Size() ref.Val  { return types.Int(len(o.fields)) }
func (o *object) Type() ref.Type { return types.MapType }
func (o *object) Value() any     { return o.fields }

func (o *object) ConvertToNative(to reflect.Type) (any, error) {
	if to.Kind() == reflect.Map {
		return o.fields, nil
	}
	return nil, fmt.Errorf("type conversion error from '%s' to '%s'", o.Type(), to)
}

func (o *object) ConvertToType(to ref.Type) ref.Val { return convertTo(o, types.MapType, to) }

// convertTo is a value that can be told only as what it is, and as its type.
func convertTo(v ref.Val, is *types.Type, to ref.Type) ref.Val {
	switch to {
	case is:
		return v
	case types.TypeType:
		return is
	}
	return types.NewErr("type conversion error from '%s' to '%s'", v.Type(), to.TypeName())
}

// Equal compares fields as their nodes have it (sets regardless of their order, say), and fields that have none as what
// they are.
func (o *object) Equal(other ref.Val) ref.Val {
	m, ok := other.(traits.Mapper)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	if o.Size() != m.Size() {
		return types.False
	}
	for k, v := range o.fields {
		if o.field(k) == nil {
			oo, ok := other.(*object)
			if !ok {
				return types.MaybeNoSuchOverloadErr(other)
			}
			if ov, ok := oo.fields[k]; ok && !equality.Semantic.DeepEqual(v, ov) {
				return types.False
			}
			continue
		}
		a, found := o.Find(types.String(k))
		b, otherFound := m.Find(types.String(k))
		if found != otherFound {
			return types.False
		}
		if !found {
			continue
		}
		if eq := a.Equal(b); eq != types.True {
			return eq // no, or an error
		}
	}
	return types.True
}

// Iterator goes through the keys of a map. (Fields of an object cannot be iterated over, though by escaped names they are.)
func (o *object) Iterator() traits.Iterator {
	keys := make([]ref.Val, 0, len(o.fields))
	for k := range o.fields {
		if o.field(k) == nil {
			continue
		}
		if o.fixed {
			if escaped, ok := apicel.Escape(k); ok {
				k = escaped
			}
		}
		keys = append(keys, types.String(k))
	}
	return &iterator{Val: o, items: keys}
}

// iterator goes through values that are there already.
type iterator struct {
	ref.Val
	items []ref.Val
	next  int
}

func (it *iterator) HasNext() ref.Val { return types.Bool(it.next < len(it.items)) }

func (it *iterator) Next() ref.Val {
	v := it.items[it.next]
	it.next++
	return v
}
