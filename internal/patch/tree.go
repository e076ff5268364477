package patch

import (
	"encoding/json"
	"fmt"

	"github.com/pintle-io/pintle/internal/schema"
)

// valueKind is what a tree's value is, whatever the schema says.
type valueKind uint8

const (
	kindNull valueKind = iota
	kindMap
	kindList
	kindScalar
)

func kindOf(v any) valueKind {
	switch v.(type) {
	case nil:
		return kindNull
	case map[string]any:
		return kindMap
	case []any:
		return kindList
	}
	return kindScalar
}

// scalarOf reads a value that is not a list or a map.
func scalarOf(v any) (scalar, bool) {
	switch v := v.(type) {
	case nil:
		return scalar{kind: scalarNull}, true
	case string:
		return scalar{kind: scalarString, s: v}, true
	case bool:
		if v {
			return scalar{kind: scalarBool, i: 1}, true
		}
		return scalar{kind: scalarBool}, true
	case int64:
		return scalar{kind: scalarInt, i: v}, true
	case int:
		return scalar{kind: scalarInt, i: int64(v)}, true
	case int32:
		return scalar{kind: scalarInt, i: int64(v)}, true
	case float64:
		return scalar{kind: scalarFloat, f: v}, true
	case float32:
		return scalar{kind: scalarFloat, f: float64(v)}, true
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return scalar{kind: scalarInt, i: i}, true
		}
		f, err := v.Float64()
		return scalar{kind: scalarFloat, f: f}, err == nil
	}
	return scalar{}, false
}

// equalTrees compares as JSON: 1 and 1.0 are equal.
func equalTrees(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equalTrees(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalTrees(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	x, xok := scalarOf(a)
	y, yok := scalarOf(b)
	return xok && yok && x.compare(y) == 0
}

// A nil schema, as one of type Any, lets the value decide: maps are granular, lists and scalars are leaves. An
// Any that is Atomic is a leaf whatever it is. (RawExtension is; JSON, FieldsV1 and what a custom resource
// preserves are not.)

// anyAtomic is the schema of the elements of lists that have none.
var anyAtomic = &schema.Schema{Type: schema.Any, Atomic: true}

// OpenAPI can't say "integer or string", so IntOrString is as good as Any, or is what the document says beside it.
func isAny(s *schema.Schema) bool {
	return s == nil || s.Type == schema.Any || s.Type == schema.IntOrString && s.Said == schema.Any
}

func isMapType(s *schema.Schema) bool { return s.Type == schema.Object || s.Type == schema.Map }

// shape is how a value is treated under a schema.
func shape(s *schema.Schema, v any) valueKind {
	switch {
	case isAny(s):
		if k := kindOf(v); k != kindNull {
			return k
		}
		return kindMap
	case isMapType(s):
		return kindMap
	case s.Type == schema.List:
		return kindList
	}
	return kindScalar
}

func isAtomic(s *schema.Schema, k valueKind) bool {
	if k == kindList {
		return s == nil || s.Type != schema.List || s.ListType == schema.ListAtomic
	}
	return s != nil && s.Atomic
}

// childSchema is the schema of a field or map value; nil where the schema leaves everything open.
func childSchema(s *schema.Schema, name string) *schema.Schema {
	if s == nil {
		return nil
	}
	if p := s.Property(name); p != nil {
		return p
	}
	if s.Items == nil && s.Type == schema.Any && s.Atomic {
		return anyAtomic
	}
	return s.Items
}

// declares says whether the schema has anything to say about a field of that name: a field of an object
// that lists its fields and preserves no others may not be called anything else.
func declares(s *schema.Schema, name string) bool {
	return s == nil || s.Type != schema.Object || len(s.Properties) == 0 || s.Items != nil || s.PreserveUnknown ||
		s.Property(name) != nil
}

// itemSchema is the schema of a list's elements.
func itemSchema(s *schema.Schema) *schema.Schema {
	if s == nil || s.Type != schema.List || s.Items == nil {
		return anyAtomic
	}
	return s.Items
}

// itemElem is the step that leads to an element of an associative list.
func itemElem(list *schema.Schema, v any) (elem, error) {
	if len(list.Keys) == 0 {
		switch v.(type) {
		case map[string]any:
			return elem{}, errSetMap
		case []any:
			return elem{}, errSetList
		case nil:
			return elem{}, errSetNull
		}
		sc, _ := scalarOf(v)
		return elem{kind: elemValue, key: []keyField{{val: sc}}}, nil
	}
	if v == nil {
		return elem{}, errKeyedNull
	}
	m, ok := v.(map[string]any)
	if !ok {
		return elem{}, errKeyedScalar
	}
	e := elem{kind: elemKey, key: make([]keyField, 0, len(list.Keys))}
	for _, name := range list.Keys {
		if v, ok := m[name]; ok {
			e.key = append(e.key, keyField{name, keyScalar(v)})
		} else if def := keyDefault(list, name); def != nil {
			e.key = append(e.key, keyField{name, *def})
		}
	}
	if len(e.key) == 0 {
		return elem{}, errNoKeys(list.Keys)
	}
	sortKeys(e.key)
	return e, nil
}

// keyScalar is a key's value. Keys that are lists or maps are no API's, but may be tried.
func keyScalar(v any) scalar {
	if sc, ok := scalarOf(v); ok {
		return sc
	}
	raw, _ := json.Marshal(v)
	if kindOf(v) == kindList {
		return scalar{kind: scalarList, s: string(raw)}
	}
	return scalar{kind: scalarMap, s: string(raw)}
}

var (
	errSetMap      = fmt.Errorf("associative list without keys has an element that's a map type")
	errSetList     = fmt.Errorf("not supported: associative list with lists as elements")
	errSetNull     = fmt.Errorf("associative list without keys has an element that's an explicit null")
	errKeyedNull   = fmt.Errorf("associative list with keys may not have a null element")
	errKeyedScalar = fmt.Errorf("associative list with keys may not have non-map elements")
)

func errNoKeys(keys []string) error {
	return fmt.Errorf("associative list with keys has an element that omits all key fields %q (and doesn't have default values for any key fields)", keys)
}

func sortKeys(keys []keyField) {
	for i := 1; i < len(keys); i++ {
		for j := i; j > 0 && keys[j].name < keys[j-1].name; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
		}
	}
}
