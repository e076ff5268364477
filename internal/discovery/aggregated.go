package discovery

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// Aggregated is aggregated discovery: everything below /api (core) or /apis in one document.
func Aggregated(s *resource.Snapshot, core bool) *apidiscoveryv2.APIGroupDiscoveryList {
	out := &apidiscoveryv2.APIGroupDiscoveryList{Items: []apidiscoveryv2.APIGroupDiscovery{}}
	for _, g := range s.Groups {
		if (g.Name == "") != core {
			continue
		}
		item := apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: g.Name}}
		for i := range g.Versions {
			item.Versions = append(item.Versions, aggregatedVersion(g.Name, &g.Versions[i]))
		}
		out.Items = append(out.Items, item)
	}
	return out
}

func aggregatedVersion(group string, v *resource.GroupVersion) apidiscoveryv2.APIVersionDiscovery {
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
			ResponseKind:     &metav1.GroupVersionKind{Kind: r.Names.Kind},
			Scope:            scope,
			SingularResource: r.Names.Singular,
			Verbs:            rowVerbs(row),
			ShortNames:       r.Names.Short,
			Categories:       r.Names.Categories,
		}
		for i := range row.Version.Subs {
			sub := &row.Version.Subs[i]
			kind := &metav1.GroupVersionKind{Kind: sub.Kind.Kind}
			if sub.Kind.Group != group || sub.Kind.Version != v.Name {
				kind.Group, kind.Version = sub.Kind.Group, sub.Kind.Version
			}
			entry.Subresources = append(entry.Subresources, apidiscoveryv2.APISubresourceDiscovery{
				Subresource: sub.Name, ResponseKind: kind, Verbs: verbs(sub.Verbs),
			})
		}
		out.Resources = append(out.Resources, entry)
	}
	return out
}

// etag is the hash that a client may send back with If-None-Match.
func etag(doc any) (string, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%X", sha512.Sum512(b)), nil
}
