package apiextensions

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// specNames wants the names that a specification must have, beside what holds for all names.
func (v *validator) specNames(n *v1beta1.CustomResourceDefinitionNames, at *field.Path) {
	for _, f := range [...]struct{ name, value string }{{"plural", n.Plural}, {"singular", n.Singular}, {"kind", n.Kind}, {"listKind", n.ListKind}} {
		if f.value == "" {
			v.add(field.Required(at.Child(f.name), ""))
		}
	}
	v.names(n, at)
}

// names checks those names that are there.
func (v *validator) names(n *v1beta1.CustomResourceDefinitionNames, at *field.Path) {
	label := func(at *field.Path, value, checked, prefix string) {
		if errs := validation.IsDNS1035Label(checked); len(errs) > 0 {
			v.add(field.Invalid(at, value, prefix+strings.Join(errs, ",")))
		}
	}
	const mixed = "may have mixed case, but should otherwise match: "
	if n.Plural != "" {
		label(at.Child("plural"), n.Plural, n.Plural, "")
	}
	if n.Singular != "" {
		label(at.Child("singular"), n.Singular, n.Singular, "")
	}
	if n.Kind != "" {
		label(at.Child("kind"), n.Kind, strings.ToLower(n.Kind), mixed)
	}
	if n.ListKind != "" {
		label(at.Child("listKind"), n.ListKind, strings.ToLower(n.ListKind), mixed)
	}
	for i, s := range n.ShortNames {
		label(at.Child("shortNames").Index(i), s, s, "")
	}
	if n.Kind != "" && n.Kind == n.ListKind {
		v.add(field.Invalid(at.Child("listKind"), n.ListKind, "kind and listKind may not be the same"))
	}
	for i, s := range n.Categories {
		label(at.Child("categories").Index(i), s, s, "")
	}
}

// deprecationWarning says what is wrong with the warning of a version.
func deprecationWarning(deprecated bool, warning *string) []string {
	switch {
	case warning == nil:
		return nil
	case !deprecated:
		return []string{"can only be set for deprecated versions"}
	}
	var errs []string
	if len(*warning) > 256 {
		errs = append(errs, "must be <= 256 characters long")
	}
	if *warning == "" {
		errs = append(errs, "must not be an empty string")
	}
	// Control characters are not printable, so that no word is needed for them.
	if i := strings.IndexFunc(*warning, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		errs = append(errs, fmt.Sprintf("must only contain printable UTF-8 characters; non-printable character found at index %d", i))
	}
	if !utf8.ValidString(*warning) {
		errs = append(errs, "must only contain printable UTF-8 characters")
	}
	return errs
}

// Types and formats of printer columns, in the order in which messages name them.
var (
	columnTypes   = []string{"boolean", "date", "integer", "number", "string"}
	columnFormats = []string{"byte", "date", "date-time", "double", "float", "int32", "int64", "password"}
)

func (v *validator) columns(columns []v1beta1.CustomResourceColumnDefinition, list *field.Path) {
	for i := range columns {
		c, at := &columns[i], list.Index(i)
		if c.Name == "" {
			v.add(field.Required(at.Child("name"), ""))
		}
		if c.Type == "" {
			v.add(field.Required(at.Child("type"), "must be one of "+strings.Join(columnTypes, ",")))
		} else if !slices.Contains(columnTypes, c.Type) {
			v.add(field.Invalid(at.Child("type"), c.Type, "must be one of "+strings.Join(columnTypes, ",")))
		}
		if c.Format != "" && !slices.Contains(columnFormats, c.Format) {
			v.add(field.Invalid(at.Child("format"), c.Format, "must be one of "+strings.Join(columnFormats, ",")))
		}
		if c.JSONPath == "" {
			v.add(field.Required(at.Child("JSONPath"), ""))
		} else {
			v.simplePath(c.JSONPath, at.Child("JSONPath"))
		}
	}
}

// simplePath wants a path that begins with a dot.
func (v *validator) simplePath(path string, at *field.Path) bool {
	if path[0] == '.' {
		return true
	}
	v.add(field.Invalid(at, path, "must be a simple json path starting with ."))
	return false
}

// subresources checks where the scale of an object is kept.
func (v *validator) subresources(s *v1beta1.CustomResourceSubresources, at *field.Path) {
	if s == nil || s.Scale == nil {
		return
	}
	replicas := func(name, path, under string) {
		at := at.Child("scale." + name)
		if path == "" {
			v.add(field.Required(at, ""))
		} else if v.simplePath(path, at) && !strings.HasPrefix(path, under+".") {
			v.add(field.Invalid(at, path, "should be a json path under "+under))
		}
	}
	replicas("specReplicasPath", s.Scale.SpecReplicasPath, ".spec")
	replicas("statusReplicasPath", s.Scale.StatusReplicasPath, ".status")
	if p := s.Scale.LabelSelectorPath; p != nil && *p != "" {
		at := at.Child("scale.labelSelectorPath")
		if v.simplePath(*p, at) && !strings.HasPrefix(*p, ".spec.") && !strings.HasPrefix(*p, ".status.") {
			v.add(field.Invalid(at, p, "should be a json path under either .spec or .status"))
		}
	}
}
