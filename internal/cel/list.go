package cel

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apicel "k8s.io/apiserver/pkg/cel"
)

// listOf is a list as expressions see it: by x-kubernetes-list-type in order, as a set, or as a map.
func listOf(v any, n Node) ref.Val {
	elements, ok := v.([]any)
	if !ok {
		return types.NewErr("invalid data, expected an array for the provided schema with type=array")
	}
	if n.Items() == nil {
		return types.NewErr("invalid array type, expected Items with a non-empty Schema")
	}
	l := list{elements, n.Items()}
	switch t := n.ListType(); t {
	case "", "atomic":
		return &l
	case "set":
		return &setList{list: l}
	case "map":
		return &mapList{list: l, keys: escapedKeys(n.ListKeys())}
	default:
		return types.NewErr("invalid x-kubernetes-list-type, expected 'map', 'set' or 'atomic' but got %s", t)
	}
}

// list is a list whose order counts.
type list struct {
	elements []any
	node     Node // of each
}

var _ traits.Lister = (*list)(nil)

func (l *list) Size() ref.Val  { return types.Int(len(l.elements)) }
func (l *list) Type() ref.Type { return types.ListType }
func (l *list) Value() any     { return l.elements }

func (l *list) Get(index ref.Val) ref.Val {
	i, ok := index.(types.Int)
	if !ok {
		return types.ValOrErr(index, "unsupported index: %v", index)
	}
	if i < 0 || int(i) >= len(l.elements) {
		return types.NewErr("index out of bounds: %v", index)
	}
	return valueOf(l.elements[i], l.node)
}

func (l *list) Contains(v ref.Val) ref.Val {
	if types.IsUnknownOrError(v) {
		return v
	}
	var err ref.Val
	for _, e := range l.elements {
		eq := valueOf(e, l.node).Equal(v)
		if eq == types.True {
			return types.True
		}
		if _, ok := eq.(types.Bool); !ok && err == nil {
			err = types.MaybeNoSuchOverloadErr(eq)
		}
	}
	if err != nil {
		return err
	}
	return types.False
}

func (l *list) Equal(other ref.Val) ref.Val {
	o, ok := other.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	n := types.Int(len(l.elements))
	if n != o.Size() {
		return types.False
	}
	for i := types.Int(0); i < n; i++ {
		if eq := l.Get(i).Equal(o.Get(i)); eq != types.True {
			return eq // no, or an error
		}
	}
	return types.True
}

func (l *list) Add(other ref.Val) ref.Val {
	more, ok := nativeElements(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return &list{append(l.elements[:len(l.elements):len(l.elements)], more...), l.node}
}

func (l *list) Iterator() traits.Iterator {
	items := make([]ref.Val, len(l.elements))
	for i, e := range l.elements {
		items[i] = valueOf(e, l.node)
	}
	return &iterator{Val: l, items: items}
}

func (l *list) ConvertToNative(to reflect.Type) (any, error) {
	if to.Kind() != reflect.Slice {
		return nil, fmt.Errorf("type conversion error from '%s' to '%s'", l.Type(), to)
	}
	if l.node.Type() != "string" {
		return l.elements, nil
	}
	var out []string
	for _, e := range l.elements {
		s, ok := e.(string)
		if !ok {
			return nil, fmt.Errorf("expected all elements to be of type string, but got %T", e)
		}
		out = append(out, s)
	}
	return out, nil
}

func (l *list) ConvertToType(to ref.Type) ref.Val { return convertTo(l, types.ListType, to) }

// nativeElements are the elements of any list.
func nativeElements(v ref.Val) ([]any, bool) {
	l, ok := v.(traits.Lister)
	if !ok {
		return nil, false
	}
	var out []any
	for it := l.Iterator(); it.HasNext() == types.True; {
		out = append(out, it.Next().Value())
	}
	return out, true
}

// setList is a list of scalars whose order does not count.
type setList struct{ list }

func (l *setList) members() map[any]struct{} {
	set := make(map[any]struct{}, len(l.elements))
	for _, e := range l.elements {
		set[e] = struct{}{}
	}
	return set
}

func (l *setList) Equal(other ref.Val) ref.Val {
	o, ok := nativeElements(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	if len(o) != len(l.elements) {
		return types.False
	}
	set := l.members()
	for _, e := range o {
		if _, ok := set[e]; !ok {
			return types.False
		}
	}
	return types.True
}

// Add is the union: what is in both stays where it is, the rest follows.
func (l *setList) Add(other ref.Val) ref.Val {
	o, ok := nativeElements(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	set := l.members()
	all := l.elements[:len(l.elements):len(l.elements)]
	for _, e := range o {
		if _, ok := set[e]; !ok {
			set[e] = struct{}{}
			all = append(all, e)
		}
	}
	return &setList{list{all, l.node}}
}

// mapList is a list of objects that are told apart by some of their fields, and whose order does not count.
type mapList struct {
	list
	keys []string
}

// key is what tells the element apart, as the key of a Go map.
func (l *mapList) key(element any) any {
	m, ok := element.(map[string]any)
	if !ok {
		return types.NewErr("unexpected data format for element of array with x-kubernetes-list-type=map: %T", element)
	}
	switch k := l.keys; len(k) {
	case 1:
		return m[k[0]]
	case 2:
		return [2]any{m[k[0]], m[k[1]]}
	case 3:
		return [3]any{m[k[0]], m[k[1]], m[k[2]]}
	}
	values := make([]any, len(l.keys))
	for i, k := range l.keys {
		values[i] = m[k]
	}
	return fmt.Sprintf("%v", values)
}

func (l *mapList) Equal(other ref.Val) ref.Val {
	o, ok := other.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	if types.Int(len(l.elements)) != o.Size() {
		return types.False
	}
	byKey := make(map[any]any, len(l.elements))
	for _, e := range l.elements {
		byKey[l.key(e)] = e
	}
	for it := o.Iterator(); it.HasNext() == types.True; {
		v := it.Next()
		e, ok := byKey[l.key(v.Value())]
		if !ok {
			return types.False
		}
		if eq := valueOf(e, l.node).Equal(v); eq != types.True {
			return eq // no, or an error
		}
	}
	return types.True
}

// Add merges: an element that is in both is the other's, where it stood here; the rest follows.
func (l *mapList) Add(other ref.Val) ref.Val {
	o, ok := nativeElements(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	all := make([]any, len(l.elements), len(l.elements)+len(o))
	at := make(map[any]int, len(l.elements))
	for i, e := range l.elements {
		all[i] = e
		at[l.key(e)] = i
	}
	for _, e := range o {
		if i, ok := at[l.key(e)]; ok {
			all[i] = e
		} else {
			all = append(all, e)
		}
	}
	return &mapList{list{all, l.node}, l.keys}
}

// escapedKeys are the names of the fields that tell elements apart, as expressions have them.
func escapedKeys(keys []string) []string {
	for i, k := range keys {
		escaped, ok := apicel.Escape(k)
		if !ok || escaped == k {
			continue
		}
		out := append([]string(nil), keys...)
		out[i] = escaped
		for j := i + 1; j < len(out); j++ {
			if e, ok := apicel.Escape(out[j]); ok {
				out[j] = e
			}
		}
		return out
	}
	return keys
}
