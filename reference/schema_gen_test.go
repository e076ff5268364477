package reference

import (
	"maps"
	"math/rand/v2"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// schemaGen makes structural schemas, and objects that mostly follow them.
type schemaGen struct {
	*rand.Rand
	depth int
}

func (g *schemaGen) chance(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *schemaGen, of ...T) T { return of[g.IntN(len(of))] }

func (g *schemaGen) root() map[string]any {
	s := g.node(4, true)
	s["type"] = "object"
	delete(s, "additionalProperties")
	delete(s, "default")
	delete(s, "nullable")
	delete(s, "x-kubernetes-int-or-string")
	delete(s, "x-kubernetes-embedded-resource")
	delete(s, "items")
	props, _ := s["properties"].(map[string]any)
	if props == nil {
		props = map[string]any{}
		s["properties"] = props
	}
	if g.chance(2) {
		props["spec"] = g.node(4, false)
	}
	if g.chance(2) {
		props["status"] = g.node(3, false)
	}
	if _, found := props["metadata"]; found || g.chance(3) {
		props["metadata"] = map[string]any{"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string", "maxLength": g.IntN(6)}}}
	}
	if g.chance(4) {
		props["kind"] = map[string]any{"type": "string", "enum": []any{"Thing", "Other"}}
	}
	return s
}

var genNames = []string{"a", "b", "c", "name", "spec", "status", "key", "metadata", "kind", "apiVersion", "x.y"}

func (g *schemaGen) node(depth int, object bool) map[string]any {
	s := map[string]any{}
	types := []string{"string", "integer", "number", "boolean", "intorstring", "any"}
	if depth > 0 {
		types = append(types, "object", "object", "object", "array", "array", "map", "embedded")
	}
	typ := pick(g, types...)
	if object {
		typ = "object"
	}
	switch typ {
	case "intorstring":
		s["x-kubernetes-int-or-string"] = true
		switch g.IntN(3) {
		case 0:
			s["anyOf"] = []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}
		case 1:
			s["allOf"] = []any{map[string]any{"anyOf": []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}}}
		}
	case "any":
		s["x-kubernetes-preserve-unknown-fields"] = true
		if depth > 0 && g.chance(2) {
			s["properties"] = g.properties(depth)
		}
		if depth > 0 && g.chance(5) {
			s["items"] = g.node(depth-1, false)
		}
	case "object":
		s["type"] = "object"
		if !g.chance(6) {
			s["properties"] = g.properties(depth)
		}
		if g.chance(6) {
			s["x-kubernetes-preserve-unknown-fields"] = true
		}
	case "embedded":
		s["type"] = "object"
		s["x-kubernetes-embedded-resource"] = true
		if !g.chance(3) {
			s["x-kubernetes-preserve-unknown-fields"] = true
		}
		if g.chance(2) || s["x-kubernetes-preserve-unknown-fields"] == nil {
			props := g.properties(depth)
			props["spec"] = g.node(depth-1, false)
			for _, k := range []string{"kind", "apiVersion", "metadata"} {
				if props[k] != nil {
					props[k] = map[string]any{"type": "string"}
				}
			}
			if props["metadata"] != nil {
				props["metadata"] = map[string]any{"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string", "maxLength": 2},
					"labels": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}}}
			}
			s["properties"] = props
		}
	case "map":
		s["type"] = "object"
		s["additionalProperties"] = g.node(depth-1, false)
		if g.chance(6) {
			s["additionalProperties"] = pick[any](g, true, false)
		}
	case "array":
		s["type"] = "array"
		item := g.node(depth-1, false)
		s["items"] = item
		switch g.IntN(4) {
		case 0:
			s["x-kubernetes-list-type"] = "set"
		case 1:
			item = g.node(depth-1, true)
			s["items"] = item
			props, _ := item["properties"].(map[string]any)
			if props == nil {
				props = map[string]any{}
				item["properties"] = props
			}
			props["key"] = map[string]any{"type": pick(g, "string", "integer", "number")}
			keys := []any{"key"}
			if g.chance(2) {
				props["name"] = map[string]any{"type": "string"}
				keys = append(keys, "name")
			}
			s["x-kubernetes-list-type"] = "map"
			s["x-kubernetes-list-map-keys"] = keys
		}
	default:
		s["type"] = typ
	}
	if g.chance(6) {
		s["nullable"] = true
	}
	g.limits(s, depth)
	if g.chance(4) {
		s["default"] = g.defaultFor(s)
	}
	return s
}

func (g *schemaGen) properties(depth int) map[string]any {
	out := map[string]any{}
	for range g.IntN(4) + 1 {
		name := pick(g, genNames...)
		if name != "metadata" {
			out[name] = g.node(depth-1, false)
		} else {
			out[name] = g.node(depth-1, true)
		}
	}
	return out
}

var genFormats = []string{"date", "date-time", "ipv4", "ipv6", "cidr", "uuid", "uri", "email", "hostname", "byte", "duration", "int32", "int64", "float", "double", "foo", "k8s-short-name", "password"}

func (g *schemaGen) limits(s map[string]any, depth int) {
	add := func(key string, v any) {
		if g.chance(9) {
			s[key] = v
		}
	}
	n := g.IntN(4)
	add("minLength", n)
	add("maxLength", n+g.IntN(3))
	add("minItems", n)
	add("maxItems", n+g.IntN(2))
	add("minProperties", n)
	add("maxProperties", n+g.IntN(3))
	add("minimum", pick[any](g, n, 0.5, -1, -2.5, 1e30))
	add("maximum", pick[any](g, n+3, 1.5, -1, 2147483648))
	add("exclusiveMinimum", g.chance(2))
	add("exclusiveMaximum", g.chance(2))
	add("multipleOf", pick[any](g, 2, 0.5, 3, 0.1, 1.5))
	add("pattern", pick(g, "^a", "b$", "^[a-z]*$", "x{2,3}"))
	add("format", pick(g, genFormats...))
	if g.chance(6) {
		var list []any
		for range g.IntN(4) {
			list = append(list, g.scalar())
		}
		if g.chance(4) {
			list = append(list, map[string]any{"a": 1}, []any{1, "a"})
		}
		s["enum"] = list
	}
	if g.chance(5) {
		s["required"] = []any{pick(g, genNames...), pick(g, genNames...)}
	}
	if depth > 0 {
		for _, key := range []string{"allOf", "anyOf", "oneOf"} {
			if g.chance(12) {
				var list []any
				for range g.IntN(3) + 1 {
					list = append(list, g.branch(depth-1))
				}
				if old, ok := s[key].([]any); ok {
					list = append(old, list...)
				}
				s[key] = list
			}
		}
		if g.chance(12) {
			s["not"] = g.branch(depth - 1)
		}
	}
}

// branch is a schema inside a junctor.
func (g *schemaGen) branch(depth int) map[string]any {
	s := map[string]any{}
	g.limits(s, depth)
	if g.chance(3) {
		g.limits(s, depth)
	}
	if depth > 0 && g.chance(2) {
		props := map[string]any{}
		for range g.IntN(3) {
			props[pick(g, genNames...)] = g.branch(depth - 1)
		}
		s["properties"] = props
	}
	if depth > 0 && g.chance(6) {
		s["items"] = g.branch(depth - 1)
	}
	if g.chance(4) {
		s["type"] = pick(g, "string", "integer", "object", "array", "number", "boolean")
	}
	return s
}

func (g *schemaGen) scalar() any {
	return pick[any](g, "", "a", "ab", "b", "xx", "A", "äöü", int64(0), int64(1), int64(2), int64(65), int64(-3), int64(1)<<40, 1.0, 1.5, 2.0, -0.5, 1e40, true, false, nil,
		"2020-01-01", "2020-01-01T00:00:00Z", "1.2.3.4", "::1", "10.0.0.0/8", "123e4567-e89b-12d3-a456-426614174000", "http://a/b", "a@b.c", "a.example.com", "YWJj", "3h")
}

// defaultFor is a default, which has unknown fields and nulls in it now and then.
func (g *schemaGen) defaultFor(s map[string]any) any {
	for range 5 {
		if v := g.value(s, 0); v != nil {
			return v
		}
	}
	return "a"
}

func (g *schemaGen) object(s map[string]any) map[string]any {
	obj, ok := g.value(s, 0).(map[string]any)
	if !ok {
		obj = map[string]any{}
	}
	obj["apiVersion"], obj["kind"] = "example.com/v1", "Thing"
	obj["metadata"] = g.metadata()
	return obj
}

func (g *schemaGen) metadata() map[string]any {
	m := map[string]any{"name": "thing"}
	for range g.IntN(3) {
		switch g.IntN(14) {
		case 0:
			m["labels"] = map[string]any{"a": "b"}
		case 1:
			m["labels"] = pick[any](g, map[string]any{}, nil, map[string]any{"a": int64(1)}, map[string]any{"a": nil})
		case 2:
			m["creationTimestamp"] = pick[any](g, nil, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00", "x", "2020-01-01T00:00:00.5Z")
		case 3:
			m["finalizers"] = pick[any](g, []any{}, []any{"a/b"}, []any{nil}, "x")
		case 4:
			m["ownerReferences"] = pick[any](g, []any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y"}}, []any{map[string]any{"kind": "Pod"}},
				[]any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y", "more": int64(1)}})
		case 5:
			m["generation"] = pick[any](g, int64(3), int64(0), 1.5, "x")
		case 6:
			m[pick(g, "unknown", "clusterName", "Name")] = pick[any](g, "x", map[string]any{"y": int64(1)})
		case 7:
			m["name"] = pick[any](g, "", int64(1), nil, "other", "UPPER/x")
		case 8:
			m["deletionTimestamp"] = pick[any](g, nil, "2020-01-01T00:00:00Z")
		case 9:
			m["deletionGracePeriodSeconds"] = pick[any](g, int64(0), nil, "x")
		case 10:
			m["annotations"] = map[string]any{"a": pick[any](g, "b", int64(2), nil)}
		case 11:
			m["managedFields"] = []any{map[string]any{"manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2020-01-01T00:00:00Z", "fieldsType": "FieldsV1",
				"fieldsV1": map[string]any{"f:spec": map[string]any{}}}}
		case 12:
			m["namespace"] = pick[any](g, "ns", "")
		}
	}
	return m
}

// value follows a schema, mostly.
func (g *schemaGen) value(s map[string]any, depth int) any {
	if depth > 8 || g.chance(12) {
		return g.wild(2)
	}
	if enum, ok := s["enum"].([]any); ok && len(enum) > 0 && g.chance(2) {
		return decoded(pick(g, enum...))
	}
	if g.chance(15) {
		return nil
	}
	switch s["type"] {
	case "object":
		return g.fields(s, depth)
	case "array":
		items, _ := s["items"].(map[string]any)
		list := []any{}
		for range g.IntN(4) {
			if len(list) > 0 && g.chance(4) {
				list = append(list, runtime.DeepCopyJSONValue(list[0]))
			} else {
				list = append(list, g.value(items, depth+1))
			}
		}
		return list
	case "string":
		return pick[any](g, "", "a", "ab", "b", "xx", "äöü", g.scalar())
	case "integer":
		return pick[any](g, int64(0), int64(1), int64(2), int64(3), int64(-3), 2.0, g.scalar())
	case "number":
		return pick[any](g, int64(1), 1.5, 0.3, 2.0, -0.5, g.scalar())
	case "boolean":
		return pick[any](g, true, false)
	}
	if s["x-kubernetes-int-or-string"] == true {
		return pick[any](g, "a", int64(1), "50%", 1.0, g.scalar())
	}
	if s["properties"] != nil && g.chance(2) {
		return g.fields(s, depth)
	}
	return g.wild(2)
}

func (g *schemaGen) fields(s map[string]any, depth int) any {
	m := map[string]any{}
	props, _ := s["properties"].(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(props)) {
		if !g.chance(3) {
			m[k] = g.value(props[k].(map[string]any), depth+1)
		}
	}
	if values, ok := s["additionalProperties"].(map[string]any); ok {
		for range g.IntN(3) {
			m[pick(g, genNames...)] = g.value(values, depth+1)
		}
	}
	if s["additionalProperties"] == true || s["additionalProperties"] == false || g.chance(5) {
		m[pick(g, "other", "unknown", "a", "spec")] = g.wild(2)
	}
	if s["x-kubernetes-embedded-resource"] == true {
		for _, k := range []string{"apiVersion", "kind"} {
			if !g.chance(8) {
				m[k] = pick[any](g, "v1", "apps/v1", "Pod", "", "a/b/c", "pod_x", int64(1))
				if g.chance(2) {
					m[k] = "v1"
				}
			}
		}
		if g.chance(2) {
			m["metadata"] = pick[any](g, g.metadata(), g.metadata(), g.metadata(), "x", nil, map[string]any{"name": "x"})
		}
	}
	return m
}

func (g *schemaGen) wild(depth int) any {
	switch n := g.IntN(6); {
	case n < 2 && depth > 0:
		m := map[string]any{}
		for range g.IntN(3) {
			m[pick(g, genNames...)] = g.wild(depth - 1)
		}
		return m
	case n == 2 && depth > 0:
		list := []any{}
		for range g.IntN(3) {
			list = append(list, g.wild(depth-1))
		}
		return list
	}
	return g.scalar()
}

// mutate is v with a few changes.
func (g *schemaGen) mutate(v any, s map[string]any) any {
	if g.chance(12) {
		return g.value(s, 2)
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		props, _ := s["properties"].(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			child, _ := props[k].(map[string]any)
			if child == nil {
				child, _ = s["additionalProperties"].(map[string]any)
			}
			if k == "metadata" || k == "kind" || k == "apiVersion" || child == nil {
				out[k] = runtime.DeepCopyJSONValue(v[k])
			} else {
				out[k] = g.mutate(v[k], child)
			}
		}
		return out
	case []any:
		items, _ := s["items"].(map[string]any)
		out := []any{}
		for _, e := range v {
			out = append(out, g.mutate(e, items))
		}
		if len(out) > 1 && g.chance(3) {
			out[0], out[1] = out[1], out[0]
		}
		return out
	}
	return v
}
