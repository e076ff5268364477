package schema

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// fill sets what has a default and is missing, or null where it may not be.
func fill(s *Schema, v any) {
	if s == nil || s.below&belowDefault == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		fillObject(s, v)
	case []any:
		elements := s.Elements()
		if elements == nil || elements.below&belowDefault == 0 {
			return
		}
		for i := range v {
			if v[i] == nil && !elements.Nullable {
				v[i] = elements.defaultValue()
			}
			fill(elements, v[i])
		}
	}
}

func fillObject(s *Schema, m map[string]any) {
	for i := range s.Properties {
		if p := &s.Properties[i]; !s.Resource || !isMeta(p.Name) {
			fillField(p, m)
		}
	}
	if s.Resource && s.Logic != nil {
		for i := range s.Logic.Own {
			fillField(&s.Logic.Own[i], m)
		}
	}
	values, _ := s.Additional()
	if values == nil || values.below&belowDefault == 0 {
		return
	}
	for k, v := range m {
		if s.Own(k) != nil {
			continue
		}
		if v == nil && !values.Nullable {
			v = values.defaultValue()
			m[k] = v
		}
		fill(values, v)
	}
}

func fillField(p *Property, m map[string]any) {
	if p.Schema.below&belowDefault == 0 {
		return
	}
	v, found := m[p.Name]
	if p.Schema.hasDefault() && (!found || v == nil && !p.Schema.Nullable) {
		v, found = p.Schema.defaultValue(), true
		m[p.Name] = v
	}
	if found {
		fill(p.Schema, v)
	}
}

// defaultValue is a fresh copy of the default, nil when there is none.
func (s *Schema) defaultValue() any {
	if s.Limits == nil {
		return nil
	}
	if isScalar(s.Limits.Default) {
		return s.Limits.Default
	}
	return runtime.DeepCopyJSONValue(s.Limits.Default)
}

// pruneDefaults drops from the defaults at and below a node what the schema does not know. inMeta is the path from the
// resource whose apiVersion, kind or metadata the node is in, if it is in one.
func pruneDefaults(s *Schema, inMeta []step) { pruneDefaultsIn(s, inMeta, pruneUnknown) }

func pruneDefaultsIn(s *Schema, inMeta []step, mode pruning) {
	if s == nil || s.below&belowDefault == 0 {
		return
	}
	if s.hasDefault() {
		if inMeta != nil {
			s.Limits.Default = pruneMetaDefault(inMeta, s.Limits.Default)
		} else {
			p := pruner{embeds: true, drop: true}
			p.value(s, s.Limits.Default, mode)
		}
	}
	below := func(at step) []step {
		if inMeta == nil {
			return nil
		}
		return append(inMeta[:len(inMeta):len(inMeta)], at)
	}
	values, _ := s.Additional()
	pruneDefaultsIn(values, below(step{"*", stepKey}), pruneUnknown)
	if mode != keepUnknown && !s.KeepUnknown {
		mode = pruneUnknown
	} else {
		mode = keepUnknown
	}
	pruneDefaultsIn(s.Elements(), below(step{"", 0}), mode)
	s.own(func(p *Property) {
		path := below(step{p.Name, stepField})
		if inMeta == nil && s.Resource && isMeta(p.Name) {
			path = []step{{p.Name, stepField}}
		}
		pruneDefaultsIn(p.Schema, path, pruneUnknown)
	})
}

// pruneMetaDefault is what remains of a value at a path when it is coerced as part of a resource.
func pruneMetaDefault(path []step, v any) any {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i].at >= 0 {
			v = []any{v}
		} else {
			v = map[string]any{path[i].name: v}
		}
	}
	p := pruner{embeds: true, drop: true}
	p.embedded(v.(map[string]any))
	for _, st := range path {
		switch w := v.(type) {
		case map[string]any:
			v = w[st.name]
		case []any:
			if v = nil; len(w) > 0 {
				v = w[0]
			}
		default:
			return nil
		}
	}
	return v
}
