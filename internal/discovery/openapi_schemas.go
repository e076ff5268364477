package discovery

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	pschema "github.com/pintle-io/pintle/internal/schema"
)

// schemaWriter writes the components of a document: those that are asked for and all that they lead to.
type schemaWriter struct {
	schemas *pschema.Builtin
	types   map[string]reflect.Type // by component name: where descriptions come from
	gv      schema.GroupVersion     // of the document
	out     map[string]*node
	custom  bool // the document is of custom resources
	// v2 writes the dialect of OpenAPI v2: references may have a description beside them, a value has one type, and
	// there are no defaults.
	v2 bool
	// written are the components that the document has elsewhere.
	written func(component string) bool
}

func (w *schemaWriter) refTo(component string) *node {
	if w.v2 {
		return &node{Ref: v2RefPrefix + component}
	}
	return &node{Ref: refPrefix + component}
}

// described makes n, which says something of its own about a component, refer to it.
func (w *schemaWriter) described(n *node, component string) *node {
	if w.v2 {
		n.Ref = v2RefPrefix + component
	} else {
		n.AllOf = []*node{w.refTo(component)}
	}
	return n
}

// need adds a component.
func (w *schemaWriter) need(name string) {
	if w.out[name] != nil || w.written != nil && w.written(name) {
		return
	}
	s := w.schemas.Component(name)
	if s == nil {
		w.out[name] = &node{Type: "object"}
		return
	}
	t := w.types[name]
	n := &node{}
	w.out[name] = n
	w.shape(n, s, t)
	n.Description = typeDoc(t)[""]
	if s.Atomic && s.Type != pschema.Any {
		n.MapType = "atomic"
	}
	n.Unions = s.Unions
	n.Kinds = w.kindsOf(name)
}

const metaPackage = "io.k8s.apimachinery.pkg.apis.meta.v1."

// kindsOf lists the kinds that a component is. What can be sent to any group is a kind of the document's own group
// too.
func (w *schemaWriter) kindsOf(name string) (out []kind) {
	for _, k := range w.schemas.KindsOf(name) {
		out = append(out, kind{k.Group, k.Kind, k.Version})
	}
	switch k := strings.TrimPrefix(name, metaPackage); k {
	case "DeleteOptions", "WatchEvent":
		if w.v2 || w.custom {
			return kindOfEvery(k, w.custom)
		}
		if w.gv.Group != "" {
			out = append(out, kind{w.gv.Group, k, w.gv.Version})
		}
	}
	return out
}

// value writes a property, an element or a map's value. A reference with nothing beside it stands alone; undocumented
// says that there is a description beside it, which is not known here.
func (w *schemaWriter) value(s *pschema.Schema, description string, undocumented bool) *node {
	n := &node{Description: description}
	if !w.v2 {
		n.Default = s.Default
	}
	if s.Ref != "" {
		w.need(s.Ref)
		atomic := w.schemas.Component(s.Ref).Atomic
		switch {
		case s.Declared && !s.Atomic:
			n.MapType = "granular"
		case s.Atomic && !atomic:
			n.MapType = "atomic"
		}
		n.PatchStrategy, n.PatchMergeKey = strategy(s.PatchStrategy), s.PatchMergeKey
		if reflect.DeepEqual(n, &node{}) && !undocumented {
			return w.refTo(s.Ref)
		}
		return w.described(n, s.Ref)
	}
	w.shape(n, s, nil)
	switch {
	case s.ListType == pschema.ListSet:
		n.ListType = "set"
	case s.ListType == pschema.ListMap:
		n.ListType, n.ListMapKeys = "map", s.Keys
	case s.Atomic:
		n.MapType = "atomic"
	case s.Declared && s.Type == pschema.Map:
		n.MapType = "granular"
	case s.Declared: // of a list, or of bytes
		n.ListType = "atomic"
	}
	n.PatchStrategy, n.PatchMergeKey = strategy(s.PatchStrategy), s.PatchMergeKey
	return n
}

// shape writes type and format, and what is below; t is the Go type of a component.
func (w *schemaWriter) shape(n *node, s *pschema.Schema, t reflect.Type) {
	n.Format, n.Required = s.Format, s.Required
	for _, e := range s.Enum {
		n.Enum = append(n.Enum, e)
	}
	switch s.Type {
	case pschema.Any:
		n.Type, n.Format = s.Format, ""
	case pschema.Object:
		n.Type = "object"
		n.Properties = make(map[string]*node, len(s.Properties))
		docs := fieldDocs(t)
		for _, p := range s.Properties {
			n.Properties[p.Name] = w.value(p.Schema, docs[p.Name], typeDoc(t) == nil)
		}
	case pschema.Map:
		n.Type = "object"
		n.Additional = &additional{schema: w.value(s.Items, "", false)}
	case pschema.List:
		n.Type = "array"
		n.Items = w.value(s.Items, "", false)
	case pschema.String:
		n.Type = "string"
		if s.Format == "quantity" && w.v2 {
			n.Format = ""
		} else if s.Format == "quantity" {
			n.Type, n.Format = "", ""
			n.OneOf = []*node{{Type: "string"}, {Type: "number"}}
		}
	case pschema.Integer:
		n.Type = "integer"
	case pschema.Number:
		n.Type = "number"
	case pschema.Boolean:
		n.Type = "boolean"
	case pschema.IntOrString:
		n.Format = "int-or-string"
		if w.v2 {
			n.Type = "string"
			return
		}
		n.OneOf = []*node{{Type: "integer"}, {Type: "string"}}
	}
}

func strategy(s pschema.PatchStrategy) string {
	var out []string
	for _, v := range []struct {
		bit  pschema.PatchStrategy
		name string
	}{{pschema.PatchMerge, "merge"}, {pschema.PatchRetainKeys, "retainKeys"}, {pschema.PatchReplace, "replace"}} {
		if s&v.bit != 0 {
			out = append(out, v.name)
		}
	}
	return strings.Join(out, ",")
}
