package patch

// arena is memory for the sets of one Update, used again by later ones. Sets are parts of it and end with it.
type arena struct {
	nodes []node // all of the block
	used  int
	keys  []keyField
}

// begin returns an empty set to append to; nothing else may be begun before it is kept.
func (a *arena) begin() []node { return a.nodes[a.used:a.used] }

// keep ends a set that was begun. One that has outgrown the block becomes the new block.
func (a *arena) keep(s []node) []node {
	if cap(s) == 0 {
		return nil
	}
	if a.used < len(a.nodes) && &s[:1][0] == &a.nodes[a.used] {
		a.used += len(s)
	} else {
		a.nodes, a.used = s[:cap(s)], len(s)
	}
	return s[:len(s):len(s)]
}

// maxKept bounds what an arena that lies in the pool holds on to, in nodes.
const maxKept = 4096

// arena returns one; release gives it back.
func (t *Tracker) arena() *arena {
	if a, ok := t.arenas.Get().(*arena); ok {
		return a
	}
	return &arena{nodes: make([]node, 256), keys: make([]keyField, 0, 32)}
}

func (t *Tracker) release(a *arena) {
	if len(a.nodes) > maxKept || cap(a.keys) > maxKept {
		return
	}
	clear(a.nodes) // the paths' names are parts of objects
	clear(a.keys[:cap(a.keys)])
	a.used, a.keys = 0, a.keys[:0]
	t.arenas.Put(a)
}
