package request

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/fields"
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
	// Name is the object's. A list or watch whose field selector asks for one name has it too: that is how it is
	// authorized.
	Name string
	// Selectors as they came, of lists, watches and deletecollections.
	FieldSelector, LabelSelector string
	// Special is the "watch" or "proxy" before the resource in the old form of a path (/api/v1/watch/pods).
	Special string
	// Depth is how many segments there are from the resource on; Rest holds the ones after the subresource.
	Depth int
	Rest  string
}

// namespaceSubresource says whether /api/v1/namespaces/NAME/s is a subresource of the namespace; anything else in
// that place is a namespaced resource.
func namespaceSubresource(s string) bool { return s == "status" || s == "finalize" }

// Parse reads a request's method and URL. The error is for old forms of a path that break off.
func Parse(method string, u *url.URL) (Info, error) {
	in := Info{Path: u.Path, Verb: lower(method)}
	path := strings.Trim(u.Path, "/")
	if strings.Count(path, "/") < 2 {
		return in, nil
	}
	prefix, rest, _ := cut(path)
	switch prefix {
	case "api":
		in.Prefix = prefix
	case "apis":
		in.Prefix = prefix
		if strings.Count(rest, "/") < 2 {
			return in, nil
		}
		in.Group, rest, _ = cut(rest)
	default:
		return in, nil
	}
	in.IsResource = true
	in.Version, rest, _ = cut(rest)

	if first, after, more := cut(rest); first == "watch" || first == "proxy" {
		if !more {
			return in, fmt.Errorf("unable to determine kind and namespace from url, %v", u)
		}
		in.Verb, in.Special, rest = first, first, after
	} else {
		in.Verb = verb(method)
	}

	first, after, more := cut(rest)
	if first == "namespaces" && more {
		var below string
		in.Namespace, below, more = cut(after)
		if more {
			if sub, _, _ := cut(below); !namespaceSubresource(sub) {
				rest = below
			}
		}
	}

	// What follows: resource/name/subresource/rest.
	in.Resource, rest, more = cut(rest)
	in.Depth = 1
	if more {
		in.Depth++
		in.Name, rest, more = cut(rest)
	}
	if more {
		in.Depth += 1 + strings.Count(rest, "/")
		in.Subresource, in.Rest, _ = cut(rest)
		if in.Special == "proxy" {
			in.Subresource, in.Rest = "", rest
		}
	}

	if in.Name == "" && in.Verb == "get" {
		in.Verb = "list"
		if u.RawQuery != "" {
			in.query(u.Query())
		}
	}
	if in.Name == "" && in.Verb == "delete" {
		in.Verb = "deletecollection"
	}
	if in.Special == "" && u.RawQuery != "" && (in.Verb == "list" || in.Verb == "watch" || in.Verb == "deletecollection") {
		q := u.Query()
		in.FieldSelector, in.LabelSelector = q.Get("fieldSelector"), q.Get("labelSelector")
	}
	return in, nil
}

// query tells a watch from a list, and finds the one name that a field selector asks for.
func (in *Info) query(q url.Values) {
	if v, ok := q["watch"]; ok && v[0] != "0" && !strings.EqualFold(v[0], "false") {
		in.Verb = "watch"
	}
	if s := q.Get("fieldSelector"); s != "" {
		if sel, err := fields.ParseSelector(s); err == nil {
			if name, ok := sel.RequiresExactMatch("metadata.name"); ok && len(content.IsPathSegmentName(name)) == 0 {
				in.Name = name
			}
		}
	}
}

func verb(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodGet, http.MethodHead:
		return "get"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	return ""
}

// lower is strings.ToLower without allocating for the usual methods.
func lower(method string) string {
	switch method {
	case http.MethodGet:
		return "get"
	case http.MethodPost:
		return "post"
	}
	return strings.ToLower(method)
}

func cut(s string) (before, after string, found bool) { return strings.Cut(s, "/") }

// LongRunning says whether the request may outlive the request timeout, and is no business of the limits on
// requests in flight: watches, proxies and streams.
func (in *Info) LongRunning() bool {
	switch in.Verb {
	case "watch", "proxy":
		return true
	}
	if in.IsResource {
		switch in.Subresource {
		case "attach", "exec", "proxy", "log", "portforward":
			return true
		}
		return false
	}
	return strings.HasPrefix(in.Path, "/debug/pprof/")
}
