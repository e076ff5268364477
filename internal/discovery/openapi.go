package discovery

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// openapiPaths lists the documents of a snapshot: "api/v1", "apis/apps", "apis/apps/v1", "version" and so on. Each is
// served below /openapi/v3/. Versions of extension servers are not among them.
func openapiPaths(s *resource.Snapshot) []string {
	out := []string{".well-known/openid-configuration", "api", "apis", "openid/v1/jwks", "version"}
	for _, g := range s.Groups {
		if g.Name != "" {
			out = append(out, "apis/"+g.Name)
		}
		for i := range g.Versions {
			if local(&g.Versions[i]) {
				out = append(out, strings.TrimPrefix(rootOf(schema.GroupVersion{Group: g.Name, Version: g.Versions[i].Name}), "/"))
			}
		}
	}
	return out
}

// local says whether a version is served here.
func local(v *resource.GroupVersion) bool {
	for _, row := range v.Rows {
		if row.Resource == nil {
			return false
		}
	}
	return true
}

// Document is the OpenAPI v3 document of a path as openapiPaths has it, or nil when there is none. version is the
// Kubernetes version that it tells ("1.36").
func Document(s *resource.Snapshot, schemas *pschema.Builtin, version, path string) ([]byte, error) {
	d, err := makeDocument(s, schemas, version, path)
	if d == nil || err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

func makeDocument(s *resource.Snapshot, schemas *pschema.Builtin, version, path string) (*document, error) {
	parts := strings.Split(path, "/")
	var gv schema.GroupVersion
	var served *resource.GroupVersion
	switch {
	case len(parts) == 2 && parts[0] == "api":
		gv.Version = parts[1]
	case len(parts) == 3 && parts[0] == "apis":
		gv.Group, gv.Version = parts[1], parts[2]
	}
	if gv.Version != "" {
		if served = groupVersion(s, gv.Group, gv.Version); served == nil || !local(served) {
			return nil, nil
		}
	}
	types, err := typesOf(gv)
	if err != nil {
		return nil, err
	}
	sw := &schemaWriter{schemas: schemas, types: types.components, gv: gv, out: map[string]*node{}}
	w := &pathWriter{schemas: sw, types: types, gv: gv, paths: map[string]*pathItem{}}

	switch {
	case served != nil:
		w.title = groupTitle(gv.Group) + titleCase(gv.Version)
		w.tags = []string{groupTag(gv.Group) + "_" + gv.Version}
		w.plain(rootOf(gv)+"/", "get available resources", "get"+w.title+"APIResources", w.meta("APIResourceList"), single)
		for _, row := range served.Rows {
			w.row(row)
		}
	case len(parts) == 2 && parts[0] == "apis":
		if findGroup(s, parts[1]) == nil {
			return nil, nil
		}
		w.tags = []string{groupTag(parts[1])}
		w.plain("/apis/"+parts[1]+"/", "get information of a group", "get"+groupTitle(parts[1])+"APIGroup", w.meta("APIGroup"), single)
	case path == "api":
		w.tags = []string{"core"}
		w.plain("/api/", "get available API versions", "getCoreAPIVersions", w.meta("APIVersions"), single)
	case path == "apis":
		w.tags = []string{"apis"}
		w.plain("/apis/", "get available API versions", "getAPIVersions", w.meta("APIGroupList"), single)
	case path == "version":
		w.tags = []string{"version"}
		w.plain("/version/", "get the version information for this server", "getCodeVersion", w.ref("io.k8s.apimachinery.pkg.version.Info"), single[:1])
	case path == "openid/v1/jwks":
		w.tags = []string{"openid"}
		w.plain("/openid/v1/jwks/", "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)",
			"getServiceAccountIssuerOpenIDKeyset", &node{Type: "string"}, []string{"application/jwk-set+json"})
	case path == ".well-known/openid-configuration":
		w.tags = []string{"WellKnown"}
		w.plain("/.well-known/openid-configuration/", "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
			"getServiceAccountIssuerOpenIDConfiguration", &node{Type: "string"}, single[:1])
	default:
		return nil, nil
	}

	for _, p := range w.paths {
		p.share()
	}
	return &document{
		OpenAPI: "3.0.0",
		Info:    info{Title: "Kubernetes", Version: version},
		Paths:   w.paths,
		Components: components{Schemas: sw.out, SecuritySchemes: map[string]*securityScheme{
			"BearerToken": {Type: "apiKey", Description: "Bearer Token authentication", Name: "authorization", In: "header"},
		}},
	}, nil
}

// plain adds a GET that concerns no kind.
func (w *pathWriter) plain(path, description, id string, schema *node, media []string) {
	op := &operation{Tags: w.tags, Description: description, OperationID: id, Responses: map[string]*response{"401": {Description: "Unauthorized"}}}
	op.answer(schema, media, "200")
	w.paths[path] = &pathItem{Get: op}
}
