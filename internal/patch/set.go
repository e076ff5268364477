package patch

import (
	"sort"

	"github.com/pintle-io/pintle/internal/schema"
)

// A set of field paths is a flat slice of nodes: a tree in preorder, siblings sorted. nodes[i] is followed by
// the nodes[i].size nodes below it. Parents of a path are in the tree, but are members only if marked.
//
//	{"f:a":{".":{},"f:b":{}},"f:c":{}}   is   a(member, 1 below) b(member) c(member)
//
// A diff is the same with other marks: what happened to the path between an old and a new object.
type node struct {
	elem elem
	mark mark
	size int32
}

type mark uint8

const (
	member   mark = 1 << iota // in a set
	added                     // in a diff: only in the new object
	modified                  // in both, different
	removed                   // only in the old object
)

const anyChange = added | modified | removed

// closeNode finishes the node at out[at], of which everything after it is the subtree. A node that has neither
// a mark nor anything below it is taken back.
func closeNode(out []node, at int, m mark) []node {
	size := len(out) - at - 1
	if size == 0 && m == 0 {
		return out[:at]
	}
	out[at].mark, out[at].size = m, int32(size)
	return out
}

// below is the subtree of s[i]; next is the index of its next sibling.
func below(s []node, i int) []node { return s[i+1 : i+1+int(s[i].size)] }
func next(s []node, i int) int     { return i + 1 + int(s[i].size) }

// seek returns the index of the first sibling from j on that is not less than e, and whether it is e.
func seek(s []node, j int, e elem) (int, bool) {
	for j < len(s) {
		c := s[j].elem.compare(e)
		if c >= 0 {
			return j, c == 0
		}
		j = next(s, j)
	}
	return j, false
}

// intersects says whether a path is a member of a and has a mark of bm in b.
func intersects(a, b []node, bm mark) bool {
	for i, j := 0, 0; i < len(a) && j < len(b); i = next(a, i) {
		var eq bool
		if j, eq = seek(b, j, a[i].elem); !eq {
			continue
		}
		if a[i].mark != 0 && b[j].mark&bm != 0 || intersects(below(a, i), below(b, j), bm) {
			return true
		}
	}
	return false
}

// contains says whether all members of b are members of a.
func contains(a, b []node) bool {
	for i, j := 0, 0; i < len(b); i = next(b, i) {
		var eq bool
		if j, eq = seek(a, j, b[i].elem); !eq || b[i].mark != 0 && a[j].mark == 0 || !contains(below(a, j), below(b, i)) {
			return false
		}
	}
	return true
}

// intersect appends the set of the members of a that have a mark of bm in b.
func intersect(out, a, b []node, bm mark) []node {
	for i, j := 0, 0; i < len(a) && j < len(b); i = next(a, i) {
		var eq bool
		if j, eq = seek(b, j, a[i].elem); !eq {
			continue
		}
		at := len(out)
		out = append(out, node{elem: a[i].elem})
		out = intersect(out, below(a, i), below(b, j), bm)
		var m mark
		if a[i].mark != 0 && b[j].mark&bm != 0 {
			m = member
		}
		out = closeNode(out, at, m)
	}
	return out
}

// subtract appends a without the paths (not what is below them) that have a mark of bm in b.
func subtract(out, a, b []node, bm mark) []node {
	j := 0
	for i := 0; i < len(a); i = next(a, i) {
		var eq bool
		if j, eq = seek(b, j, a[i].elem); !eq {
			out = append(out, a[i:next(a, i)]...)
			continue
		}
		at := len(out)
		out = append(out, node{elem: a[i].elem})
		out = subtract(out, below(a, i), below(b, j), bm)
		m := a[i].mark
		if b[j].mark&bm != 0 {
			m = 0
		}
		out = closeNode(out, at, m)
	}
	return out
}

// union appends what is in a or b.
func union(out, a, b []node) []node {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch c := a[i].elem.compare(b[j].elem); {
		case c < 0:
			out = append(out, a[i:next(a, i)]...)
			i = next(a, i)
		case c > 0:
			out = append(out, b[j:next(b, j)]...)
			j = next(b, j)
		default:
			at := len(out)
			out = append(out, node{elem: a[i].elem})
			out = union(out, below(a, i), below(b, j))
			out = closeNode(out, at, a[i].mark|b[j].mark)
			i, j = next(a, i), next(b, j)
		}
	}
	return append(append(out, a[i:]...), b[j:]...)
}

// pick appends the set of the paths of a diff that have a mark of m.
func pick(out, d []node, m mark) []node {
	for i := 0; i < len(d); i = next(d, i) {
		at := len(out)
		out = append(out, node{elem: d[i].elem})
		out = pick(out, below(d, i), m)
		var mk mark
		if d[i].mark&m != 0 {
			mk = member
		}
		out = closeNode(out, at, mk)
	}
	return out
}

// without appends d less the paths that a trie of them holds, and all that is below.
func without(out, d []node, paths schema.Paths) []node {
	if len(paths) == 0 {
		return append(out, d...)
	}
	for i := 0; i < len(d); i = next(d, i) {
		var sub schema.Paths
		hit := false
		if d[i].elem.kind == elemField {
			sub, hit = paths[d[i].elem.name]
		}
		if !hit {
			out = append(out, d[i:next(d, i)]...)
			continue
		}
		if len(sub) == 0 {
			continue
		}
		at := len(out)
		out = append(out, node{elem: d[i].elem})
		out = without(out, below(d, i), sub)
		out = closeNode(out, at, d[i].mark)
	}
	return out
}

// find says whether e, a child of the root of s, is a member, and what is below it.
func find(s []node, e elem) (isMember bool, sub []node) {
	if i, eq := seek(s, 0, e); eq {
		return s[i].mark != 0, below(s, i)
	}
	return false, nil
}

// has says whether a path is in a set.
func has(s []node, path []elem) bool {
	for i, e := range path {
		isMember, sub := find(s, e)
		if i == len(path)-1 {
			return isMember
		}
		s = sub
	}
	return false
}

// each calls f with every member, in order; f must not keep the path.
func each(s []node, path []elem, f func(path []elem)) {
	// Members of one level come before what is below any of them.
	for i := 0; i < len(s); i = next(s, i) {
		if s[i].mark != 0 {
			f(append(path, s[i].elem))
		}
	}
	for i := 0; i < len(s); i = next(s, i) {
		if s[i].size > 0 {
			each(below(s, i), append(path, s[i].elem), f)
		}
	}
}

// sortSiblings restores the order of the children in s[from:], each with its subtree, and merges equal ones.
// It is called only for field sets that somebody else wrote.
func sortSiblings(s []node, from int) []node {
	type span struct{ lo, hi int }
	var spans []span
	for i := from; i < len(s); i = next(s, i) {
		spans = append(spans, span{i, next(s, i)})
	}
	old := append([]node(nil), s...)
	sort.SliceStable(spans, func(i, j int) bool { return old[spans[i].lo].elem.compare(old[spans[j].lo].elem) < 0 })
	var merged []node
	for i := 0; i < len(spans); {
		one := append([]node(nil), old[spans[i].lo:spans[i].hi]...)
		j := i + 1
		for ; j < len(spans) && old[spans[j].lo].elem.compare(one[0].elem) == 0; j++ {
			one = union(nil, one, old[spans[j].lo:spans[j].hi])
		}
		merged = append(merged, one...)
		i = j
	}
	return append(s[:from], merged...)
}
