package discovery

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
)

// The media types of custom resources, and of their patches.
var (
	customMedia   = []string{"application/json", "application/yaml"}
	customPatches = []string{"application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"}
)

// customRow writes the paths and schemas of a custom resource, which has fewer of both than a built-in one.
func (o *OpenAPI) customRow(w *pathWriter, row resource.Row) {
	r := row.Resource
	kind := w.gv.WithKind(r.Names.Kind)
	object, list := o.customSchemas(w, row)
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
	w.add(scoped, "POST", kind, "post", "create"+article(kind.Kind)+kind.Kind, "create", scope+kind.Kind, createParameters(), namespace, pretty).
		takes(object, customMedia, true).answer(object, customMedia, "200", "201", "202")
	w.add(scoped, "DELETE", kind, "deletecollection", "delete collection of "+kind.Kind, "delete", "Collection"+scope+kind.Kind, listParameters(), namespace, pretty).
		answer(w.meta("Status"), customMedia, "200")
	w.add(scoped+"/{name}", "DELETE", kind, "delete", "delete"+article(kind.Kind)+kind.Kind, "delete", scope+kind.Kind, deleteParameters(), name, pretty).
		takes(w.meta("DeleteOptions"), customMedia, false).answer(w.meta("Status"), customMedia, "200", "202")

	// Operations of subresources are of the resource's own kind too.
	one := func(path, what, id string, body *node) {
		w.add(path, "GET", kind, "get", "read "+what+kind.Kind, "read", id, getParameters(), name, pretty).answer(body, customMedia, "200")
		w.add(path, "PUT", kind, "put", "replace "+what+kind.Kind, "replace", id, updateParameters(), name, pretty).
			takes(body, customMedia, true).answer(body, customMedia, "200", "201")
		w.add(path, "PATCH", kind, "patch", "partially update "+what+kind.Kind, "patch", id, patchParameters(), name, pretty).
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
}

// CustomSchema is what OpenAPI tells of a version of a custom resource, as its CustomResourceDefinition has it.
type CustomSchema struct {
	Schema           []byte   // openAPIV3Schema, in JSON; nil: any object, which goes for schemas that are not structural too
	PreserveUnknown  bool     // spec.preserveUnknownFields, which only old definitions can have
	SelectableFields []string // their jsonPath, in order
}

// customSchemas writes the schemas of a custom resource and of its list.
func (o *OpenAPI) customSchemas(w *pathWriter, row resource.Row) (object, list *node) {
	r := row.Resource
	var c CustomSchema
	if o.Custom != nil {
		c = o.Custom(row.Version)
	}
	s := w.schemas.customObject(c)
	s.Kinds = []kind{{w.gv.Group, r.Names.Kind, w.gv.Version}}
	w.meta("ObjectMeta")
	w.meta("ListMeta")

	parts := strings.Split(w.gv.Group, ".")
	slices.Reverse(parts)
	name := strings.Join(parts, ".") + "." + w.gv.Version + "." + r.Names.Kind
	listKind := r.Names.ListKind
	if listKind == "" {
		listKind = r.Names.Kind + "List"
	}
	listName := strings.TrimSuffix(name, r.Names.Kind) + listKind
	l := &node{
		Description: listKind + " is a list of " + r.Names.Kind,
		Type:        "object",
		Required:    []string{"items"},
		Properties: map[string]*node{
			"metadata": w.schemas.described(&node{Description: metav1.PartialObjectMetadataList{}.SwaggerDoc()["metadata"]}, metaPackage+"ListMeta"),
			"items": {Type: "array", Items: w.schemas.refTo(name),
				Description: "List of " + r.Names.Plural + ". More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"},
		},
		Kinds: []kind{{w.gv.Group, listKind, w.gv.Version}},
	}
	l.addTypeMeta()
	for _, path := range c.SelectableFields {
		f := selectableField{strings.TrimPrefix(path, ".")}
		s.Selectable, l.Selectable = append(s.Selectable, f), append(l.Selectable, f)
	}
	w.schemas.out[name], w.schemas.out[listName] = s, l
	return w.schemas.refTo(name), w.schemas.refTo(listName)
}

// customObject makes the schema of a custom resource from what its definition has. One without a schema has no
// properties at all: clients take them for all there can be. In OpenAPI v2 that goes for unknown fields too.
func (w *schemaWriter) customObject(c CustomSchema) *node {
	n, s := &node{Type: "object"}, &node{}
	if c.Schema == nil || json.Unmarshal(c.Schema, s) != nil {
		return n
	}
	if w.v2 {
		if c.PreserveUnknown || s.PreserveUnknown {
			return n
		}
		s.simplify()
	}
	if s.Properties == nil {
		s.Properties = map[string]*node{}
	}
	s.addTypeMeta()
	s.Properties["metadata"] = w.objectMeta()
	w.finish(s)
	return s
}

func (n *node) addTypeMeta() {
	doc := metav1.TypeMeta{}.SwaggerDoc()
	n.Properties["apiVersion"] = &node{Type: "string", Description: doc["apiVersion"]}
	n.Properties["kind"] = &node{Type: "string", Description: doc["kind"]}
}

// objectMeta is the property metadata.
func (w *schemaWriter) objectMeta() *node {
	return w.described(&node{Description: metav1.PartialObjectMetadata{}.SwaggerDoc()["metadata"]}, metaPackage+"ObjectMeta")
}

// finish adds, all the way down, what the schema of a CustomResourceDefinition leaves to be understood.
func (w *schemaWriter) finish(n *node) {
	if n.IntOrString && !w.v2 {
		n.unfoldIntOrString()
	}
	n.below(w.finish)
	if !n.Embedded || n.PreserveUnknown && w.v2 {
		return
	}
	if n.Properties == nil {
		n.Properties = map[string]*node{}
	}
	n.Properties["apiVersion"] = &node{Type: "string", Description: "apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"}
	n.Properties["kind"] = &node{Type: "string", Description: "kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"}
	n.Properties["metadata"] = w.objectMeta()
	for _, r := range []string{"kind", "apiVersion"} {
		if !slices.Contains(n.Required, r) {
			n.Required = append(n.Required, r)
		}
	}
}

// below calls f for the schemas of all values below.
func (n *node) below(f func(*node)) {
	for _, p := range n.Properties {
		f(p)
	}
	if n.Items != nil {
		f(n.Items)
	}
	if n.Additional != nil && n.Additional.schema != nil {
		f(n.Additional.schema)
	}
}

// unfoldIntOrString says that a value is an integer or a string, unless the definition has done so.
func (n *node) unfoldIntOrString() {
	either := []*node{{Type: "integer"}, {Type: "string"}}
	switch {
	case isEither(n.AnyOf) || len(n.AllOf) > 0 && isEither(n.AllOf[0].AnyOf):
	case n.AnyOf == nil:
		n.AnyOf = either
	default:
		n.AllOf = append([]*node{{AnyOf: either}}, n.AllOf...)
	}
}

func isEither(of []*node) bool {
	return len(of) == 2 && of[0].Type == "integer" && of[1].Type == "string"
}

// simplify takes out of the schema of a custom resource what OpenAPI v2 cannot say, or its clients do not understand.
func (n *node) simplify() {
	n.AllOf, n.OneOf, n.AnyOf, n.Not, n.Default = nil, nil, nil, nil, nil
	if n.Nullable {
		n.Type, n.Nullable, n.Items, n.Properties = "", false, nil, nil
	}
	if n.PreserveUnknown {
		n.Items, n.Properties = nil, nil
	}
	if n.Type == "array" && n.Items == nil || n.Type == "object" && n.PreserveUnknown {
		n.Type = ""
	}
	n.Required = slices.DeleteFunc(n.Required, func(name string) bool { p := n.Properties[name]; return p != nil && p.Nullable })
	if n.Additional != nil && n.Additional.schema != nil && n.Additional.schema.Nullable {
		n.Required = nil
	}
	n.below((*node).simplify)
}
