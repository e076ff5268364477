// Package tree is an immutable ordered map with structure sharing.
//
// Nouns: a Tree is one version of the map; Set and Delete leave it as it is and return the next version, which
// shares all but one path of nodes with it. Holding an old Tree is therefore a snapshot, a fork or a consistent
// page, for the price of the nodes that have changed since.
//
// It is a B+ tree: entries lie in wide leaves, inner nodes hold only pointers to their children and each node
// knows how many entries are below it, so Rank (how many keys come before this one) is as cheap as Get.
//
// Invariants: a node that can be reached from a Tree is never written again; keys ascend strictly; all leaves
// are at one depth; no node is empty but the root of an empty tree (which is nil) and none is over fanout.
//
// Concurrency: a Tree is a value; any number of goroutines may read and derive from the same one.
package tree

import "iter"

// fanout is the most entries of a leaf and the most children of an inner node. Wide nodes keep the number of
// heap objects low; a Set copies one leaf and one inner node a level.
const fanout = 32

// sparse is the size below which a node that has lost an entry is united with a neighbour.
const sparse = fanout / 4

// Key is what a Tree is ordered by.
type Key[K any] interface{ Compare(K) int }

// String is the Key for plain strings.
type String string

// Compare orders bytewise.
func (s String) Compare(o String) int {
	switch {
	case s == o:
		return 0
	case s < o:
		return -1
	}
	return 1
}

// Tree is one version of the map. The zero Tree is empty and ready for use.
type Tree[K Key[K], V any] struct {
	root *node[K, V]
}

type entry[K any, V any] struct {
	key   K
	value V
}

// A node is a leaf (entries) or an inner node (kids).
type node[K Key[K], V any] struct {
	entries []entry[K, V]
	kids    []*node[K, V]
	first   K // the first key at or below this node
	count   int
}

func leaf[K Key[K], V any](entries []entry[K, V]) *node[K, V] {
	return &node[K, V]{entries: entries, first: entries[0].key, count: len(entries)}
}

func inner[K Key[K], V any](kids []*node[K, V]) *node[K, V] {
	n := &node[K, V]{kids: kids, first: kids[0].first}
	for _, k := range kids {
		n.count += k.count
	}
	return n
}

func (n *node[K, V]) isLeaf() bool { return n.kids == nil }

func (n *node[K, V]) width() int { return len(n.entries) + len(n.kids) }

// search returns the place of key among a leaf's entries: the first entry not less than key.
func (n *node[K, V]) search(key K) (int, bool) {
	lo, hi := 0, len(n.entries)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := n.entries[mid].key.Compare(key); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// child returns the index of the kid that key belongs to: the last one whose first key is not above it, or 0.
func (n *node[K, V]) child(key K) int {
	lo, hi := 1, len(n.kids)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.kids[mid].first.Compare(key) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// Len is the number of entries.
func (t Tree[K, V]) Len() int {
	if t.root == nil {
		return 0
	}
	return t.root.count
}

// Same says whether both are the very same version (not merely equal).
func (t Tree[K, V]) Same(o Tree[K, V]) bool { return t.root == o.root }

// Get returns the value at key.
func (t Tree[K, V]) Get(key K) (value V, ok bool) {
	n := t.root
	if n == nil {
		return value, false
	}
	for !n.isLeaf() {
		n = n.kids[n.child(key)]
	}
	if i, ok := n.search(key); ok {
		return n.entries[i].value, true
	}
	return value, false
}

// Rank is the number of keys less than key.
func (t Tree[K, V]) Rank(key K) int {
	n, rank := t.root, 0
	if n == nil {
		return 0
	}
	for !n.isLeaf() {
		c := n.child(key)
		for _, k := range n.kids[:c] {
			rank += k.count
		}
		n = n.kids[c]
	}
	i, _ := n.search(key)
	return rank + i
}

// All yields every entry in order.
func (t Tree[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.root.all(yield)
		}
	}
}

// From yields the entries whose keys are key or above it, in order.
func (t Tree[K, V]) From(key K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.root.from(key, yield)
		}
	}
}

func (n *node[K, V]) all(yield func(K, V) bool) bool {
	for i := range n.entries {
		if !yield(n.entries[i].key, n.entries[i].value) {
			return false
		}
	}
	for _, k := range n.kids {
		if !k.all(yield) {
			return false
		}
	}
	return true
}

func (n *node[K, V]) from(key K, yield func(K, V) bool) bool {
	if n.isLeaf() {
		i, _ := n.search(key)
		for ; i < len(n.entries); i++ {
			if !yield(n.entries[i].key, n.entries[i].value) {
				return false
			}
		}
		return true
	}
	c := n.child(key)
	if !n.kids[c].from(key, yield) {
		return false
	}
	for _, k := range n.kids[c+1:] {
		if !k.all(yield) {
			return false
		}
	}
	return true
}
