package discovery

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
)

// pathWriter writes the paths of one group and version.
type pathWriter struct {
	schemas *schemaWriter
	types   goTypes
	gv      schema.GroupVersion
	title   string // how operations call the group and version: AppsV1
	tags    []string
	paths   map[string]*pathItem

	consumes []string // what operations take who take nothing
}

// The media types of answers, of lists and watches, and of patches.
var (
	single    = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
	streamed  = append(slices.Clip(single), "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	patches   = []string{"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"}
	anyMedia  = []string{"*/*"}
	plainText = append([]string{"text/plain"}, single...)
)

// row writes all paths of a resource.
func (w *pathWriter) row(row resource.Row) {
	r := row.Resource
	prefix := rootOf(w.gv)
	kind := w.gv.WithKind(r.Names.Kind)
	object := w.component(kind)
	list := w.component(w.gv.WithKind(r.Names.Kind + "List"))
	verbs := r.Verbs
	watch := "list objects of kind "
	if verbs.Has(resource.Watch) {
		watch = "list or watch objects of kind "
	}
	scoped, scope := prefix+"/"+r.Names.Plural, ""
	var namespace []*parameter
	if r.Scope == resource.Namespaced {
		scoped, scope = prefix+"/namespaces/{namespace}/"+r.Names.Plural, "Namespaced"
		namespace = []*parameter{pathParameter("namespace", "object name and auth scope, such as for teams and projects")}
	}
	name := append([]*parameter{pathParameter("name", "name of the "+kind.Kind)}, namespace...)
	item := scoped + "/{name}"

	if verbs.Has(resource.List) {
		w.add(scoped, "GET", kind, "list", watch+kind.Kind, "list", scope+kind.Kind, listParameters(), namespace, pretty).answer(list, streamed, "200")
		if r.Scope == resource.Namespaced {
			w.add(prefix+"/"+r.Names.Plural, "GET", kind, "list", watch+kind.Kind, "list", kind.Kind+"ForAllNamespaces", listParameters(), pretty).answer(list, streamed, "200")
		}
	}
	if verbs.Has(resource.Create) {
		w.add(scoped, "POST", kind, "post", "create"+article(kind.Kind)+kind.Kind, "create", scope+kind.Kind, createParameters(), namespace, pretty).
			takes(object, anyMedia, true).answer(object, single, "200", "201", "202")
	}
	if verbs.Has(resource.DeleteCollection) {
		w.add(scoped, "DELETE", kind, "deletecollection", "delete collection of "+kind.Kind, "delete", "Collection"+scope+kind.Kind, deleteCollectionParameters(), namespace, pretty).
			takes(w.meta("DeleteOptions"), anyMedia, false).answer(w.meta("Status"), single, "200")
	}
	if verbs.Has(resource.Get) {
		w.add(item, "GET", kind, "get", "read the specified "+kind.Kind, "read", scope+kind.Kind, name, pretty).answer(object, single, "200")
	}
	if verbs.Has(resource.Update) {
		w.add(item, "PUT", kind, "put", "replace the specified "+kind.Kind, "replace", scope+kind.Kind, updateParameters(), name, pretty).
			takes(object, anyMedia, true).answer(object, single, "200", "201")
	}
	if verbs.Has(resource.Patch) {
		w.add(item, "PATCH", kind, "patch", "partially update the specified "+kind.Kind, "patch", scope+kind.Kind, patchParameters(), name, pretty).
			takes(w.meta("Patch"), patches, true).answer(object, single, "200", "201")
	}
	if verbs.Has(resource.Delete) {
		gone := w.meta("Status")
		// A kind that can be held (Namespace) answers with the object too, but its document does not say so.
		if r.Rules.ReturnDeleted && r.Held == nil {
			gone = object
		}
		w.add(item, "DELETE", kind, "delete", "delete"+article(kind.Kind)+kind.Kind, "delete", scope+kind.Kind, deleteParameters(), name, pretty).
			takes(w.meta("DeleteOptions"), anyMedia, false).answer(gone, single, "200", "202")
	}
	if verbs.Has(resource.Watch) {
		const each = "watch individual changes to a list of %. deprecated: use the 'watch' parameter with a list operation instead."
		const one = "watch changes to an object of kind %. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter."
		old := prefix + "/watch" + strings.TrimPrefix(scoped, prefix)
		event := w.meta("WatchEvent")
		w.add(old, "GET", kind, "watchlist", strings.Replace(each, "%", kind.Kind, 1), "watch", scope+kind.Kind+"List", listParameters(), namespace, pretty).answer(event, streamed, "200")
		if verbs.Has(resource.Get) {
			w.add(old+"/{name}", "GET", kind, "watch", strings.Replace(one, "%", kind.Kind, 1), "watch", scope+kind.Kind, listParameters(), name, pretty).answer(event, streamed, "200")
		}
		if r.Scope == resource.Namespaced {
			w.add(prefix+"/watch/"+r.Names.Plural, "GET", kind, "watchlist", strings.Replace(each, "%", kind.Kind, 1), "watch", kind.Kind+"ListForAllNamespaces", listParameters(), pretty).answer(event, streamed, "200")
		}
	}
	for i := range row.Version.Subs {
		w.sub(&row.Version.Subs[i], r.Names.Kind, item, scope, namespace)
	}
}

// sub writes the paths of a subresource of the object at item.
func (w *pathWriter) sub(sub *resource.Subresource, parent, item, scope string, namespace []*parameter) {
	path, name, id := item+"/"+sub.Name, sub.Name, scope+parent+titleCase(sub.Name)
	if strings.HasSuffix(sub.Kind.Kind, "Options") {
		w.connect(sub, parent, path, id, namespace)
		return
	}
	object := w.component(sub.Kind)
	named := append([]*parameter{pathParameter("name", "name of the "+sub.Kind.Kind)}, namespace...)
	if sub.Verbs.Has(resource.Get) {
		if log := w.types.kinds[sub.Kind.Kind+"LogOptions"]; sub.Name == "log" && log != nil {
			w.add(path, "GET", sub.Kind, "get", "read "+name+" of the specified "+parent, "read", id, optionParameters(log), named, pretty).answer(&node{Type: "string"}, plainText, "200")
		} else {
			w.add(path, "GET", sub.Kind, "get", "read "+name+" of the specified "+parent, "read", id, named, pretty).answer(object, single, "200")
		}
	}
	if sub.Verbs.Has(resource.Update) {
		w.add(path, "PUT", sub.Kind, "put", "replace "+name+" of the specified "+parent, "replace", id, updateParameters(), named, pretty).
			takes(object, anyMedia, true).answer(object, single, "200", "201")
	}
	if sub.Verbs.Has(resource.Patch) {
		w.add(path, "PATCH", sub.Kind, "patch", "partially update "+name+" of the specified "+parent, "patch", id, patchParameters(), named, pretty).
			takes(w.meta("Patch"), patches, true).answer(object, single, "200", "201")
	}
	if sub.Verbs.Has(resource.Create) {
		w.add(path, "POST", sub.Kind, "post", "create "+name+" of"+article(parent)+parent, "create", id, createParameters(), named, pretty).
			takes(object, anyMedia, true).answer(object, single, "200", "201", "202")
	}
}

// connect writes the paths of a connection, whose kind is its options. One that takes every verb is a proxy: it takes
// all methods, and a path behind its own.
func (w *pathWriter) connect(sub *resource.Subresource, parent, path, id string, namespace []*parameter) {
	methods := []string{"GET", "POST"}
	paths := []string{path}
	if sub.Verbs.Has(resource.Update) {
		methods = []string{"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"}
		paths = append(paths, path+"/{path}")
	}
	named := append([]*parameter{pathParameter("name", "name of the "+sub.Kind.Kind)}, namespace...)
	var query []*parameter
	if t := w.types.kinds[sub.Kind.Kind]; t != nil {
		query = optionParameters(t)
	}
	for i, p := range paths {
		params, suffix := named, ""
		if i == 1 {
			params, suffix = append([]*parameter{pathParameter("path", "path to the resource")}, named...), "WithPath"
		}
		for _, m := range methods {
			w.add(p, m, sub.Kind, "connect", "connect "+m+" requests to "+sub.Name+" of "+parent, "connect", titleCase(strings.ToLower(m))+id+suffix, query, params).
				answer(&node{Type: "string"}, anyMedia, "200")
		}
	}
}

// add makes an operation. Its id is verb, group and version, id.
func (w *pathWriter) add(path, method string, kind schema.GroupVersionKind, action, description, verb, id string, parameters ...[]*parameter) *operation {
	op := &operation{
		Tags: w.tags, Description: description, OperationID: verb + w.title + operationID(id, true),
		Parameters: slices.Concat(parameters...),
		Responses:  map[string]*response{"401": {Description: "Unauthorized"}},
		Action:     action, Kind: &operationKind{kind.Group, kind.Version, kind.Kind},
		consumes: w.consumes,
	}
	slices.SortStableFunc(op.Parameters, func(a, b *parameter) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.In, b.In)) })
	p := w.paths[path]
	if p == nil {
		p = &pathItem{}
		w.paths[path] = p
	}
	switch method {
	case "GET":
		p.Get = op
	case "PUT":
		p.Put = op
	case "POST":
		p.Post = op
	case "DELETE":
		p.Delete = op
	case "OPTIONS":
		p.Options = op
	case "HEAD":
		p.Head = op
	case "PATCH":
		p.Patch = op
	}
	return op
}

func (o *operation) takes(schema *node, media []string, required bool) *operation {
	o.body, o.consumes = schema, media
	o.RequestBody = &requestBody{Content: content(schema, media), Required: required}
	return o
}

func (o *operation) answer(schema *node, media []string, codes ...string) {
	o.produces = media
	for _, code := range codes {
		o.Responses[code] = &response{Description: map[string]string{"200": "OK", "201": "Created", "202": "Accepted"}[code], Content: content(schema, media)}
	}
}

func content(schema *node, media []string) map[string]*mediaType {
	out := make(map[string]*mediaType, len(media))
	m := &mediaType{schema}
	for _, name := range media {
		out[name] = m
	}
	return out
}

// share moves the parameters that all operations of a path have to the path.
func (p *pathItem) share() {
	ops := p.operations()
	has := func(op *operation, q *parameter) bool {
		return slices.ContainsFunc(op.Parameters, func(o *parameter) bool { return o.Name == q.Name && o.In == q.In })
	}
	for _, q := range ops[0].Parameters {
		if !slices.ContainsFunc(ops, func(op *operation) bool { return !has(op, q) }) {
			p.Parameters = append(p.Parameters, q)
		}
	}
	for _, op := range ops {
		op.Parameters = slices.DeleteFunc(op.Parameters, func(q *parameter) bool {
			return slices.ContainsFunc(p.Parameters, func(o *parameter) bool { return o.Name == q.Name && o.In == q.In })
		})
	}
}

// component is the schema of a kind.
func (w *pathWriter) component(k schema.GroupVersionKind) *node {
	s := w.schemas.schemas.Kind(k.Group, k.Version, k.Kind)
	if s == nil {
		return &node{Type: "object"}
	}
	return w.ref(s.Ref)
}

func (w *pathWriter) meta(kind string) *node { return w.ref(metaPackage + kind) }

func (w *pathWriter) ref(component string) *node {
	w.schemas.need(component)
	return w.schemas.refTo(component)
}

// pretty is the parameter of whatever answers with an object.
var pretty = []*parameter{queryParameter("pretty", "string",
	"If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget).")}

func pathParameter(name, description string) *parameter {
	return &parameter{Name: name, In: "path", Description: description, Required: true, Schema: &node{Type: "string", UniqueItems: true}}
}

// The parameters of options, which are not to be changed.
var (
	listParameters   = optionsOf[metav1.ListOptions]()
	getParameters    = optionsOf[metav1.GetOptions]()
	createParameters = optionsOf[metav1.CreateOptions]()
	updateParameters = optionsOf[metav1.UpdateOptions]()
	patchParameters  = optionsOf[metav1.PatchOptions]()
	deleteParameters = optionsOf[metav1.DeleteOptions]()
)

func optionsOf[T any]() func() []*parameter {
	return sync.OnceValue(func() []*parameter { return slices.Clip(optionParameters(reflect.TypeFor[T]())) })
}

// deleteCollectionParameters are those of the delete and of the list that chooses what to delete.
func deleteCollectionParameters() []*parameter {
	list := slices.DeleteFunc(slices.Clone(listParameters()), func(p *parameter) bool { return p.Name == "watch" || p.Name == "allowWatchBookmarks" })
	return append(deleteParameters(), list...)
}

// rootOf is the path of a group and version.
func rootOf(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return "/api/" + gv.Version
	}
	return "/apis/" + gv.Group + "/" + gv.Version
}

// groupTitle is how operations call a group: RbacAuthorization for rbac.authorization.k8s.io.
func groupTitle(group string) string {
	if group == "" {
		return "Core"
	}
	return operationID(strings.TrimSuffix(group, ".k8s.io"), true)
}

// groupTag is how documents tag a group: rbacAuthorization.
func groupTag(group string) string {
	if group == "" {
		return "core"
	}
	return operationID(strings.TrimSuffix(group, ".k8s.io"), false)
}

// operationID makes one word of s, without what may not be in the name of an operation.
func operationID(s string, upper bool) string {
	var out strings.Builder
	for i, r := range s {
		switch {
		case !unicode.IsLetter(r) && r != '_' && (i == 0 || !unicode.IsDigit(r)):
			upper = true
			continue
		case upper:
			r = unicode.ToUpper(r)
		}
		out.WriteRune(r)
		upper = false
	}
	return out.String()
}

func titleCase(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// article stands between a verb and a kind, with spaces around: plurals have none.
func article(kind string) string {
	switch {
	case strings.HasSuffix(kind, "s") && !strings.HasSuffix(kind, "ss"):
		return " "
	case strings.ContainsRune("AEIOUaeiou", rune(kind[0])):
		return " an "
	}
	return " a "
}
