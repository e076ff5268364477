package discovery

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// The media types of custom resources, and of their patches.
var (
	customMedia   = []string{"application/json", "application/yaml"}
	customPatches = []string{"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"}
)

// customRow writes the paths and schemas of a custom resource, which has fewer of both than a built-in one.
func (o *OpenAPI) customRow(w *pathWriter, row resource.Row) error {
	r := row.Resource
	kind := w.gv.WithKind(r.Names.Kind)
	object, list, err := o.customSchemas(w, row)
	if err != nil {
		return err
	}
	prefix := rootOf(w.gv)
	scoped, scope := prefix+"/"+r.Names.Plural, ""
	var namespace []*parameter
	if r.Scope == resource.Namespaced {
		scoped, scope = prefix+"/namespaces/{namespace}/"+r.Names.Plural, "Namespaced"
		namespace = []*parameter{pathParameter("namespace", "object name and auth scope, such as for teams and projects")}
		w.add(prefix+"/"+r.Names.Plural, "GET", kind, "list", "list objects of kind "+kind.Kind, "list", kind.Kind+"ForAllNamespaces", listParameters(), pretty).
			answer(list, customMedia, "200")
	}
	name := append([]*parameter{pathParameter("name", "name of the "+kind.Kind)}, namespace...)
	w.add(scoped, "GET", kind, "list", "list objects of kind "+kind.Kind, "list", scope+kind.Kind, listParameters(), namespace, pretty).answer(list, customMedia, "200")
	w.add(scoped, "POST", kind, "post", "create"+article(kind.Kind)+kind.Kind, "create", scope+kind.Kind, options[metav1.CreateOptions](), namespace, pretty).
		takes(object, customMedia, true).answer(object, customMedia, "200", "201", "202")
	w.add(scoped, "DELETE", kind, "deletecollection", "delete collection of "+kind.Kind, "delete", "Collection"+scope+kind.Kind, listParameters(), namespace, pretty).
		answer(w.meta("Status"), customMedia, "200")
	w.add(scoped+"/{name}", "DELETE", kind, "delete", "delete"+article(kind.Kind)+kind.Kind, "delete", scope+kind.Kind, options[metav1.DeleteOptions](), name, pretty).
		takes(w.meta("DeleteOptions"), customMedia, false).answer(w.meta("Status"), customMedia, "200", "202")

	// Operations of subresources are of the resource's own kind too.
	one := func(path, what, id string, body *node) {
		w.add(path, "GET", kind, "get", "read "+what+kind.Kind, "read", id, options[metav1.GetOptions](), name, pretty).answer(body, customMedia, "200")
		w.add(path, "PUT", kind, "put", "replace "+what+kind.Kind, "replace", id, options[metav1.UpdateOptions](), name, pretty).
			takes(body, customMedia, true).answer(body, customMedia, "200", "201")
		w.add(path, "PATCH", kind, "patch", "partially update "+what+kind.Kind, "patch", id, options[metav1.PatchOptions](), name, pretty).
			takes(w.meta("Patch"), customPatches, true).answer(body, customMedia, "200")
	}
	one(scoped+"/{name}", "the specified ", scope+kind.Kind, object)
	for _, sub := range row.Version.Subs {
		body := object
		if sub.Kind != kind {
			body = w.component(sub.Kind)
		}
		one(scoped+"/{name}/"+sub.Name, sub.Name+" of the specified ", scope+kind.Kind+titleCase(sub.Name), body)
	}
	return nil
}

// customSchemas writes the schemas of a custom resource and of its list.
func (o *OpenAPI) customSchemas(w *pathWriter, row resource.Row) (object, list *node, err error) {
	r := row.Resource
	s := &node{Type: "object"}
	if o.Custom != nil {
		if raw := o.Custom(row.Version); raw != nil {
			s = &node{}
			if err := json.Unmarshal(raw, s); err != nil {
				return nil, nil, fmt.Errorf("discovery: schema of %s: %w", r.Names.Plural, err)
			}
		}
	}
	w.meta("ObjectMeta")
	w.meta("ListMeta")
	s.finish()
	if s.Properties == nil {
		s.Properties = map[string]*node{}
	}
	typeMeta := metav1.TypeMeta{}.SwaggerDoc()
	apiVersion := &node{Type: "string", Description: typeMeta["apiVersion"]}
	kindName := &node{Type: "string", Description: typeMeta["kind"]}
	s.Properties["apiVersion"], s.Properties["kind"] = apiVersion, kindName
	s.Properties["metadata"] = objectMeta()
	s.Kinds = []kind{{w.gv.Group, r.Names.Kind, w.gv.Version}}

	parts := strings.Split(w.gv.Group, ".")
	slices.Reverse(parts)
	name := strings.Join(parts, ".") + "." + w.gv.Version + "." + r.Names.Kind
	listKind := r.Names.ListKind
	if listKind == "" {
		listKind = r.Names.Kind + "List"
	}
	listName := strings.TrimSuffix(name, r.Names.Kind) + listKind
	w.schemas.out[name] = s
	w.schemas.out[listName] = &node{
		Description: listKind + " is a list of " + r.Names.Kind,
		Type:        "object",
		Required:    []string{"items"},
		Properties: map[string]*node{
			"apiVersion": apiVersion,
			"kind":       kindName,
			"metadata":   {Description: metav1.PartialObjectMetadataList{}.SwaggerDoc()["metadata"], AllOf: []*node{refTo(metaPackage + "ListMeta")}},
			"items": {Type: "array", Items: refTo(name),
				Description: "List of " + r.Names.Plural + ". More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"},
		},
		Kinds: []kind{{w.gv.Group, listKind, w.gv.Version}},
	}
	return refTo(name), refTo(listName), nil
}

// objectMeta is the property metadata.
func objectMeta() *node {
	return &node{Description: metav1.PartialObjectMetadata{}.SwaggerDoc()["metadata"], AllOf: []*node{refTo(metaPackage + "ObjectMeta")}}
}

// finish adds, all the way down, what the schema of a CustomResourceDefinition leaves to be understood.
func (n *node) finish() {
	if n.IntOrString && n.AnyOf == nil {
		n.AnyOf = []*node{{Type: "integer"}, {Type: "string"}}
	}
	for _, p := range n.Properties {
		p.finish()
	}
	if n.Items != nil {
		n.Items.finish()
	}
	if n.Additional != nil && n.Additional.schema != nil {
		n.Additional.schema.finish()
	}
	if !n.Embedded {
		return
	}
	if n.Properties == nil {
		n.Properties = map[string]*node{}
	}
	n.Properties["apiVersion"] = &node{Type: "string", Description: "apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"}
	n.Properties["kind"] = &node{Type: "string", Description: "kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"}
	n.Properties["metadata"] = objectMeta()
	for _, r := range []string{"kind", "apiVersion"} {
		if !slices.Contains(n.Required, r) {
			n.Required = append(n.Required, r)
		}
	}
}
