package discovery

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
)

// state is a snapshot, and what documents it has. It does not change.
type state struct {
	snapshot *resource.Snapshot
	list     []*entry // in the snapshot's order
	byPath   map[string]*entry
	all      documentHash // of all of them
}

// entry is a v3 document that can be made.
type entry struct {
	path   string
	rows   []resource.Row // of a version
	custom bool           // they are of custom resources
	hash   documentHash   // of what the document is made of
}

// current computes hashes anew for what has changed in the snapshot, and drops the documents that are of none.
func (o *OpenAPI) current() state {
	s := o.Snapshot()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state.snapshot == s {
		return o.state
	}
	if o.base == nil {
		digest := o.Schemas.Digest()
		o.base = fmt.Appendf(nil, "%s %q %q\n", digest[:], o.Version, o.Build)
		if b, ok := debug.ReadBuildInfo(); ok { // descriptions are the types', and these a dependency's
			o.base = append(o.base, b.String()...)
		}
		sum := sha256.Sum256(o.base)
		o.base = sum[:]
	}
	list := entries(s)
	next := state{snapshot: s, list: list, byPath: make(map[string]*entry, len(list))}
	all := sha512.New()
	for i, e := range list {
		if old := o.state.byPath[e.path]; old != nil && slices.EqualFunc(old.rows, e.rows, sameRow) {
			list[i] = old
		} else {
			e.hash = o.hash(e)
		}
		next.byPath[e.path] = list[i]
		all.Write(list[i].hash[:])
	}
	next.all = documentHash(all.Sum(nil))
	o.docs.retain(func(k docKey) bool {
		e := next.byPath[k.path]
		return e != nil && e.hash == k.hash
	})
	o.state = next
	return next
}

func sameRow(a, b resource.Row) bool { return a.Resource == b.Resource && a.Version == b.Version }

// entries lists the documents of a snapshot: "api/v1", "apis/apps", "apis/apps/v1", "version" and so on. Each is served
// below /openapi/v3/. Versions of extension servers are not among them.
func entries(s *resource.Snapshot) []*entry {
	var out []*entry
	for _, path := range []string{".well-known/openid-configuration", "api", "apis", "openid/v1/jwks", "version"} {
		out = append(out, &entry{path: path})
	}
	for _, g := range s.Groups {
		if g.Name != "" && slices.ContainsFunc(g.Versions, hasBuiltin) {
			out = append(out, &entry{path: "apis/" + g.Name})
		}
		for i := range g.Versions {
			if v := &g.Versions[i]; local(v) {
				path := strings.TrimPrefix(rootOf(schema.GroupVersion{Group: g.Name, Version: v.Name}), "/")
				out = append(out, &entry{path: path, rows: v.Rows, custom: !hasBuiltin(*v)})
			}
		}
	}
	return out
}

// hash is the hash of what a document is made of.
func (o *OpenAPI) hash(e *entry) documentHash {
	h := sha512.New()
	h.Write(o.base)
	h.Write([]byte(e.path))
	for _, row := range e.rows {
		p := o.print(row)
		h.Write(p[:])
	}
	return documentHash(h.Sum(nil))
}

// print is a fingerprint of what a row adds to its document.
func (o *OpenAPI) print(row resource.Row) [sha256.Size]byte {
	r := row.Resource
	type sub struct{ Name, Group, Version, Kind, Verbs any }
	facts := struct {
		Names         resource.Names
		Scope         resource.Scope
		Verbs         resource.Verbs
		ReturnDeleted bool
		Subs          []sub
		Custom        any
	}{Names: r.Names, Scope: r.Scope, Verbs: r.Verbs, ReturnDeleted: r.Rules.ReturnDeleted}
	for _, s := range row.Version.Subs {
		facts.Subs = append(facts.Subs, sub{s.Name, s.Kind.Group, s.Kind.Version, s.Kind.Kind, s.Verbs})
	}
	switch {
	case !custom(row):
	case o.CustomHash != nil:
		facts.Custom = o.CustomHash(row.Version)
	case o.Custom != nil:
		facts.Custom = o.Custom(row.Version)
	}
	b, _ := json.Marshal(facts) // of plain fields: it cannot fail
	return sha256.Sum256(b)
}

// documents are the v3 documents that are kept: those that were asked for last, and no more than there is room for.
type documents struct {
	by    map[docKey]*doc
	bytes int
	turn  uint64 // counts requests
}

// documentRoom is in bytes, of compressed documents. All that are built in take a quarter of it.
const documentRoom = 4 << 20

type docKey struct {
	path     string
	hash     documentHash
	protobuf bool
}

type doc struct {
	key  docKey
	used uint64 // the turn that it was last asked for
	held int    // bytes, once it is made

	once sync.Once
	doc  pieces
	made time.Time
	err  error
}

// get returns a document, which may still have to be made.
func (d *documents) get(key docKey) *doc {
	if d.by == nil {
		d.by = map[docKey]*doc{}
	}
	have := d.by[key]
	if have == nil {
		have = &doc{key: key}
		d.by[key] = have
	}
	d.turn++
	have.used = d.turn
	return have
}

// keep counts a document that was made, or forgets one that could not be. When there is no room, a quarter of it is made
// by dropping the documents that nobody has asked for the longest.
func (d *documents) keep(made *doc, room int) {
	if d.by[made.key] != made {
		return // dropped in the meantime
	}
	if made.err != nil {
		d.drop(made)
		return
	}
	made.held = made.doc.held()
	if d.bytes += made.held; d.bytes <= room {
		return
	}
	all := slices.Collect(maps.Values(d.by))
	slices.SortFunc(all, func(a, b *doc) int { return cmp.Compare(a.used, b.used) })
	for _, doc := range all {
		if d.bytes <= room*3/4 {
			break
		}
		if doc != made {
			d.drop(doc)
		}
	}
}

// retain drops the documents that are not to be kept.
func (d *documents) retain(keep func(docKey) bool) {
	for key, doc := range d.by {
		if !keep(key) {
			d.drop(doc)
		}
	}
}

func (d *documents) drop(doc *doc) {
	d.bytes -= doc.held
	delete(d.by, doc.key)
}
