package patch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pintle-io/pintle/internal/schema"
)

// fault is what is wrong with a value, and where. Faults is the error that lists some.
type fault struct{ path, message string }

type faults []fault

func (f fault) Error() string {
	if f.path == "" {
		return f.message
	}
	return f.path + ": " + f.message
}

func (fs faults) Error() string {
	if len(fs) == 1 {
		return fs[0].Error()
	}
	lines := []string{"errors:"}
	for _, f := range fs {
		lines = append(lines, "  "+f.Error())
	}
	return strings.Join(lines, "\n")
}

func errUndeclared(name string) error { return fault{"." + name, "field not declared in schema"} }

// validate says how a tree is not of its schema: a value of another type, an undeclared field, or elements of
// associative lists that can't be told apart (unless duplicates are allowed).
func validate(s *schema.Schema, v any, duplicates bool) error {
	if m, ok := v.(map[string]any); ok && m == nil {
		return nil
	}
	if duplicates && conforms(s, v, 0) {
		return nil
	}
	c := validation{duplicates: duplicates}
	c.value(s, v, 0)
	if len(c.faults) > 0 {
		return c.faults
	}
	return nil
}

// conforms is validate that allows duplicates and only says whether there is a fault: nearly always, there is none.
func conforms(s *schema.Schema, v any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch shape(s, v) {
	case kindMap:
		m, ok := v.(map[string]any)
		if !ok {
			return v == nil
		}
		for k, x := range m {
			if !declares(s, k) || !conforms(childSchema(s, k), x, depth+1) {
				return false
			}
		}
	case kindList:
		l, ok := v.([]any)
		if !ok {
			return v == nil
		}
		items, atomic := itemSchema(s), isAtomic(s, kindList)
		for _, x := range l {
			if !atomic && !isItem(s, x) || !conforms(items, x, depth+1) {
				return false
			}
		}
	default:
		c := validation{}
		if v != nil {
			c.scalar(s, v)
		}
		return len(c.faults) == 0
	}
	return true
}

// isItem says whether itemElem finds the value's step.
func isItem(list *schema.Schema, v any) bool {
	if len(list.Keys) == 0 {
		return kindOf(v) == kindScalar
	}
	m, ok := v.(map[string]any)
	for _, name := range list.Keys {
		if _, has := m[name]; has || ok && keyDefault(list, name) != nil {
			return true
		}
	}
	return false
}

type validation struct {
	duplicates bool
	faults     faults
	path       []elem
}

func (c *validation) fault(format string, args ...any) {
	var b strings.Builder
	for _, e := range c.path {
		b.WriteString(e.String())
	}
	c.faults = append(c.faults, fault{b.String(), fmt.Sprintf(format, args...)})
}

func (c *validation) value(s *schema.Schema, v any, depth int) {
	if depth > maxDepth {
		c.fault("%v", errTooDeep)
		return
	}
	switch shape(s, v) {
	case kindMap:
		c.fields(s, v, depth)
	case kindList:
		c.list(s, v, depth)
	default:
		c.scalar(s, v)
	}
}

func (c *validation) fields(s *schema.Schema, v any, depth int) {
	m, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			c.fault("expected map, got %v", printed{v})
		}
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		c.path = append(c.path, fieldElem(k))
		if !declares(s, k) {
			c.fault("field not declared in schema")
			c.path = c.path[:len(c.path)-1]
			return
		}
		c.value(childSchema(s, k), m[k], depth+1)
		c.path = c.path[:len(c.path)-1]
	}
}

func (c *validation) list(s *schema.Schema, v any, depth int) {
	l, ok := v.([]any)
	if !ok {
		if v != nil {
			c.fault("expected list, got %v", printed{v})
		}
		return
	}
	associative := !isAtomic(s, kindList)
	seen := map[string]bool(nil)
	if associative && !c.duplicates && hasDuplicates(s, l) {
		seen = map[string]bool{}
	}
	for i, v := range l {
		e := elem{kind: elemIndex, key: []keyField{{val: scalar{kind: scalarInt, i: int64(i)}}}}
		if associative {
			var err error
			if e, err = itemElem(s, v); err != nil {
				c.fault("element %v: %v", i, err)
				return
			}
			if seen != nil {
				id := string(e.appendJSON(nil))
				if seen[id] {
					c.fault("duplicate entries for key %v", e)
				}
				seen[id] = true
			}
		}
		c.path = append(c.path, e)
		c.value(itemSchema(s), v, depth+1)
		c.path = c.path[:len(c.path)-1]
	}
}

func hasDuplicates(s *schema.Schema, l []any) bool {
	items := make([]item[struct{}], 0, len(l))
	for _, v := range l {
		if e, err := itemElem(s, v); err == nil {
			items = append(items, item[struct{}]{elem: e})
		}
	}
	sortItems(items)
	for len(items) > 0 {
		n := run(items)
		if n > 1 {
			return true
		}
		items = items[n:]
	}
	return false
}

func (c *validation) scalar(s *schema.Schema, v any) {
	if v == nil {
		return
	}
	sc, ok := scalarOf(v)
	typ := schema.Any
	if s != nil {
		if typ = s.Type; typ == schema.IntOrString {
			typ = s.Said
		}
	}
	switch typ {
	case schema.Integer, schema.Number:
		if !ok || sc.kind > scalarFloat {
			c.fault("expected numeric (int or float), got %T", v)
		}
	case schema.String:
		if s.Format != "" && s.Format != "byte" {
			if !ok {
				c.fault("expected any scalar, got %v", printed{v})
			}
		} else if sc.kind != scalarString || !ok {
			c.fault("expected string, got %#v", goPrinted{v})
		}
	case schema.Boolean:
		if sc.kind != scalarBool || !ok {
			c.fault("expected boolean, got %v", printed{v})
		}
	default:
		if !ok {
			c.fault("expected any scalar, got %v", printed{v})
		}
	}
}

// printed and goPrinted print a value as the reference's messages do, which print a wrapper around it.
type printed struct{ Value any }

func (p printed) String() string { return fmt.Sprintf("&{%v}", p.Value) }

type goPrinted struct{ Value any }

func (p goPrinted) GoString() string {
	return fmt.Sprintf("&value.valueUnstructured{Value:%#v}", p.Value)
}
