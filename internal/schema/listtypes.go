package schema

import (
	"strconv"

	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateUnique finds elements that lists of type set or map have more than once, at and below the fields of an object.
func validateUnique(path *field.Path, s *Schema, v any) (found field.ErrorList) {
	w := uniqueWalk{quiet: true}
	if w.value(nil, s, v); !w.failed {
		return nil
	}
	w = uniqueWalk{}
	w.value(path, s, v)
	return w.found
}

// uniqueWalk is quiet at first and makes no paths; only if something was found, it goes again.
type uniqueWalk struct {
	quiet, failed bool
	found         field.ErrorList
}

func (w *uniqueWalk) value(path *field.Path, s *Schema, v any) {
	if s == nil || s.below&belowUnique == 0 || w.failed && w.quiet {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if w.quiet {
			for k := range v {
				child, _ := s.field(k)
				w.value(nil, child, v[k])
			}
			return
		}
		keys := sortedKeys(v)
		if values, _ := s.Additional(); values != nil {
			for _, k := range keys {
				w.value(path.Key(k), values, v[k])
			}
		}
		for _, k := range keys {
			if child := s.Own(k); child != nil {
				w.value(path.Child(k), child, v[k])
			}
		}
	case []any:
		w.list(path, s, v)
		if elements := s.Elements(); elements != nil && elements.below&belowUnique != 0 {
			for i := range v {
				w.value(w.index(path, i), elements, v[i])
			}
		}
	}
}

func (w *uniqueWalk) index(path *field.Path, i int) *field.Path {
	if w.quiet {
		return nil
	}
	return path.Index(i)
}

func (w *uniqueWalk) list(path *field.Path, s *Schema, list []any) {
	if s.ListType == ListAtomic {
		return
	}
	if s.ListType == ListMap {
		for i, v := range list {
			if _, ok := v.(map[string]any); !ok && v != nil {
				if w.failed = true; !w.quiet {
					w.found = append(w.found, field.Invalid(path.Index(i), v, "must be an object for an array of list-type map"))
				}
				return
			}
		}
	}
	const few = 24
	var seen map[any]int
	if len(list) > few {
		seen = make(map[any]int, len(list))
	}
	for i := range list {
		before := 0
		if seen != nil {
			id := identity(s, list[i])
			before = seen[id]
			seen[id]++
		} else {
			for j := range i {
				if sameElement(s, list[i], list[j]) {
					before++
				}
			}
		}
		if before == 1 { // the third of a kind is not told again
			if w.failed = true; w.quiet {
				return
			}
			w.found = append(w.found, field.Duplicate(path.Index(i), shownElement(s, list[i])))
		}
	}
}

// Elements are told apart as the reference tells them: scalars as Go values (1 is not 1.0, null is a value), what is
// compound, or made of several keys, as JSON text (1 is 1.0). A missing key is a value of its own.

type missing struct{}

type jsonText string

// identity is the same for the same elements.
func identity(s *Schema, v any) any {
	switch {
	case s.ListType == ListMap && len(s.Keys) != 1:
		v = keysOf(s, v)
	case s.ListType == ListMap:
		v = keyOf(s, v)
	}
	if isScalar(v) {
		return v
	}
	text, _ := json.Marshal(v)
	return jsonText(text)
}

func sameElement(s *Schema, a, b any) bool {
	switch {
	case s.ListType == ListMap && len(s.Keys) != 1:
		x, _ := a.(map[string]any)
		y, _ := b.(map[string]any)
		for _, k := range s.Keys {
			v, has := x[k]
			w, both := y[k]
			if has != both || !equalJSON(v, w) {
				return false
			}
		}
		return true
	case s.ListType == ListMap:
		a, b = keyOf(s, a), keyOf(s, b)
	}
	if isScalar(a) {
		return isScalar(b) && a == b
	}
	return equalJSON(a, b)
}

// keyOf is the value of the only key of an element.
func keyOf(s *Schema, v any) any {
	m, _ := v.(map[string]any)
	if key, ok := m[s.Keys[0]]; ok {
		return key
	}
	return missing{}
}

// keysOf are the keys that an element has.
func keysOf(s *Schema, v any) map[string]any {
	m, _ := v.(map[string]any)
	out := map[string]any{}
	for _, k := range s.Keys {
		if key, ok := m[k]; ok {
			out[k] = key
		}
	}
	return out
}

// shownElement is the element of a list as a finding shows it.
func shownElement(s *Schema, v any) any {
	if s.ListType == ListMap {
		return keysOf(s, v)
	}
	return v
}

// equalJSON says whether two trees have the same JSON text.
func equalJSON(a, b any) bool {
	return equalBut(a, b, func(a, b any) bool {
		switch a := a.(type) {
		case int64:
			if f, ok := b.(float64); ok {
				return equalNumbers(a, f)
			}
		case float64:
			if n, ok := b.(int64); ok {
				return equalNumbers(n, a)
			}
		}
		return equalScalars(a, b)
	})
}

func equalNumbers(n int64, f float64) bool {
	return float64(n) == f && strconv.FormatInt(n, 10) == strconv.FormatFloat(f, 'f', -1, 64)
}
