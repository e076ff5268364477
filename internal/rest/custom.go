package rest

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/resource"
)

// Custom resources have no routes of their own in the reference: what a request for one is about is read off its Info
// alone, so that other paths are none, other verbs are refused in other words, and HEAD is a GET.

// customVerb finds the verb of a request for a custom resource; 0: the request has been answered.
func (c *call) customVerb() resource.Verbs {
	in, r := &c.req.Info, c.t.Resource
	namespaced := r.Scope == resource.Namespaced
	if !namespaced && in.Namespace != "" || namespaced && in.Namespace == "" && in.Verb != "list" && in.Verb != "watch" {
		http.NotFound(&c.w, c.r)
		return 0
	}
	verbs := r.Verbs
	if in.Subresource != "" {
		if c.t.Sub = c.t.Version.Sub(in.Subresource); c.t.Sub == nil {
			c.fail(apierrors.NewNotFound(c.t.GR(), in.Name))
			return 0
		}
		verbs = c.t.Sub.Verbs
	}
	verb := customVerbs[in.Verb]
	if verb == 0 || !verbs.Has(verb) {
		c.fail(apierrors.NewMethodNotSupported(c.t.GR(), in.Verb))
		return 0
	}
	switch verb {
	case resource.Create, resource.List, resource.Watch, resource.DeleteCollection:
		c.t.Name = "" // whatever the path says
	case resource.Update, resource.Patch, resource.Delete:
		if c.t.Name == "" {
			c.fail(apierrors.NewBadRequest("name must be provided"))
			return 0
		}
	}
	if verb == resource.Patch {
		if t := patchType(c.r.Header.Get("Content-Type")); !patchable(string(t)) || t == types.StrategicMergePatchType {
			c.fail(unsupportedMediaType("application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, application/apply-patch+cbor"))
			return 0
		}
	}
	return verb
}

var customVerbs = map[string]resource.Verbs{
	"get": resource.Get, "list": resource.List, "watch": resource.Watch, "create": resource.Create, "update": resource.Update,
	"patch": resource.Patch, "delete": resource.Delete, "deletecollection": resource.DeleteCollection,
}
