package discovery

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
)

// hasBuiltin says whether a version has kinds of our own: only their groups have a document.
func hasBuiltin(v resource.GroupVersion) bool {
	return slices.ContainsFunc(v.Rows, func(r resource.Row) bool { return r.Resource != nil && !custom(r) })
}

// hasCustom says whether a version has custom resources.
func hasCustom(v resource.GroupVersion) bool {
	return slices.ContainsFunc(v.Rows, func(r resource.Row) bool { return r.Resource != nil && custom(r) })
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

// custom says whether a row is of a custom resource: its objects are trees.
func custom(row resource.Row) bool { return row.Version.Codec != nil && row.Version.Codec.New == nil }

// versionOf is the version whose document is at path, or nil when there is none.
func versionOf(s *resource.Snapshot, path string) *resource.GroupVersion {
	gv, ok := parsePath(path)
	if !ok {
		return nil
	}
	v := groupVersion(s, gv.Group, gv.Version)
	if v == nil || !local(v) {
		return nil
	}
	return v
}

// parsePath reads "api/v1" and "apis/apps/v1".
func parsePath(path string) (gv schema.GroupVersion, ok bool) {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) == 2 && parts[0] == "api":
		return schema.GroupVersion{Version: parts[1]}, true
	case len(parts) == 3 && parts[0] == "apis":
		return schema.GroupVersion{Group: parts[1], Version: parts[2]}, true
	}
	return gv, false
}

// document makes the document of a path as openapiPaths has it.
func (o *OpenAPI) document(s *resource.Snapshot, path string) (*document, error) {
	return o.fill(s, path, &schemaWriter{})
}

// fill makes the document of a path with a writer of schemas that knows the dialect.
func (o *OpenAPI) fill(s *resource.Snapshot, path string, sw *schemaWriter) (*document, error) {
	gv, versioned := parsePath(path)
	types, err := typesOf(gv)
	if err != nil {
		return nil, err
	}
	sw.schemas, sw.types, sw.gv, sw.out = o.Schemas, types.components, gv, map[string]*node{}
	w := &pathWriter{schemas: sw, types: types, gv: gv, paths: map[string]*pathItem{}, consumes: anyMedia}
	d := &document{
		OpenAPI: "3.0.0",
		Info:    info{Title: "Kubernetes", Version: o.Version},
		Components: components{SecuritySchemes: map[string]*securityScheme{
			"BearerToken": {Type: "apiKey", Description: "Bearer Token authentication", Name: "authorization", In: "header"},
		}},
	}
	switch {
	case versioned:
		v := versionOf(s, path)
		if v == nil {
			return nil, fmt.Errorf("discovery: nothing is served at %s", path)
		}
		sw.custom = !hasBuiltin(*v)
		w.title = groupTitle(gv.Group) + operationID(gv.Version, true)
		w.tags = []string{groupTag(gv.Group) + "_" + operationID(gv.Version, false)}
		for _, row := range v.Rows {
			if custom(row) {
				w.consumes = customMedia
				d.Info, d.Components.SecuritySchemes = info{Title: "Kubernetes CRD Swagger", Version: "v0.1.0"}, nil
				o.customRow(w, row)
				continue
			}
			w.plain(rootOf(gv)+"/", "get available resources", "get"+w.title+"APIResources", w.meta("APIResourceList"), single)
			w.row(row)
		}
	case strings.HasPrefix(path, "apis/"):
		group := strings.TrimPrefix(path, "apis/")
		w.tags = []string{groupTag(group)}
		w.plain("/apis/"+group+"/", "get information of a group", "get"+groupTitle(group)+"APIGroup", w.meta("APIGroup"), single)
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
		return nil, fmt.Errorf("discovery: no document at %s", path)
	}
	for _, p := range w.paths {
		p.share()
	}
	d.Paths, d.Components.Schemas = w.paths, sw.out
	return d, nil
}

// plain adds a GET that concerns no kind.
func (w *pathWriter) plain(path, description, id string, schema *node, media []string) {
	op := &operation{Tags: w.tags, Description: description, OperationID: id, Responses: map[string]*response{"401": {Description: "Unauthorized"}}}
	op.answer(schema, media, "200")
	if schema.Ref != "" {
		op.consumes = media
	}
	w.paths[path] = &pathItem{Get: op}
}
