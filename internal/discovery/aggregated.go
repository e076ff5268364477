package discovery

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Aggregated is aggregated discovery: everything below /api (core) or /apis in one document.
func Aggregated(s *resource.Snapshot, core bool) *apidiscoveryv2.APIGroupDiscoveryList {
	out := &apidiscoveryv2.APIGroupDiscoveryList{Items: []apidiscoveryv2.APIGroupDiscovery{}}
	for i := range s.Groups {
		if (s.Groups[i].Name == "") == core {
			out.Items = append(out.Items, aggregatedGroup(&s.Groups[i]))
		}
	}
	return out
}

func aggregatedGroup(g *resource.Group) apidiscoveryv2.APIGroupDiscovery {
	out := apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: g.Name}}
	for i := range g.Versions {
		out.Versions = append(out.Versions, aggregatedVersion(g.Name, &g.Versions[i]))
	}
	return out
}

func aggregatedVersion(group string, v *resource.GroupVersion) apidiscoveryv2.APIVersionDiscovery {
	gv := schema.GroupVersion{Group: group, Version: v.Name}
	out := apidiscoveryv2.APIVersionDiscovery{Version: v.Name, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
	for _, row := range v.Rows {
		r := row.Resource
		if r == nil {
			// An extension server's own document is not known here.
			out.Freshness = apidiscoveryv2.DiscoveryFreshnessStale
			continue
		}
		scope := apidiscoveryv2.ScopeCluster
		if r.Scope == resource.Namespaced {
			scope = apidiscoveryv2.ScopeNamespace
		}
		entry := apidiscoveryv2.APIResourceDiscovery{
			Resource:         r.Names.Plural,
			ResponseKind:     responseKind(row, gv, gv.WithKind(r.Names.Kind)),
			Scope:            scope,
			SingularResource: r.Names.Singular,
			Verbs:            rowVerbs(row),
			ShortNames:       r.Names.Short,
			Categories:       r.Names.Categories,
		}
		for i := range row.Version.Subs {
			sub := &row.Version.Subs[i]
			entry.Subresources = append(entry.Subresources, apidiscoveryv2.APISubresourceDiscovery{
				Subresource: sub.Name, ResponseKind: responseKind(row, gv, sub.Kind), Verbs: verbs(sub.Verbs),
			})
		}
		out.Resources = append(out.Resources, entry)
	}
	return out
}

// responseKind leaves out group and version where they are those of the document, but for custom resources.
func responseKind(row resource.Row, document schema.GroupVersion, k schema.GroupVersionKind) *metav1.GroupVersionKind {
	if k.GroupVersion() == document && !custom(row) {
		return &metav1.GroupVersionKind{Kind: k.Kind}
	}
	return &metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
}

// aggregates are the aggregated documents of one snapshot, by core and encoding, each made when it is first asked for.
// The JSON of a group that did not change is that of the snapshot before.
type aggregates struct {
	snapshot *resource.Snapshot

	mu     sync.Mutex
	groups map[string]aggregatedJSON // by name; those of the snapshot before until the first document is made
	mine   bool                      // groups are of this snapshot
	forms  [2]form
}

type aggregatedJSON struct {
	group *resource.Group
	json  []byte
}

// form is the document of /apis or of /api.
type form struct {
	etag  string
	parts [][]byte // of its JSON
	gzip  pieces   // the same
	other [object.Encodings][]byte
}

// next returns the documents of a later snapshot.
func (a *aggregates) next(s *resource.Snapshot) *aggregates {
	out := &aggregates{snapshot: s}
	if a != nil {
		a.mu.Lock()
		out.groups = a.groups
		a.mu.Unlock()
	}
	return out
}

// get returns a document with its ETag: in JSON, which ends without a newline, as the parts that it is made of.
func (a *aggregates) get(core bool, e object.Encoding) (etag string, parts [][]byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := a.form(core)
	if err != nil || e == object.JSON {
		return f.etag, f.parts, err
	}
	if f.other[e] == nil {
		if f.other[e], err = encode(e, aggregateKind, Aggregated(a.snapshot, core)); err != nil {
			return "", nil, err
		}
	}
	return f.etag, [][]byte{f.other[e]}, nil
}

// packed returns the JSON with a newline, to be sent compressed.
func (a *aggregates) packed(core bool) (pieces, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := a.form(core)
	if err != nil {
		return nil, err
	}
	if f.gzip == nil {
		p := newPacker()
		for _, part := range f.parts {
			p.Write(part)
		}
		p.Write([]byte(object.Newline))
		f.gzip = pieces{p.finish()}
	}
	return f.gzip, nil
}

// form makes the JSON of a document; a.mu is held.
func (a *aggregates) form(core bool) (*form, error) {
	f := &a.forms[0]
	if core {
		f = &a.forms[1]
	}
	if f.parts != nil {
		return f, nil
	}
	if !a.mine {
		if err := a.writeGroups(); err != nil {
			return f, err
		}
	}
	const items = `"metadata":{},"items":[`
	parts := [][]byte{[]byte(`{"kind":"` + aggregateKind.Kind + `","apiVersion":"` + aggregateKind.GroupVersion().String() + `",` + items)}
	// The tag is that of the list without its kind, as the reference has it.
	hash := sha512.New()
	hash.Write([]byte("{" + items))
	for i := range a.snapshot.Groups {
		if g := &a.snapshot.Groups[i]; (g.Name == "") == core {
			if len(parts) > 1 {
				parts = append(parts, comma)
				hash.Write(comma)
			}
			parts = append(parts, a.groups[g.Name].json)
			hash.Write(a.groups[g.Name].json)
		}
	}
	end := []byte("]}")
	hash.Write(end)
	f.parts, f.etag = append(parts, end), fmt.Sprintf("%X", hash.Sum(nil))
	return f, nil
}

var comma = []byte{','}

// writeGroups makes the JSON of each group that is not the one that it was; a.mu is held.
func (a *aggregates) writeGroups() error {
	groups := make(map[string]aggregatedJSON, len(a.snapshot.Groups))
	for i := range a.snapshot.Groups {
		g := &a.snapshot.Groups[i]
		have, ok := a.groups[g.Name]
		if !ok || !sameGroup(have.group, g) {
			b, err := json.Marshal(aggregatedGroup(g))
			if err != nil {
				return err
			}
			have.json = b
		}
		groups[g.Name] = aggregatedJSON{g, have.json}
	}
	a.groups, a.mine = groups, true
	return nil
}

func sameGroup(a, b *resource.Group) bool {
	return a == b || slices.EqualFunc(a.Versions, b.Versions, func(a, b resource.GroupVersion) bool {
		return a.Name == b.Name && local(&a) && slices.EqualFunc(a.Rows, b.Rows, sameRow)
	})
}
