package patch

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/schema"
)

// differ walks an old and a new object side by side and builds the diff: for each path that one of them has,
// whether it was added, removed or modified. A path is owned at its leaves: scalars, atomic lists and maps, and
// lists and maps that are empty on both sides. What has something below it is itself marked only when it is
// missing on the other side.
type differ struct {
	nodes []node
	keys  []keyField // an arena: steps' keys are parts of it
	err   error
}

// open appends a node for a child; close it with what the comparison of the child said.
func (d *differ) open(e elem) int {
	d.nodes = append(d.nodes, node{elem: e})
	return len(d.nodes) - 1
}

func (d *differ) close(at int, m mark) { d.nodes = closeNode(d.nodes, at, m) }

// item is an element of an associative list.
type item[V any] struct {
	elem elem
	val  V
}

// sortItems keeps the order of elements that have the same step: duplicates are compared in order.
func sortItems[V any](items []item[V]) {
	for i := 1; i < len(items); i++ {
		if items[i-1].elem.compare(items[i].elem) > 0 {
			slices.SortStableFunc(items, func(a, b item[V]) int { return a.elem.compare(b.elem) })
			return
		}
	}
}

// run is how many of the first items have the step of the first.
func run[V any](items []item[V]) int {
	n := 1
	for n < len(items) && items[n].elem.compare(items[0].elem) == 0 {
		n++
	}
	return n
}

// diffItems compares two associative lists. Elements that share a step are looked at together, as one leaf.
// value compares one element, of which one side may be missing, and equal two that are there.
func diffItems[V any](d *differ, as, bs []item[V], equal func(a, b V) bool, value func(a, b V, inA, inB bool) mark) {
	sortItems(as)
	sortItems(bs)
	var none V
	for len(as) > 0 || len(bs) > 0 {
		c := 0
		switch {
		case len(as) == 0:
			c = 1
		case len(bs) == 0:
			c = -1
		default:
			c = as[0].elem.compare(bs[0].elem)
		}
		var a, b []item[V]
		var e elem
		if c <= 0 {
			n := run(as)
			a, as = as[:n], as[n:]
			e = a[0].elem
		}
		if c >= 0 {
			n := run(bs)
			b, bs = bs[:n], bs[n:]
			e = b[0].elem
		}
		at := d.open(e)
		var m mark
		switch {
		case len(a) <= 1 && len(b) <= 1:
			x, y := none, none
			if len(a) == 1 {
				x = a[0].val
			}
			if len(b) == 1 {
				y = b[0].val
			}
			m = value(x, y, len(a) == 1, len(b) == 1)
		case len(a) >= 2 && len(b) >= 2:
			if !slices.EqualFunc(a, b, func(x, y item[V]) bool { return equal(x.val, y.val) }) {
				m = modified
			}
		case len(a) >= 2:
			if len(b) == 1 {
				m = value(none, b[0].val, false, true)
			}
			m |= removed
		default:
			if len(a) == 1 {
				m = value(a[0].val, none, true, false)
			}
			m |= added
		}
		d.close(at, m)
	}
}

// presence is the mark of a path that has something below it.
func presence(inA, inB bool) mark {
	switch {
	case !inA:
		return added
	case !inB:
		return removed
	}
	return 0
}

// structs compares two values of a plan and returns the mark of their path. A nil pointer is a value that is
// missing; at most one is. (A null is a pointer to a nil pointer, slice or map.)
func (d *differ) structs(pl *plan, a, b unsafe.Pointer) mark {
	switch {
	case pl.atomic || pl.kind < planTree:
		return d.leaf(pl, a, b)
	case pl.kind == planTree:
		var x, y any
		if a != nil {
			x = pl.tree(pl.deref(a))
		}
		if b != nil {
			y = pl.tree(pl.deref(b))
		}
		return d.trees(pl.schema, x, y, a != nil, b != nil)
	}
	p, q := a, b
	if a != nil {
		p = pl.deref(a)
	}
	if b != nil {
		q = pl.deref(b)
	}
	var some bool
	switch pl.kind {
	case planStruct:
		some = d.fields(pl, p, q)
	case planList:
		some = d.list(pl, (*slice)(p), (*slice)(q))
	case planMap:
		some = d.maps(pl, p, q)
	}
	if !some {
		return d.leaf(pl, a, b)
	}
	return presence(a != nil, b != nil)
}

func (d *differ) leaf(pl *plan, a, b unsafe.Pointer) mark {
	if m := presence(a != nil, b != nil); m != 0 {
		return m
	}
	if !pl.equal(a, b) {
		return modified
	}
	return 0
}

// fields compares the fields of two structs; it says whether there are any. A nil has none.
func (d *differ) fields(pl *plan, a, b unsafe.Pointer) (some bool) {
	for i := range pl.fields {
		f := &pl.fields[i]
		var p, q unsafe.Pointer
		var inA, inB bool
		if a != nil {
			p, inA = f.at(a)
		}
		if b != nil {
			q, inB = f.at(b)
		}
		if !inA && !inB {
			continue
		}
		some = true
		if inA && inB && f.plan.kind < planTree && f.plan.equal(p, q) {
			continue
		}
		at := d.open(fieldElem(f.name))
		d.close(at, d.structs(f.plan, p, q))
	}
	return some
}

// list compares two granular lists.
func (d *differ) list(pl *plan, a, b *slice) (some bool) {
	as, bs := d.items(pl, a), d.items(pl, b)
	if len(as) == 0 && len(bs) == 0 {
		return false
	}
	diffItems(d, as, bs, pl.elem.equal, func(x, y unsafe.Pointer, _, _ bool) mark { return d.structs(pl.elem, x, y) })
	return true
}

func (d *differ) items(pl *plan, l *slice) []item[unsafe.Pointer] {
	if l == nil || l.len == 0 {
		return nil
	}
	out := make([]item[unsafe.Pointer], l.len)
	for i := range out {
		p := l.at(i, pl.elem.size)
		out[i] = item[unsafe.Pointer]{d.itemElem(pl, p), p}
	}
	return out
}

// itemElem is the step that leads to an element of an associative list.
func (d *differ) itemElem(pl *plan, p unsafe.Pointer) elem {
	start := len(d.keys)
	if pl.keys == nil {
		sc, ok := pl.elem.scalar(p)
		if !ok {
			d.fail(errSetMap)
		} else if sc.kind == scalarNull {
			d.fail(errSetNull)
		}
		d.keys = append(d.keys, keyField{val: sc})
		return elem{kind: elemValue, key: d.keys[start:len(d.keys):len(d.keys)]}
	}
	q := pl.elem.deref(p)
	if q == nil {
		d.fail(errKeyedNull)
		return elem{kind: elemKey}
	}
	for i := range pl.keys {
		k := &pl.keys[i]
		if k.field != nil {
			if p, ok := k.field.at(q); ok {
				sc, _ := k.field.plan.scalar(p)
				d.keys = append(d.keys, keyField{k.name, sc})
				continue
			}
		}
		if k.def != nil {
			d.keys = append(d.keys, keyField{k.name, *k.def})
		}
	}
	if len(d.keys) == start {
		d.fail(errNoKeys(pl.schema.Keys))
	}
	return elem{kind: elemKey, key: d.keys[start:len(d.keys):len(d.keys)]}
}

func (d *differ) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// maps compares two maps that p and q point at.
func (d *differ) maps(pl *plan, p, q unsafe.Pointer) (some bool) {
	switch pl.known {
	case mapStrings:
		return diffMaps(d, (*map[string]string)(p), (*map[string]string)(q), func(a, b string) bool { return a == b })
	case mapQuantities:
		return diffMaps(d, (*corev1.ResourceList)(p), (*corev1.ResourceList)(q), equalQuantities)
	case mapBytes:
		return diffMaps(d, (*map[string][]byte)(p), (*map[string][]byte)(q), equalBytes)
	}
	var a, b reflect.Value
	n := 0
	if p != nil {
		a = reflect.NewAt(pl.typ, p).Elem()
		n += a.Len()
	}
	if q != nil {
		b = reflect.NewAt(pl.typ, q).Elem()
		n += b.Len()
	}
	if n == 0 {
		return false
	}
	type pair struct {
		key  string
		p, q unsafe.Pointer
	}
	cell := func(v reflect.Value) unsafe.Pointer {
		if !v.IsValid() {
			return nil
		}
		c := reflect.New(pl.typ.Elem())
		c.Elem().Set(v)
		return c.UnsafePointer()
	}
	pairs := make([]pair, 0, n)
	if p != nil {
		for it := a.MapRange(); it.Next(); {
			one := pair{key: it.Key().String(), p: cell(it.Value())}
			if q != nil {
				one.q = cell(b.MapIndex(it.Key()))
			}
			pairs = append(pairs, one)
		}
	}
	if q != nil {
		for it := b.MapRange(); it.Next(); {
			if p == nil || !a.MapIndex(it.Key()).IsValid() {
				pairs = append(pairs, pair{key: it.Key().String(), q: cell(it.Value())})
			}
		}
	}
	slices.SortFunc(pairs, func(x, y pair) int { return strings.Compare(x.key, y.key) })
	for _, x := range pairs {
		at := d.open(fieldElem(x.key))
		d.close(at, d.structs(pl.elem, x.p, x.q))
	}
	return true
}

// diffMaps compares two maps of scalars; a nil is one that is not there.
func diffMaps[M ~map[K]V, K ~string, V any](d *differ, p, q *M, equal func(a, b V) bool) (some bool) {
	var a, b M
	if p != nil {
		a = *p
	}
	if q != nil {
		b = *q
	}
	if len(a) == 0 && len(b) == 0 {
		return false
	}
	type change struct {
		key  string
		mark mark
	}
	var room [8]change
	changes := room[:0]
	for k, v := range a {
		if w, ok := b[k]; !ok {
			changes = append(changes, change{string(k), removed})
		} else if !equal(v, w) {
			changes = append(changes, change{string(k), modified})
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			changes = append(changes, change{string(k), added})
		}
	}
	slices.SortFunc(changes, func(x, y change) int { return strings.Compare(x.key, y.key) })
	for _, c := range changes {
		d.close(d.open(fieldElem(c.key)), c.mark)
	}
	return true
}

// trees is structs for trees; s may be nil.
func (d *differ) trees(s *schema.Schema, a, b any, inA, inB bool) mark {
	if !inA || !inB {
		v := a
		if !inA {
			v = b
		}
		return d.shaped(s, shape(s, v), a, b, inA, inB)
	}
	ka, kb := shape(s, a), shape(s, b)
	m := d.shaped(s, kb, a, b, true, true)
	if ka != kb || isAny(s) && (a == nil) != (b == nil) {
		// The value has become another kind of thing, where any is allowed: it is looked at as both, and what
		// each way finds counts.
		first := len(d.nodes)
		m |= d.shaped(s, ka, a, b, true, true)
		if first < len(d.nodes) {
			d.nodes = sortSiblings(d.nodes, first)
		}
	}
	return m
}

func (d *differ) shaped(s *schema.Schema, k valueKind, a, b any, inA, inB bool) mark {
	some := false
	if !isAtomic(s, k) {
		switch k {
		case kindMap:
			x, _ := a.(map[string]any)
			y, _ := b.(map[string]any)
			some = d.treeMaps(s, x, y)
		case kindList:
			x, _ := a.([]any)
			y, _ := b.([]any)
			some = d.treeLists(s, x, y)
		}
	}
	if m := presence(inA, inB); m != 0 || some {
		return m
	}
	if !equalTrees(a, b) {
		return modified
	}
	return 0
}

func (d *differ) treeMaps(s *schema.Schema, a, b map[string]any) (some bool) {
	if len(a) == 0 && len(b) == 0 {
		return false
	}
	keys := make([]string, 0, max(len(a), len(b)))
	keys = slices.AppendSeq(keys, maps.Keys(a))
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if !declares(s, k) {
			d.fail(errUndeclared(k))
			continue
		}
		x, inA := a[k]
		y, inB := b[k]
		at := d.open(fieldElem(k))
		d.close(at, d.trees(childSchema(s, k), x, y, inA, inB))
	}
	return true
}

func (d *differ) treeLists(s *schema.Schema, a, b []any) (some bool) {
	if len(a) == 0 && len(b) == 0 {
		return false
	}
	diffItems(d, d.treeItems(s, a), d.treeItems(s, b), equalTrees, func(x, y any, inA, inB bool) mark {
		return d.trees(itemSchema(s), x, y, inA, inB)
	})
	return true
}

func (d *differ) treeItems(s *schema.Schema, l []any) []item[any] {
	out := make([]item[any], 0, len(l))
	for _, v := range l {
		e, err := itemElem(s, v)
		if err != nil {
			d.fail(err)
			continue
		}
		out = append(out, item[any]{e, v})
	}
	return out
}
