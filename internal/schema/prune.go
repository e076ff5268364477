package schema

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// pruning is what a pruner does to a value that stands under a node.
type pruning uint8

const (
	pruneUnknown pruning = iota // drop unknown fields
	keepUnknown                 // keep those right here; what is known is pruned by what it says itself
	pruneNothing                // only look at nulls, and at embedded resources
)

// pruner walks an object once and drops what its schema does not know, then nulls where there may be none, and puts the
// metadata of embedded resources in order.
type pruner struct {
	nulls   bool // drop nulls that are neither allowed nor replaced by a default
	embeds  bool // look after embedded resources
	drop    bool // what is wrong in the metadata of an embedded resource is dropped, not an error
	report  bool
	at      *field.Path // where the value stands
	path    []step      // from there; kept if report or embeds
	unknown []string    // fields that were dropped, and
	inMeta  []string    // those of embedded resources' metadata
	err     *field.Error
	dropped bool
}

// step is one step of a path: a field, a key of a map or an index.
type step struct {
	name string
	at   int // index, or
}

const (
	stepField = -1
	stepKey   = -2
)

func (p *pruner) value(s *Schema, v any, mode pruning) {
	if p.err != nil || s == nil && mode != pruneUnknown {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		p.object(s, v, mode)
	case []any:
		if s != nil && s.KeepUnknown && mode == pruneUnknown {
			mode = keepUnknown
		}
		var elements *Schema
		if s != nil {
			elements = s.Elements()
		}
		for i := range v {
			p.push("", i)
			p.value(elements, v[i], mode)
			p.pop()
		}
	}
}

func (p *pruner) object(s *Schema, m map[string]any, mode pruning) {
	if s == nil {
		for k := range m {
			p.remove(m, k)
		}
		return
	}
	if s.KeepUnknown && mode == pruneUnknown {
		mode = keepUnknown
	}
	for k, v := range m {
		child, kind := s.Own(k), stepField
		known := child != nil
		if !known {
			child, known = s.Additional()
			kind = stepKey
		}
		below := pruneUnknown
		switch {
		case mode == pruneNothing || s.Resource && isMeta(k):
			below = pruneNothing
		case !known && mode == pruneUnknown:
			p.remove(m, k)
			continue
		case !known:
			continue
		}
		if v == nil && p.nulls && child != nil && !child.Nullable && !child.hasDefault() {
			delete(m, k)
			continue
		}
		if isScalar(v) {
			continue
		}
		p.push(k, kind)
		p.value(child, v, below)
		p.pop()
	}
	if s.Embedded && p.embeds {
		p.embedded(m)
	}
}

func (p *pruner) remove(m map[string]any, k string) {
	if p.report {
		p.push(k, stepField)
		p.unknown = append(p.unknown, prunedPath(p.path))
		p.pop()
	}
	p.dropped = true
	delete(m, k)
}

func (p *pruner) push(name string, at int) {
	if p.report || p.embeds {
		p.path = append(p.path, step{name, at})
	}
}

func (p *pruner) pop() {
	if p.report || p.embeds {
		p.path = p.path[:len(p.path)-1]
	}
}

// sorted are the paths of all that was dropped, as the reference orders them.
func (p *pruner) sorted() []string {
	slices.Sort(p.unknown)
	slices.Sort(p.inMeta)
	return append(p.unknown, p.inMeta...)
}

// prunedPath prints a path as strict decoding does: keys of maps look like fields.
func prunedPath(path []step) string {
	var b []byte
	for i, st := range path {
		if st.at >= 0 {
			b = append(strconv.AppendInt(append(b, '['), int64(st.at), 10), ']')
			continue
		}
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, st.name...)
	}
	return string(b)
}

// fieldPath is a path as findings have it.
func fieldPath(root *field.Path, path []step) *field.Path {
	for _, st := range path {
		switch st.at {
		case stepField:
			root = root.Child(st.name)
		case stepKey:
			root = root.Key(st.name)
		default:
			root = root.Index(st.at)
		}
	}
	return root
}

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}
