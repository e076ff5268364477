package tree

import "iter"

// Set returns the tree in which key has value.
func (t Tree[K, V]) Set(key K, value V) Tree[K, V] {
	if t.root == nil {
		return Tree[K, V]{leaf([]entry[K, V]{{key, value}})}
	}
	left, right := t.root.set(key, value)
	if right != nil {
		left = inner([]*node[K, V]{left, right})
	}
	return Tree[K, V]{left}
}

// Delete returns the tree without key: t itself when it is not there.
func (t Tree[K, V]) Delete(key K) Tree[K, V] {
	if t.root == nil {
		return t
	}
	root, found := t.root.delete(key)
	if !found {
		return t
	}
	for root != nil && len(root.kids) == 1 {
		root = root.kids[0]
	}
	return Tree[K, V]{root}
}

// set returns the node that replaces n, and its new right neighbour when it had to be split.
func (n *node[K, V]) set(key K, value V) (left, right *node[K, V]) {
	if n.isLeaf() {
		i, found := n.search(key)
		if found {
			entries := append([]entry[K, V](nil), n.entries...)
			// The new key, not the old one: it may be the same bytes in a smaller or shared allocation.
			entries[i] = entry[K, V]{key, value}
			return leaf(entries), nil
		}
		entries := insert(n.entries, i, entry[K, V]{key, value})
		if len(entries) <= fanout {
			return leaf(entries), nil
		}
		cut := splitAt(len(entries), i)
		// Each half has its own array, or one would keep the other's entries alive.
		return leaf(clone(entries[:cut])), leaf(clone(entries[cut:]))
	}
	c := n.child(key)
	kid, more := n.kids[c].set(key, value)
	if more == nil {
		kids := clone(n.kids)
		kids[c] = kid
		return &node[K, V]{kids: kids, first: kids[0].first, count: n.count - n.kids[c].count + kid.count}, nil
	}
	kids := insert(n.kids, c+1, more)
	kids[c] = kid
	if len(kids) <= fanout {
		return inner(kids), nil
	}
	cut := splitAt(len(kids), c+1)
	return inner(clone(kids[:cut])), inner(clone(kids[cut:]))
}

// splitAt says where to cut an overfull node of n whose newest member is at i: in the middle, but when keys
// arrive in ascending order nearly at the end, so that the left node stays full.
func splitAt(n, i int) int {
	if i == n-1 {
		return n - sparse
	}
	return n / 2
}

// delete returns the node that replaces n (nil when nothing is left).
func (n *node[K, V]) delete(key K) (*node[K, V], bool) {
	if n.isLeaf() {
		i, found := n.search(key)
		if !found {
			return n, false
		}
		if len(n.entries) == 1 {
			return nil, true
		}
		return leaf(remove(n.entries, i)), true
	}
	c := n.child(key)
	kid, found := n.kids[c].delete(key)
	if !found {
		return n, false
	}
	if kid == nil {
		if len(n.kids) == 1 {
			return nil, true
		}
		return inner(remove(n.kids, c)), true
	}
	if kid.width() >= sparse || len(n.kids) == 1 {
		kids := clone(n.kids)
		kids[c] = kid
		return inner(kids), true
	}
	// The kid has become sparse: pour it together with a neighbour, and into two again if that is too much.
	l := max(c-1, 0)
	pair := [2]*node[K, V]{n.kids[l], n.kids[l+1]}
	pair[c-l] = kid
	a, b := unite(pair[0], pair[1])
	if b == nil {
		kids := remove(n.kids, l)
		kids[l] = a
		return inner(kids), true
	}
	kids := clone(n.kids)
	kids[l], kids[l+1] = a, b
	return inner(kids), true
}

func unite[K Key[K], V any](a, b *node[K, V]) (*node[K, V], *node[K, V]) {
	if a.isLeaf() {
		all := append(append(make([]entry[K, V], 0, len(a.entries)+len(b.entries)), a.entries...), b.entries...)
		if len(all) <= fanout {
			return leaf(all), nil
		}
		cut := len(all) / 2
		return leaf(clone(all[:cut])), leaf(clone(all[cut:]))
	}
	all := append(append(make([]*node[K, V], 0, len(a.kids)+len(b.kids)), a.kids...), b.kids...)
	if len(all) <= fanout {
		return inner(all), nil
	}
	cut := len(all) / 2
	return inner(clone(all[:cut])), inner(clone(all[cut:]))
}

// Build returns the tree of entries that come in strictly ascending order: it costs a fraction of as many Sets.
// Entries that are out of order are put where they belong, one by one.
func Build[K Key[K], V any](entries iter.Seq2[K, V]) Tree[K, V] {
	var (
		level []*node[K, V]
		fill  []entry[K, V]
		late  []entry[K, V]
		last  K
		some  bool
	)
	for k, v := range entries {
		if some && last.Compare(k) >= 0 {
			late = append(late, entry[K, V]{k, v})
			continue
		}
		last, some = k, true
		if len(fill) == fanout {
			level = append(level, leaf(fill))
			fill = nil
		}
		if fill == nil {
			fill = make([]entry[K, V], 0, fanout)
		}
		fill = append(fill, entry[K, V]{k, v})
	}
	if len(fill) > 0 {
		level = append(level, leaf(clone(fill)))
	}
	for len(level) > 1 {
		var up []*node[K, V]
		for len(level) > 0 {
			w := min(fanout, len(level))
			up = append(up, inner(clone(level[:w])))
			level = level[w:]
		}
		level = up
	}
	var t Tree[K, V]
	if len(level) == 1 {
		t.root = level[0]
	}
	for _, e := range late {
		t = t.Set(e.key, e.value)
	}
	return t
}

func clone[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

func insert[T any](s []T, i int, v T) []T {
	out := make([]T, 0, len(s)+1)
	out = append(out, s[:i]...)
	out = append(out, v)
	return append(out, s[i:]...)
}

func remove[T any](s []T, i int) []T {
	out := make([]T, 0, len(s)-1)
	out = append(out, s[:i]...)
	return append(out, s[i+1:]...)
}
