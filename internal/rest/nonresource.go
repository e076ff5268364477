package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/pintle-io/pintle/internal/object"
)

// nonResource serves what is not a resource: health, version, metrics, discovery, OpenAPI, and the paths that were
// mounted.
func (s *Server) nonResource(c *call) {
	path := c.r.URL.Path
	if s.Settle != nil && (strings.HasPrefix(path, "/apis") || strings.HasPrefix(path, "/openapi/")) {
		if err := s.Settle(c.ctx, true); err != nil {
			c.fail(err)
			return
		}
	}
	switch {
	case path == "/":
		s.index(c)
	case path == "/version" || path == "/version/":
		s.serveVersion(c)
	case path == "/metrics":
		s.Metrics.ServeHTTP(&c.w, c.r)
	case s.OpenAPI != nil && (path == "/openapi/v2" || path == "/openapi/v3" || strings.HasPrefix(path, "/openapi/v3/")):
		s.OpenAPI.ServeHTTP(&c.w, c.r.WithContext(c.ctx))
	case s.Discovery != nil && s.discovered(path):
		s.Discovery.ServeHTTP(&c.w, c.r.WithContext(c.ctx))
	case s.health(c):
	default:
		if h := s.other(path); h != nil {
			h.ServeHTTP(&c.w, c.r.WithContext(c.ctx))
			return
		}
		if path == "/api" || strings.HasPrefix(path, "/api/") || s.isGroupPath(path) {
			c.fail(notRouted())
			return
		}
		http.NotFound(&c.w, c.r)
	}
}

// discovered says whether the path is a discovery document: /api, /apis, a group or a version.
func (s *Server) discovered(path string) bool {
	path = strings.TrimSuffix(path, "/")
	snap := s.Catalog.Load()
	switch path {
	case "/api", "/apis":
		return true
	}
	if v, ok := strings.CutPrefix(path, "/api/"); ok {
		return snap.HasVersion("", v)
	}
	rest, ok := strings.CutPrefix(path, "/apis/")
	if !ok {
		return false
	}
	group, v, ok := strings.Cut(rest, "/")
	if !ok {
		return group != "" && snap.Group(group) != nil
	}
	return group != "" && snap.HasVersion(group, v)
}

// isGroupPath says whether the path is below a group that is served.
func (s *Server) isGroupPath(path string) bool {
	rest, ok := strings.CutPrefix(path, "/apis/")
	group, _, _ := strings.Cut(rest, "/")
	return ok && hasGroup(s.Catalog.Load(), group)
}

func (s *Server) other(path string) http.Handler {
	if h := s.Others[path]; h != nil {
		return h
	}
	var best string
	for p := range s.Others {
		if strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) && len(p) > len(best) {
			best = p
		}
	}
	return s.Others[best]
}

// index lists the paths that there are.
func (s *Server) index(c *call) {
	paths := []string{"/metrics", "/version"}
	for _, p := range probes {
		paths = append(paths, "/"+p)
		for i := range s.Checks {
			if s.Checks[i].on(p) {
				paths = append(paths, "/"+p+"/"+s.Checks[i].Name)
			}
		}
	}
	if s.OpenAPI != nil {
		paths = append(paths, "/openapi/v2", "/openapi/v3", "/openapi/v3/")
	}
	if s.Discovery != nil {
		paths = append(paths, "/api", "/apis", "/apis/")
		for _, g := range s.Catalog.Load().Groups {
			prefix := "/apis/" + g.Name
			if g.Name == "" {
				prefix = "/api"
			} else {
				paths = append(paths, prefix)
			}
			for _, v := range g.Versions {
				paths = append(paths, prefix+"/"+v.Name)
			}
		}
	}
	for p := range s.Others {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	b, _ := json.MarshalIndent(struct {
		Paths []string `json:"paths"`
	}{paths}, "", "  ")
	c.writeRaw(http.StatusOK, object.JSON, b)
}

// knownPath is a path outside the API as the metrics call it; "" for what the reference does not count.
func knownPath(path string) string {
	switch path {
	case "/healthz", "/livez", "/readyz":
		return path
	case "/openapi/v3":
		return path[1:]
	}
	if strings.HasPrefix(path, "/openapi/v3/") {
		return "openapi/v3/"
	}
	return ""
}
