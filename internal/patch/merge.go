package patch

import (
	"slices"

	"github.com/pintle-io/pintle/internal/schema"
)

// fieldSet appends the set of everything that a tree says something about, which is what its applier will own. Trees
// have been validated before.
func fieldSet(out []node, s *schema.Schema, v any) []node {
	f := setMaker{out}
	f.value(s, v)
	return f.nodes
}

type setMaker struct{ nodes []node }

// value appends what is below v and returns v's own mark, but for what the containers add: a list owns all of
// its elements, a map all that are not declared fields, or are null or empty.
func (f *setMaker) value(s *schema.Schema, v any) mark {
	k := shape(s, v)
	if k == kindScalar || isAtomic(s, k) {
		return member
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			at := len(f.nodes)
			f.nodes = append(f.nodes, node{elem: fieldElem(name)})
			m := f.value(childSchema(s, name), v[name])
			if sub, ok := v[name].(map[string]any); v[name] == nil || ok && len(sub) == 0 || s == nil || s.Property(name) == nil {
				m = member
			}
			f.nodes = closeNode(f.nodes, at, m)
		}
	case []any:
		items := make([]item[any], 0, len(v))
		for _, e := range v {
			if step, err := itemElem(s, e); err == nil {
				items = append(items, item[any]{step, e})
			}
		}
		sortItems(items)
		for len(items) > 0 {
			n := run(items)
			at := len(f.nodes)
			f.nodes = append(f.nodes, node{elem: items[0].elem})
			if n == 1 {
				f.value(itemSchema(s), items[0].val)
			}
			f.nodes = closeNode(f.nodes, at, member)
			items = items[n:]
		}
	}
	return 0
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// mergeTrees lays an applied configuration over the live object: nothing is removed, leaves are the
// configuration's where it has them. ok is false if nothing is left to say. The result shares parts of both.
func mergeTrees(s *schema.Schema, live, config any, inLive, inConfig bool) (out any, ok bool) {
	k := shape(s, config)
	if !inConfig {
		k = shape(s, live)
	}
	if k != kindScalar && !isAtomic(s, k) {
		switch k {
		case kindMap:
			a, _ := live.(map[string]any)
			b, _ := config.(map[string]any)
			if len(a) > 0 || len(b) > 0 {
				return mergeMaps(s, a, b)
			}
		case kindList:
			a, _ := live.([]any)
			b, _ := config.([]any)
			if len(a) > 0 || len(b) > 0 {
				return mergeLists(s, a, b)
			}
		}
	}
	if inConfig {
		return config, true
	}
	return live, inLive
}

func mergeMaps(s *schema.Schema, live, config map[string]any) (any, bool) {
	out := make(map[string]any, max(len(live), len(config)))
	for k, a := range live {
		b, inConfig := config[k]
		if v, ok := mergeTrees(childSchema(s, k), a, b, true, inConfig); ok {
			out[k] = v
		}
	}
	for k, b := range config {
		if _, inLive := live[k]; inLive {
			continue
		}
		if v, ok := mergeTrees(childSchema(s, k), nil, b, false, true); ok {
			out[k] = v
		}
	}
	return out, len(out) > 0
}

// mergeLists merges associative lists. Elements of the live list that the configuration does not have stay where
// they are; the others come in the configuration's order. An example, with elements the configuration moves in
// brackets: live a [b] c [d], configuration d b e, gives a d c b e.
func mergeLists(s *schema.Schema, live, config []any) (any, bool) {
	a, b := indexList(s, live), indexList(s, config)
	shared := make([]string, 0, len(b.ids)) // what is left of the configuration's elements that are in both
	for _, id := range b.ids {
		if _, ok := a.at[id]; ok {
			shared = append(shared, id)
		}
	}
	pop := func() {
		if len(shared) > 0 {
			shared = shared[1:]
		}
	}
	out := make([]any, 0, max(len(live), len(config)))
	merged := make(map[string]bool, len(b.ids))
	take := func(id string) {
		merged[id] = true
		x, inLive := a.value(id)
		y, inConfig := b.value(id)
		if v, ok := mergeTrees(itemSchema(s), x, y, inLive, inConfig); ok {
			out = append(out, v)
		}
	}
	for i, j := 0, 0; i < len(a.ids) || j < len(b.ids); {
		if i < len(a.ids) && j < len(b.ids) {
			if a.ids[i] == b.ids[j] {
				take(a.ids[i])
				i, j = i+1, j+1
				pop()
				continue
			}
			if _, ok := b.at[a.ids[i]]; ok && len(shared) > 0 && shared[0] != a.ids[i] {
				i++ // its turn comes later
				continue
			}
		}
		if i < len(a.ids) {
			if _, ok := b.at[a.ids[i]]; !ok {
				if v, ok := mergeTrees(itemSchema(s), a.items[i], nil, true, false); ok {
					out = append(out, v)
				}
				i++
				continue
			}
			if merged[a.ids[i]] {
				i++
			}
		}
		if j < len(b.ids) {
			take(b.ids[j])
			if len(shared) > 0 && shared[0] == b.ids[j] {
				pop()
			}
			j++
		}
	}
	return out, len(out) > 0
}

// index is a list by its elements' steps, written down.
type index struct {
	items []any
	ids   []string
	at    map[string]int // -1 for those that are there more than once: they merge with nothing
}

func indexList(s *schema.Schema, l []any) index {
	x := index{at: make(map[string]int, len(l))}
	for _, v := range l {
		e, err := itemElem(s, v)
		if err != nil {
			continue
		}
		id := string(e.appendJSON(nil))
		if _, ok := x.at[id]; ok {
			x.at[id] = -1
		} else {
			x.at[id] = len(x.items)
		}
		x.items = append(x.items, v)
		x.ids = append(x.ids, id)
	}
	return x
}

func (x *index) value(id string) (any, bool) {
	i, ok := x.at[id]
	if !ok || i < 0 {
		return nil, ok
	}
	return x.items[i], true
}

// removePaths returns the tree less the members of the set; containers that end up empty become null.
func removePaths(s *schema.Schema, v any, set []node) any {
	k := shape(s, v)
	if k == kindScalar {
		return v
	}
	if isAtomic(s, k) {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, x := range v {
			gone, sub := find(set, fieldElem(name))
			if gone {
				continue
			}
			if len(sub) > 0 {
				x = removePaths(childSchema(s, name), x, sub)
			}
			out[name] = x
		}
		if len(out) > 0 {
			return out
		}
	case []any:
		var out []any
		for _, x := range v {
			e, err := itemElem(s, x)
			if err != nil {
				continue
			}
			gone, sub := find(set, e)
			if gone {
				continue
			}
			if len(sub) > 0 {
				x = removePaths(itemSchema(s), x, sub)
			}
			out = append(out, x)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// markNamed makes members of the declared fields on the way to a set's members. known says that s is the set's
// schema; below elements of sets, for one, there is none.
func markNamed(set []node, s *schema.Schema, known bool) {
	for i := 0; i < len(set); i = next(set, i) {
		e := set[i].elem
		if set[i].size == 0 {
			continue
		}
		var c *schema.Schema
		reaches := false
		switch {
		case !known:
		case e.kind == elemField && (isAny(s) || isMapType(s)):
			c, reaches = childSchema(s, e.name), true
			if s != nil && s.Property(e.name) != nil {
				set[i].mark = member
			}
		case e.kind == elemKey && s != nil && s.Type == schema.List:
			c, reaches = itemSchema(s), true
		}
		markNamed(below(set, i), c, reaches)
	}
}
