package request

import (
	"net/http"
	"net/url"
	"strings"
)

// Info is the meaning of a method and a URL path, as the reference's RequestInfo has it
// (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb).
type Info struct {
	// IsResource is false for paths outside /api and /apis, and for their discovery documents.
	IsResource bool
	Path       string
	// Verb is get, list, watch, create, update, patch, delete, deletecollection, proxy, or the lower-case
	// method when IsResource is false.
	Verb        string
	Prefix      string // "api" or "apis"
	Group       string
	Version     string
	Resource    string
	Subresource string
	Namespace   string
	Name        string
	// Parts are the path's segments from the resource on.
	Parts []string
}

// namespaceSubresources are the names that /api/v1/namespaces/NAME/<name> means as a subresource of the
// namespace; anything else in that place is a namespaced resource.
func namespaceSubresource(s string) bool { return s == "status" || s == "finalize" }

// Parse reads a request's method and URL.
func Parse(method string, u *url.URL) Info {
	in := Info{Path: u.Path, Verb: strings.ToLower(method)}
	segs := splitPath(u.Path)
	if len(segs) < 3 {
		return in
	}
	switch segs[0] {
	case "api":
		in.Prefix, in.Version = "api", segs[1]
		segs = segs[2:]
	case "apis":
		if len(segs) < 4 {
			return in
		}
		in.Prefix, in.Group, in.Version = "apis", segs[1], segs[2]
		segs = segs[3:]
	default:
		return in
	}
	in.IsResource = true
	switch method {
	case http.MethodPost:
		in.Verb = "create"
	case http.MethodGet, http.MethodHead:
		in.Verb = "get"
	case http.MethodPut:
		in.Verb = "update"
	case http.MethodPatch:
		in.Verb = "patch"
	case http.MethodDelete:
		in.Verb = "delete"
	default:
		in.Verb = ""
	}
	// The old form /api/v1/watch/..., which means the same as ?watch=true.
	if segs[0] == "watch" || segs[0] == "proxy" {
		if len(segs) < 2 {
			in.IsResource = false
			in.Verb = strings.ToLower(method)
			return in
		}
		in.Verb = segs[0]
		segs = segs[1:]
	}
	if segs[0] == "namespaces" {
		if len(segs) > 1 {
			in.Namespace = segs[1]
			if len(segs) > 2 && !namespaceSubresource(segs[2]) {
				segs = segs[2:]
			}
		}
	}
	in.Parts = segs
	in.Resource = segs[0]
	if len(segs) > 1 {
		in.Name = segs[1]
	}
	if len(segs) > 2 {
		in.Subresource = segs[2]
	}
	if in.Name == "" && in.Verb == "get" {
		in.Verb = "list"
		if watchAsked(u.RawQuery) {
			in.Verb = "watch"
		}
	}
	// A name in a field selector makes a list or watch of one object, for authorization.
	if in.Name == "" && in.Verb == "delete" {
		in.Verb = "deletecollection"
	}
	return in
}

func watchAsked(raw string) bool {
	if !strings.Contains(raw, "watch") {
		return false
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return false
	}
	v, ok := q["watch"]
	if !ok || len(v) == 0 {
		return false
	}
	switch strings.ToLower(v[0]) {
	case "false", "0":
		return false
	}
	return true
}

func splitPath(p string) []string {
	p = strings.Trim(p, "/")
	if p == "" {
		return nil
	}
	return strings.Split(p, "/")
}
