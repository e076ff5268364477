package schema

import (
	"fmt"
	"strconv"
)

// previous is the old value that a value is correlated with: what did not change may stay wrong. Fields correlate by
// name and elements of map lists by their keys; nothing else does, and nothing below it.
type previous struct {
	value any
	known bool
	top   bool // of a whole object, or status
}

// field is what the field of an object correlates with; s is the object's node.
func (p previous) field(s *Schema, name string) previous {
	if !p.known || p.top && (name == "kind" || name == "apiVersion") {
		return previous{}
	}
	m, _ := p.value.(map[string]any)
	v, ok := m[name]
	if ok {
		if child, _ := s.field(name); child == nil {
			ok = false
		}
	}
	return previous{value: v, known: ok}
}

// elements finds what the elements of a list correlate with; s is the list's node.
func (p previous) elements(s *Schema) elements {
	if !p.known || s.ListType != ListMap || s.Elements() == nil {
		return elements{}
	}
	old, _ := p.value.([]any)
	return elements{s: s, old: old}
}

// elements are those of an old map list.
type elements struct {
	s     *Schema // nil: nothing is known of them
	old   []any
	byKey map[any]any // the first of each key, when they are many
}

// fewElements are looked through.
const fewElements = 32

// previous is what an element correlates with.
func (e *elements) previous(v any) previous {
	if e.s == nil {
		return previous{}
	}
	was := e.like(v)
	return previous{value: was, known: was != nil}
}

// like is elementLike for many elements, one after the other.
func (e *elements) like(v any) any {
	if len(e.old) <= fewElements || e.s.Type != List || len(e.s.Keys) == 0 {
		return elementLike(e.s, e.old, v)
	}
	if e.byKey == nil {
		e.byKey = make(map[any]any, len(e.old))
		for _, w := range e.old {
			if key := correlationKey(e.s.Keys, w); key != nil {
				if _, ok := e.byKey[key]; !ok {
					e.byKey[key] = w
				}
			}
		}
	}
	if key := correlationKey(e.s.Keys, v); key != nil {
		return e.byKey[key]
	}
	return nil
}

// correlationKey is what is equal for elements of the same keys, nil when one is missing.
func correlationKey(keys []string, v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	var all []byte
	for _, k := range keys {
		x := m[k]
		if x == nil || !isScalar(x) {
			return nil
		}
		if len(keys) == 1 {
			return x
		}
		switch x := x.(type) {
		case string:
			all = strconv.AppendQuote(all, x)
		case float64:
			all = fmt.Appendf(all, "%f", x)
		default:
			all = fmt.Appendf(all, "%T %v", x, x)
		}
		all = append(all, ',')
	}
	return string(all)
}

// elementLike is the first element of a map list that has the keys of v, nil when there is none or a key is missing.
func elementLike(s *Schema, old []any, v any) any {
	m, ok := v.(map[string]any)
	if !ok || s.Type != List || len(s.Keys) == 0 {
		return nil
	}
	for _, k := range s.Keys {
		if _, ok := m[k]; !ok || !isScalar(m[k]) || m[k] == nil {
			return nil
		}
	}
	for _, w := range old {
		if w, ok := w.(map[string]any); ok && sameKeys(s.Keys, m, w) {
			return w
		}
	}
	return nil
}

func sameKeys(keys []string, a, b map[string]any) bool {
	for _, k := range keys {
		x, y := a[k], b[k]
		if len(keys) == 1 {
			return x == y
		}
		// Several keys are compared as text, which leaves of a number six digits behind the point.
		f, isFloat := x.(float64)
		g, both := y.(float64)
		switch {
		case isFloat && both:
			if fmt.Sprintf("%f", f) != fmt.Sprintf("%f", g) {
				return false
			}
		case !isScalar(y) || x != y:
			return false
		}
	}
	return true
}

// equalTo says whether a value did not change, as far as values can be correlated: fields that the schema does not know
// count as changed, and elements of map lists may change places.
func equalTo(s *Schema, v, old any) bool {
	switch v := v.(type) {
	case []any:
		old, ok := old.([]any)
		if !ok || len(v) != len(old) {
			return false
		}
		if s.ListType != ListMap {
			return equal(v, old)
		}
		before := elements{s: s, old: old}
		for _, e := range v {
			was := before.like(e)
			if was == nil || s.Elements() == nil || !equalTo(s.Elements(), e, was) {
				return false
			}
		}
		return true
	case map[string]any:
		old, ok := old.(map[string]any)
		if !ok || len(v) != len(old) {
			return false
		}
		for k, e := range v {
			was, ok := old[k]
			child, _ := s.field(k)
			if !ok || child == nil || !equalTo(child, e, was) {
				return false
			}
		}
		return true
	}
	return isScalar(old) && v == old
}

// equal says whether two trees are the same; 1 and 1.0 are not.
func equal(a, b any) bool { return equalBut(a, b, equalScalars) }

func equalScalars(a, b any) bool { return isScalar(b) && a == b }

// equalBut says whether two trees are the same, where scalars says so of the scalars in a.
func equalBut(a, b any, scalars func(a, b any) bool) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalBut(a[i], b[i], scalars) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !equalBut(v, w, scalars) {
				return false
			}
		}
		return true
	}
	return scalars(a, b)
}
