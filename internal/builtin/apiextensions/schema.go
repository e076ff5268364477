package apiextensions

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/schema"
)

// schema checks the schema of a version, or that of all versions. status says that there is a status subresource.
func (v *validator) schema(in *v1beta1.CustomResourceValidation, status bool, version string, at *field.Path) {
	root := definition.Root(in)
	if root == nil {
		return
	}
	before := len(v.errs)
	if status {
		v.atRoot(root, at)
	}
	at = at.Child("openAPIV3Schema")
	if root.Nullable {
		v.add(field.Forbidden(at.Child("nullable"), "nullable cannot be true at the root"))
	}
	// What is not convertible is told only if nothing else is wrong: most of it is found by the walk as well.
	var inconvertible error
	checkRules := false
	if v.wantStructural {
		if inconvertible = definition.Convertible(root); inconvertible == nil {
			errs := definition.Structural(root, at)
			if len(errs) == 0 {
				errs = v.defaults(root, at)
			}
			v.errs = append(v.errs, errs...)
			checkRules = len(errs) == 0
		}
	}
	w := walk{rules: &v.rules}
	w.node(root, inside{root: true, defaults: true}, at)
	v.errs = append(v.errs, w.List...)
	if checkRules && w.hasRules && len(w.wrong) < manyWrong {
		v.errs = append(v.errs, schema.CheckRules(v.ctx, at, same[v1.JSONSchemaProps](root), same[v1.JSONSchemaProps](v.oldSchema(version)), w.wrong)...)
	}
	if inconvertible != nil && len(v.errs) == before {
		v.add(field.Invalid(at, "", inconvertible.Error()))
	}
}

// manyWrong nodes are too many for a look at the rules of the others.
const manyWrong = 1000

// oldSchema is what is stored as the schema of a version.
func (v *validator) oldSchema(version string) *v1beta1.JSONSchemaProps {
	if v.old == nil {
		return nil
	}
	if v.old.Spec.Validation != nil {
		return v.old.Spec.Validation.OpenAPIV3Schema
	}
	for i := range v.old.Spec.Versions {
		if one := &v.old.Spec.Versions[i]; one.Name == version {
			return definition.Root(one.Schema)
		}
	}
	return nil
}

// rootFields are what the root of a schema may have beside a status subresource, whose schema is taken out of it.
const rootFields = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]"

// atRoot stops at the first finding, in the order of the fields.
func (v *validator) atRoot(s *v1beta1.JSONSchemaProps, at *field.Path) {
	switch {
	case s.ID != "" || s.Schema != "" || s.Ref != nil:
	case s.Type != "" && s.Type != "object":
		v.add(field.Invalid(at.Child("openAPIV3Schema.type"), s.Type, `only "object" is allowed as the type at the root of the schema if the status subresource is enabled`))
		return
	case s.Nullable || s.Default != nil || s.Enum != nil || s.MaxProperties != nil || s.MinProperties != nil || s.AllOf != nil ||
		s.OneOf != nil || s.AnyOf != nil || s.Not != nil || s.AdditionalProperties != nil || s.PatternProperties != nil ||
		s.Dependencies != nil || s.AdditionalItems != nil || s.Definitions != nil || s.XEmbeddedResource || s.XIntOrString ||
		s.XListMapKeys != nil || s.XListType != nil || s.XMapType != nil:
	default:
		return
	}
	v.add(field.Invalid(at.Child("openAPIV3Schema"), shownSchema(s), "only "+rootFields+" fields are allowed at the root of the schema if the status subresource is enabled"))
}

// walk looks at each node of a schema.
type walk struct {
	*rules
	definition.Findings
	wrong    field.ErrorList // where the nodes stand that something is wrong with
	hasRules bool
}

// mark notes a node if there are findings since there were n.
func (w *walk) mark(n int, at *field.Path) {
	if len(w.List) > n {
		w.wrong = append(w.wrong, &field.Error{Type: field.ErrorTypeInvalid, Field: at.String()})
	}
}

func (w *walk) addAll(errs field.ErrorList) {
	for _, e := range errs {
		w.Add(e)
	}
}

// inside is what a node has to know of where it stands.
type inside struct {
	root     bool
	meta     bool   // in the metadata, kind or apiVersion of a resource
	defaults bool   // they are allowed
	because  string // why they are not
}

func (w *walk) node(s *v1beta1.JSONSchemaProps, in inside, at *field.Path) {
	if s == nil || w.Full() {
		return
	}
	root := in.root
	in.root = false
	n := len(w.List)
	w.fields(s, in, at)
	w.mark(n, at)
	if more := s.AdditionalProperties; more != nil {
		if len(s.Properties) > 0 && (!more.Allows || more.Schema != nil) {
			w.Add(field.Forbidden(at.Child("additionalProperties"), "additionalProperties and properties are mutual exclusive"))
			w.mark(n, at)
		}
		below := in
		if in.meta {
			below.defaults, below.because = false, "inside additionalProperties applying to object metadata"
		}
		w.node(more.Schema, below, at.Child("additionalProperties"))
	}
	if len(s.Properties) > 0 {
		properties := at.Child("properties")
		for name, p := range definition.Sorted(s.Properties) {
			below := in
			if (root || s.XEmbeddedResource) && (name == "metadata" || name == "kind" || name == "apiVersion") {
				below.meta = true
				if root {
					below.defaults, below.because = false, "in top-level "+name
				}
			}
			w.node(p, below, properties.Key(name))
		}
	}
	if s.Not != nil {
		w.node(s.Not, in, at.Child("not"))
	}
	w.list(s.AllOf, "allOf", in, at)
	w.list(s.OneOf, "oneOf", in, at)
	w.list(s.AnyOf, "anyOf", in, at)
	for name, d := range definition.Sorted(s.Definitions) {
		w.node(d, in, at.Child("definitions").Key(name))
	}
	if s.Items != nil {
		if s.Items.Schema != nil {
			w.node(s.Items.Schema, in, at.Child("items"))
		}
		w.list(s.Items.JSONSchemas, "items", in, at)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		w.node(s.Dependencies[name].Schema, in, at.Child("dependencies").Key(name))
	}
	n = len(w.List)
	w.extensions(s, at)
	if len(s.XValidations) > 0 {
		w.hasRules = true
		w.addAll(schema.CheckRuleTexts(at, same[v1.JSONSchemaProps](s)))
	}
	w.mark(n, at)
}

func (w *walk) list(list []v1beta1.JSONSchemaProps, name string, in inside, at *field.Path) {
	for i := range list {
		w.node(&list[i], in, at.Child(name).Index(i))
	}
}

var openAPITypes = []string{"array", "boolean", "integer", "number", "object", "string"}

// fields checks the fields of JSON schema that a node has.
func (w *walk) fields(s *v1beta1.JSONSchemaProps, in inside, at *field.Path) {
	if w.wantTypes && s.Type != "" && !slices.Contains(openAPITypes, s.Type) {
		w.Add(field.NotSupported(at.Child("type"), s.Type, openAPITypes))
	}
	if s.Default != nil && !in.defaults {
		w.Add(field.Forbidden(at.Child("default"), strings.TrimSuffix("must not be set "+in.because, " ")))
	}
	for _, f := range [...]struct {
		set       bool
		name, why string
	}{
		{s.ID != "", "id", "id is not supported"},
		{s.AdditionalItems != nil, "additionalItems", "additionalItems is not supported"},
		{len(s.PatternProperties) > 0, "patternProperties", "patternProperties is not supported"},
		{len(s.Definitions) > 0, "definitions", "definitions is not supported"},
		{s.Dependencies != nil, "dependencies", "dependencies is not supported"},
		{s.Ref != nil, "$ref", "$ref is not supported"},
		{s.Type == "null", "type", "type cannot be set to null, use nullable as an alternative"},
		{s.Items != nil && len(s.Items.JSONSchemas) > 0, "items", "items must be a schema object and not an array"},
		{in.meta && s.XEmbeddedResource, "x-kubernetes-embedded-resource", "must not be used inside of resource meta"},
		{s.UniqueItems, "uniqueItems", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"},
	} {
		if f.set {
			w.Add(field.Forbidden(at.Child(f.name), f.why))
		}
	}
}

// extensions checks x-kubernetes-preserve-unknown-fields, -map-type and -list-type.
func (w *walk) extensions(s *v1beta1.JSONSchemaProps, at *field.Path) {
	if p := s.XPreserveUnknownFields; p != nil && !*p {
		w.Add(field.Invalid(at.Child("x-kubernetes-preserve-unknown-fields"), *p, "must be true or undefined"))
	}
	if s.XMapType != nil {
		w.wantType(s, "object", "x-kubernetes-map-type", at)
		if *s.XMapType != "atomic" && *s.XMapType != "granular" {
			w.Add(field.NotSupported(at.Child("x-kubernetes-map-type"), *s.XMapType, []string{"atomic", "granular"}))
		}
	}
	if s.XListType != nil {
		if w.wantType(s, "array", "x-kubernetes-list-type", at) && w.wantAtomicSets && !atomicSet(s) {
			w.Add(field.Invalid(at.Child("items").Child(typeOfKind(s.Items.Schema)), s.Items.Schema.XListType, "must be atomic as item of a list with x-kubernetes-list-type=set"))
		}
		switch *s.XListType {
		case "atomic", "set", "map":
		default:
			w.Add(field.NotSupported(at.Child("x-kubernetes-list-type"), *s.XListType, []string{"atomic", "set", "map"}))
		}
	}
	if len(s.XListMapKeys) > 0 {
		if s.XListType == nil {
			w.Add(field.Required(at.Child("x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty"))
		} else if *s.XListType != "map" {
			w.Add(field.Invalid(at.Child("x-kubernetes-list-type"), *s.XListType, "must be map if x-kubernetes-list-map-keys is non-empty"))
		}
	}
	if s.XListType != nil && *s.XListType == "map" {
		w.mapList(s, at)
	}
	if w.wantListKeys {
		w.addAll(listKeys(s, at))
	}
}

// wantType wants the type that an extension is for, and says whether it is there.
func (w *walk) wantType(s *v1beta1.JSONSchemaProps, typ, extension string, at *field.Path) bool {
	text := fmt.Sprintf("must be %s if %s is specified", typ, extension)
	switch s.Type {
	case typ:
		return true
	case "":
		w.Add(field.Required(at.Child("type"), text))
	default:
		w.Add(field.Invalid(at.Child("type"), s.Type, text))
	}
	return false
}

// atomicSet says whether the elements of a set, if it is one, are owned and replaced as a whole.
func atomicSet(s *v1beta1.JSONSchemaProps) bool {
	if s.XListType == nil || *s.XListType != "set" || s.Items == nil || s.Items.Schema == nil {
		return true
	}
	switch e := s.Items.Schema; e.Type {
	case "array":
		return e.XListType == nil || *e.XListType == "atomic"
	case "object":
		return e.XMapType != nil && *e.XMapType == "atomic"
	}
	return true
}

func typeOfKind(s *v1beta1.JSONSchemaProps) string {
	if s.Type == "array" {
		return "x-kubernetes-list-type"
	}
	return "x-kubernetes-map-type"
}

// mapList checks a list whose elements are told apart by keys.
func (w *walk) mapList(s *v1beta1.JSONSchemaProps, at *field.Path) {
	keys, items := at.Child("x-kubernetes-list-map-keys"), at.Child("items")
	if len(s.XListMapKeys) == 0 {
		w.Add(field.Required(keys, "must not be empty if x-kubernetes-list-type is map"))
	}
	switch {
	case s.Items == nil:
		w.Add(field.Required(items, "must have a schema if x-kubernetes-list-type is map"))
		return
	case s.Items.Schema == nil:
		w.Add(field.Invalid(items, shownItems(s.Items), "must only have a single schema if x-kubernetes-list-type is map"))
		return
	}
	e := s.Items.Schema
	if e.Type != "object" {
		w.Add(field.Invalid(items.Child("type"), e.Type, "must be object if parent array's x-kubernetes-list-type is map"))
		return
	}
	seen := map[string]bool{}
	for _, k := range s.XListMapKeys {
		if p, ok := e.Properties[k]; !ok {
			w.Add(field.Invalid(keys, s.XListMapKeys, "entries must all be names of item properties"))
		} else if p.Type == "array" || p.Type == "object" {
			w.Add(field.Invalid(items.Child("properties").Key(k).Child("type"), e.Type, "must be a scalar type if parent array's x-kubernetes-list-type is map"))
		}
		if seen[k] {
			w.Add(field.Invalid(keys, s.XListMapKeys, "must not contain duplicate entries"))
		}
		seen[k] = true
	}
}

// listKeys wants the elements of sets and maps not to be nullable, and keys to be always there.
func listKeys(s *v1beta1.JSONSchemaProps, at *field.Path) (errs field.ErrorList) {
	if s.Items == nil || s.Items.Schema == nil || s.XListType == nil || *s.XListType != "set" && *s.XListType != "map" {
		return nil
	}
	e := s.Items.Schema
	items := at.Child("items")
	if e.Nullable {
		errs = append(errs, field.Forbidden(items.Child("nullable"), "cannot be nullable when x-kubernetes-list-type is "+*s.XListType))
	}
	if *s.XListType == "set" {
		return errs
	}
	required := map[string]bool{}
	for _, k := range e.Required {
		required[k] = true
	}
	for _, k := range s.XListMapKeys {
		p, ok := e.Properties[k]
		if !ok {
			continue
		}
		at := items.Child("properties").Key(k)
		if p.Default == nil && !required[k] {
			errs = append(errs, field.Required(at.Child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
		}
		if p.Nullable {
			errs = append(errs, field.Forbidden(at.Child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
		}
	}
	return errs
}
