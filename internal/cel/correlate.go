package cel

import (
	"fmt"
	"reflect"
	"strings"
)

// correlated is a value and the one that it takes the place of. Rules that fail on a value that does not change are
// warnings only.
type correlated struct {
	value, old any
	node       Node
	items      *keyed // of old, a list of elements with keys
	compared   bool
	same       bool
}

// field is the correlated value of a field or key, nil when there was none or nothing is known of it.
func (c *correlated) field(name string) *correlated {
	m, ok := c.value.(map[string]any)
	old, okOld := c.old.(map[string]any)
	if !ok || !okOld {
		return nil
	}
	v, ok := m[name]
	ov, okOld := old[name]
	if !ok || !okOld {
		return nil
	}
	n := c.node.Property(name)
	if n == nil {
		n = c.node.Values()
	}
	if n == nil {
		return nil
	}
	return &correlated{value: v, old: ov, node: n}
}

// index is the correlated value of an element: the one with the same keys. Elements of other lists have none.
func (c *correlated) index(i int) *correlated {
	l, ok := c.value.([]any)
	old, okOld := c.old.([]any)
	if !ok || !okOld || i >= len(l) || c.node.ListType() != "map" {
		return nil
	}
	if c.items == nil {
		c.items = keyElements(c.node, old)
	}
	ov := c.items.find(l[i])
	if ov == nil || c.node.Items() == nil {
		return nil
	}
	return &correlated{value: l[i], old: ov, node: c.node.Items()}
}

// equal says whether the value does not change: elements with keys may be in another order. An object with fields of which
// nothing is known is never equal to another one, as the reference has it.
func (c *correlated) equal() bool {
	if c == nil {
		return false
	}
	if !c.compared {
		c.same, c.compared = c.compare(), true
	}
	return c.same
}

func (c *correlated) compare() bool {
	if c.value == nil || c.old == nil {
		return c.value == nil && c.old == nil
	}
	switch v := c.value.(type) {
	case []any:
		old, ok := c.old.([]any)
		if !ok || len(v) != len(old) {
			return false
		}
		if c.node.ListType() != "map" {
			return reflect.DeepEqual(v, old)
		}
		for i := range v {
			if !c.index(i).equal() {
				return false
			}
		}
		return true
	case map[string]any:
		old, ok := c.old.(map[string]any)
		if !ok || len(v) != len(old) {
			return false
		}
		for k := range v {
			if !c.field(k).equal() {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(c.value, c.old)
}

// ratchet is where a walk stands beside the stored object.
type ratchet struct {
	at     *correlated // nil where nothing corresponds
	parent *correlated // the next one above that has a correspondence
}

// forgives says whether an error of the value is only a warning: nothing changes in it, or in what is around it.
func (r ratchet) forgives() bool {
	if r.at != nil {
		return r.at.equal()
	}
	return r.parent.equal()
}

func (r ratchet) field(name string) ratchet {
	switch {
	case r.at == nil:
		return r
	case r.parent == nil && (name == "apiVersion" || name == "kind"):
		return ratchet{} // both have been converted to the same: a change would not be seen
	}
	return ratchet{r.at.field(name), r.at}
}

func (r ratchet) index(i int) ratchet {
	if r.at == nil {
		return r
	}
	return ratchet{r.at.index(i), r.at}
}

// keyed finds the elements of a list by the fields that tell them apart.
type keyed struct {
	keys  []string
	byKey map[any]any
}

// keyElements finds nothing when elements of the node cannot be told apart.
func keyElements(n Node, elements []any) *keyed {
	k := &keyed{}
	if n.Type() != "array" || n.ListType() != "map" || len(n.ListKeys()) == 0 || len(elements) == 0 {
		return k
	}
	k.keys = n.ListKeys()
	k.byKey = make(map[any]any, len(elements))
	for _, e := range elements {
		if key, ok := k.key(e); ok {
			if _, twice := k.byKey[key]; !twice {
				k.byKey[key] = e
			}
		}
	}
	return k
}

// find is the element with the keys of the given one, nil when there is none.
func (k *keyed) find(element any) any {
	if k == nil || len(k.byKey) == 0 {
		return nil
	}
	key, ok := k.key(element)
	if !ok {
		return nil
	}
	return k.byKey[key]
}

// key is what tells an element apart; not ok when fields are missing or no scalars.
func (k *keyed) key(element any) (any, bool) {
	m, ok := element.(map[string]any)
	if !ok {
		return nil, false
	}
	if len(k.keys) == 1 {
		v := m[k.keys[0]]
		switch v.(type) {
		case bool, float64, int64, string:
			return v, true
		}
		return nil, false
	}
	var b strings.Builder
	for _, name := range k.keys {
		switch v := m[name].(type) {
		case bool:
			fmt.Fprintf(&b, "\x00%t", v)
		case float64:
			fmt.Fprintf(&b, "\x00%f", v)
		case int64:
			fmt.Fprintf(&b, "\x00%d", v)
		case string:
			fmt.Fprintf(&b, "\x00%q", v)
		default:
			return nil, false
		}
	}
	return b.String(), true
}
