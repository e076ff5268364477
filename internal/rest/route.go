package rest

import (
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// route finds who serves the request: one read of the Catalog, then the verb.
func (s *Server) route(c *call) {
	in := &c.req.Info
	if !in.IsResource || !strings.HasPrefix(in.Path, "/"+in.Prefix+"/") {
		s.nonResource(c)
		return
	}
	snap, row, ok := s.lookup(in)
	if s.Settle != nil && in.Group != "" && (!ok || row.Resource != nil && row.Version.Codec.New == nil) {
		// What is not known, or may change, is looked at once more when the Catalog is up to date.
		if err := s.Settle(c.ctx, !ok); err != nil {
			c.fail(err)
			return
		}
		snap, row, ok = s.lookup(in)
	}
	switch {
	case !ok && (in.Prefix == "api" || hasGroup(snap, in.Group)):
		c.fail(notRouted())
	case !ok:
		http.NotFound(&c.w, c.r)
	case row.Remote != nil:
		c.row = row
		row.Remote.ServeHTTP(&c.w, c.r.WithContext(c.ctx))
	default:
		c.row = row
		c.serve(row)
	}
}

func (s *Server) lookup(in *request.Info) (snap *resource.Snapshot, row resource.Row, ok bool) {
	snap = s.Catalog.Load()
	if (in.Prefix == "api") == (in.Group == "") {
		row, ok = snap.Lookup(in.Group, in.Version, in.Resource)
	}
	return snap, row, ok
}

// hasGroup says whether the group is one of the reference's routes: those of custom resources are not.
func hasGroup(snap *resource.Snapshot, group string) bool {
	g := snap.Group(group)
	return group != "" && g != nil && !g.Custom
}

// shape is what kind of path a resource's path is.
type shape uint8

const (
	noPath     shape = iota
	everywhere       // a namespaced resource, across namespaces
	collection
	item
	subresource
)

// serve calls the verb for the method and the shape of the path.
func (c *call) serve(row resource.Row) {
	in := &c.req.Info
	c.t = engine.Target{Resource: row.Resource, Version: row.Version, Namespace: in.Namespace, Name: in.Name}
	if row.Resource.Scope == resource.Cluster {
		c.t.Namespace = ""
	}
	tree := row.Version.Codec.New == nil
	verb := resource.Verbs(0)
	if tree {
		verb = c.customVerb()
	} else {
		verb = c.routedVerb()
	}
	if verb == 0 {
		return
	}
	var ok bool
	if c.media, ok = c.negotiate(offer{tree: tree, noTable: !c.tabular()}); !ok {
		c.fail(onlyAccepted(listed))
		return
	}
	if c.t.Sub != nil && !c.t.Sub.Parent && c.t.Sub.Do == nil && c.t.Sub.View == nil {
		c.unavailable()
		return
	}

	if w := row.Version.Warning; w != "" {
		c.s.Metrics.Deprecated(row.Version.Group, row.Version.Name, row.Resource.Names.Plural, c.req.Info.Subresource)
		c.req.Warn(w)
	}
	switch verb {
	case resource.Get:
		c.get()
	case resource.List:
		c.list()
	case resource.Watch:
		if !row.Resource.Verbs.Has(verb) {
			c.fail(apierrors.NewMethodNotSupported(c.t.GR(), "watch"))
			return
		}
		c.watch()
	case resource.Create:
		c.create()
	case resource.Update:
		c.update()
	case resource.Patch:
		c.patch()
	case resource.Delete:
		c.delete()
	case resource.DeleteCollection:
		c.deleteCollection()
	}
}

// routedVerb finds the verb of a request for a built-in resource, as the reference's routes have them; 0: the request has
// been answered.
func (c *call) routedVerb() resource.Verbs {
	in := &c.req.Info
	at := c.shape()
	if at != subresource && at != item && in.Verb != "delete" {
		c.t.Name = ""
	}
	if at == noPath {
		c.fail(notRouted())
		return 0
	}
	verbs, lists := c.t.Resource.Verbs, false
	if at == subresource {
		verbs = c.t.Sub.Verbs
	}
	verb := resource.Verbs(0)
	switch c.r.Method {
	case http.MethodGet:
		verb = resource.Get
		if at == everywhere || at == collection || in.Special == "watch" {
			verb, lists = resource.List, true
			if in.Verb == "watch" {
				verb = resource.Watch
			}
		}
	case http.MethodPost:
		if at == collection || at == subresource {
			verb = resource.Create
		}
	case http.MethodPut:
		if at == item || at == subresource {
			verb = resource.Update
		}
	case http.MethodPatch:
		if at == item || at == subresource {
			verb = resource.Patch
		}
	case http.MethodDelete:
		verb = resource.Delete
		if at == collection {
			verb = resource.DeleteCollection
		}
	}
	if at == subresource && verbs.Has(resource.Connect) {
		c.connect()
		return 0
	}
	switch {
	case verb == 0, at == everywhere && !lists, !verbs.Has(verb) && !(lists && verbs.Has(resource.List)), in.Special == "watch" && !lists:
		c.fail(methodNotAllowed())
		return 0
	}
	if verb == resource.Patch && !patchable(c.r.Header.Get("Content-Type")) {
		c.fail(mediaTypeNotRouted())
		return 0
	}
	if header := c.r.Header.Get("Accept"); header != "" && !c.s.accepts.get(header).routable(offer{noTable: !c.tabular()}) {
		c.fail(notAcceptedByRoute(c.representations(lists)))
		return 0
	}
	return verb
}

// shape reads the path; noPath is one that does not exist for the resource.
func (c *call) shape() shape {
	in, r := &c.req.Info, c.t.Resource
	namespaced := r.Scope == resource.Namespaced
	if !namespaced && in.Namespace != "" && !(in.Resource == "namespaces" && in.Group == "") {
		return noPath
	}
	item_ := r.Verbs.Has(resource.Get) || r.Verbs.Has(resource.Update) || r.Verbs.Has(resource.Patch) || r.Verbs.Has(resource.Delete)
	if in.Special == "proxy" || in.Special == "watch" && (in.Depth > 2 || !r.Verbs.Has(resource.Watch)) {
		return noPath
	}
	if in.Depth > 1 && namespaced && in.Namespace == "" {
		return noPath
	}
	switch in.Depth {
	case 1:
		if namespaced && in.Namespace == "" {
			if !r.Verbs.Has(resource.List) {
				return noPath
			}
			return everywhere
		}
		return collection
	case 2:
		if !item_ || in.Name == "" {
			return noPath
		}
		return item
	}
	if c.t.Sub = c.t.Version.Sub(in.Subresource); c.t.Sub == nil || in.Name == "" {
		return noPath
	}
	if in.Depth > 3 && c.t.Sub.Name != "proxy" {
		return noPath
	}
	return subresource
}

// tabular says whether the target's answers can be tables.
func (c *call) tabular() bool {
	return c.t.Resource.Serve == nil && (c.t.Sub == nil || c.t.Sub.Parent || c.t.Sub.Kind.Kind == "Scale")
}

// representations are what the reference's router says that a route can answer with.
func (c *call) representations(lists bool) string {
	s, streams := listed, listedStreams
	if lists {
		s += ", " + streams
	}
	if c.t.Sub != nil && c.t.Sub.Name == "log" {
		s = "text/plain, " + s
	}
	return s
}
