package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// Metadata of trees is kept as ObjectMeta would write it: unknown and empty fields are dropped, times are in UTC to the
// second, and a field of the wrong type is an error, or dropped with the rest. Nearly all metadata already is like that,
// which tidy sees without decoding it; the rest goes the way of the reference, by JSON into the struct and back.

// coerceMeta puts m["metadata"] in order. It returns which fields were unknown, when asked to report, and the struct where
// one had to be made.
func coerceMeta(m map[string]any, drop, report bool, path *field.Path) (unknown []string, meta *metav1.ObjectMeta, err error) {
	v, found := m["metadata"]
	if !found || tidy(v) {
		return nil, nil, nil
	}
	meta = &metav1.ObjectMeta{}
	data, err := utiljson.Marshal(v)
	if err != nil {
		return nil, nil, err
	}
	unknown, err = decodeMeta(data, meta, report, path)
	if err != nil {
		if !drop {
			return nil, nil, err
		}
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("invalid metadata: expected object, got %T", v)
		}
		meta, unknown = decodeFields(fields, report, path)
	}
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(meta)
	if err != nil {
		return nil, nil, err
	}
	m["metadata"] = tree
	return unknown, meta, nil
}

func decodeMeta(data []byte, meta *metav1.ObjectMeta, report bool, path *field.Path) (unknown []string, err error) {
	if !report {
		return nil, utiljson.Unmarshal(data, meta)
	}
	strict, err := kjson.UnmarshalStrict(data, meta)
	if err != nil {
		return nil, err
	}
	prefix := path.Child("metadata").String() + "."
	for _, e := range strict {
		if e, ok := e.(kjson.FieldError); ok {
			unknown = append(unknown, prefix+e.FieldPath())
		}
	}
	return unknown, nil
}

// decodeFields reads metadata field by field and leaves out those that are of a wrong type.
func decodeFields(fields map[string]any, report bool, path *field.Path) (meta *metav1.ObjectMeta, unknown []string) {
	meta = &metav1.ObjectMeta{}
	trial := &metav1.ObjectMeta{}
	for _, k := range sortedKeys(fields) {
		data, err := utiljson.Marshal(map[string]any{k: fields[k]})
		if err != nil || utiljson.Unmarshal(data, trial) != nil {
			continue
		}
		more, _ := decodeMeta(data, meta, report, path)
		unknown = append(unknown, more...)
	}
	return meta, unknown
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// tidy says that metadata is just as ObjectMeta would write it. It may not know so.
func tidy(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	for k, v := range m {
		switch k {
		case "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion":
			ok = someText(v)
		case "generation":
			n, isInt := v.(int64)
			ok = isInt && n != 0
		case "deletionGracePeriodSeconds":
			_, ok = v.(int64)
		case "creationTimestamp", "deletionTimestamp":
			ok = someTime(v)
		case "labels", "annotations":
			ok = someTexts(v)
		case "ownerReferences":
			ok = someOf(v, tidyOwner)
		case "finalizers":
			ok = someOf(v, func(v any) bool { _, ok := v.(string); return ok })
		case "managedFields":
			ok = someOf(v, tidyManager)
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return true
}

func tidyOwner(v any) bool {
	m, ok := v.(map[string]any)
	needed := 0
	for k, v := range m {
		isRight := false
		switch k {
		case "apiVersion", "kind", "name", "uid":
			_, isRight = v.(string)
			needed++
		case "controller", "blockOwnerDeletion":
			_, isRight = v.(bool)
		}
		if !isRight {
			return false
		}
	}
	return ok && needed == 4
}

func tidyManager(v any) bool {
	m, ok := v.(map[string]any)
	for k, v := range m {
		isRight := false
		switch k {
		case "manager", "operation", "apiVersion", "fieldsType", "subresource":
			isRight = someText(v)
		case "time":
			isRight = someTime(v)
		case "fieldsV1":
			_, isRight = v.(map[string]any)
		}
		if !isRight {
			return false
		}
	}
	return ok
}

func someText(v any) bool {
	s, ok := v.(string)
	return ok && s != ""
}

func someTexts(v any) bool {
	m, ok := v.(map[string]any)
	for _, v := range m {
		if _, isText := v.(string); !isText {
			return false
		}
	}
	return ok && len(m) > 0
}

func someOf(v any, each func(any) bool) bool {
	list, ok := v.([]any)
	for _, v := range list {
		if !each(v) {
			return false
		}
	}
	return ok && len(list) > 0
}

// someTime says that v is a time as the server writes it: UTC, to the second, not zero.
func someTime(v any) bool {
	const layout = "2006-01-02T15:04:05Z"
	s, ok := v.(string)
	if !ok || len(s) != len(layout) || s[len(s)-1] != 'Z' || s[0] == '0' {
		return false
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// embedded puts the metadata of an embedded resource in order, and looks at its apiVersion and kind.
func (p *pruner) embedded(m map[string]any) {
	for _, k := range [...]string{"apiVersion", "kind"} {
		if v, found := m[k]; found {
			if _, ok := v.(string); !ok && p.drop {
				delete(m, k)
			} else if !ok && p.err == nil {
				p.err = field.Invalid(fieldPath(p.at, p.path).Child(k), v, "must be a string")
			}
		}
	}
	v, found := m["metadata"]
	if !found || p.err != nil || tidy(v) {
		return
	}
	path := fieldPath(p.at, p.path)
	unknown, _, err := coerceMeta(m, p.drop, p.report, path)
	p.inMeta = append(p.inMeta, unknown...)
	if err != nil && !p.drop && p.err == nil {
		p.err = field.Invalid(path.Child("metadata"), v, err.Error())
	}
}

// validateEmbedded validates the embedded resources at and below a value.
func validateEmbedded(path *field.Path, s *Schema, v any) (found field.ErrorList) {
	if s == nil || s.below&belowEmbedded == 0 {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		if s.Embedded {
			found = append(found, validateResource(path, v)...)
		}
		for _, k := range sortedKeys(v) {
			if child := s.Own(k); child != nil {
				found = append(found, validateEmbedded(path.Child(k), child, v[k])...)
			} else if values, _ := s.Additional(); values != nil {
				found = append(found, validateEmbedded(path.Key(k), values, v[k])...)
			}
		}
	case []any:
		for i := range v {
			found = append(found, validateEmbedded(path.Index(i), s.Elements(), v[i])...)
		}
	}
	return found
}

// validateResource validates the apiVersion, kind and metadata of an embedded resource.
func validateResource(path *field.Path, m map[string]any) (found field.ErrorList) {
	apiVersion, hasVersion := m["apiVersion"]
	kind, hasKind := m["kind"]
	if !hasVersion {
		found = append(found, field.Required(path.Child("apiVersion"), ""))
	}
	if !hasKind {
		found = append(found, field.Required(path.Child("kind"), ""))
	}
	if hasVersion {
		at := path.Child("apiVersion")
		if s, ok := apiVersion.(string); !ok {
			found = append(found, field.Invalid(at, apiVersion, "must be a string"))
		} else if s == "" {
			found = append(found, field.Invalid(at, s, "must not be empty"))
		} else if _, err := schema.ParseGroupVersion(s); err != nil {
			found = append(found, field.Invalid(at, s, err.Error()))
		}
	}
	if hasKind {
		at := path.Child("kind")
		if s, ok := kind.(string); !ok {
			found = append(found, field.Invalid(at, kind, "must be a string"))
		} else if s == "" {
			found = append(found, field.Invalid(at, s, "must not be empty"))
		} else if msgs := validation.IsDNS1035Label(strings.ToLower(s)); len(msgs) > 0 {
			found = append(found, field.Invalid(at, s, "may have mixed case, but should otherwise match: "+strings.Join(msgs, ",")))
		}
	}
	if v, ok := m["metadata"]; ok {
		found = append(found, validateMeta(path.Child("metadata"), v)...)
	}
	return found
}

func validateMeta(path *field.Path, v any) field.ErrorList {
	meta := &metav1.ObjectMeta{}
	data, err := utiljson.Marshal(v)
	if err == nil {
		err = utiljson.Unmarshal(data, meta)
	}
	if err != nil {
		return field.ErrorList{field.Invalid(path, v, err.Error())}
	}
	if meta.Name == "" {
		meta.Name = "fakename" // an embedded resource need not have one
	}
	segment := func(name string, prefix bool) []string {
		if prefix {
			return content.IsPathSegmentPrefix(name)
		}
		return content.IsPathSegmentName(name)
	}
	return metavalidation.ValidateObjectMeta(meta, meta.Namespace != "", segment, path)
}
