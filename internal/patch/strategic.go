package patch

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/third_party/forked/golang/json"

	"github.com/pintle-io/pintle/internal/object"
)

// Directives of a strategic merge patch.
const (
	patchDirective   = "$patch" // replace, delete or, never, merge
	retainKeys       = "$retainKeys"
	deleteFromPrefix = "$deleteFromPrimitiveList"
	orderPrefix      = "$setElementOrder"
)

// Strategic applies a strategic merge patch to the tree of an object like like, whose Go type says how its lists
// are merged. Both trees are used up. Errors are for the client.
func Strategic(like object.Object, doc, patch map[string]any) (map[string]any, error) {
	if _, ok := like.(*unstructured.Unstructured); ok {
		return nil, apierrors.NewBadRequest(mergepatch.ErrUnsupportedStrategicMergePatchFormat.Error())
	}
	out, err := strategicMaps(reflect.TypeOf(like).Elem(), doc, patch)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, mergepatch.ErrBadPatchFormatForPrimitiveList), errors.Is(err, mergepatch.ErrBadPatchFormatForRetainKeys),
		errors.Is(err, mergepatch.ErrBadPatchFormatForSetElementOrderList):
		return nil, apierrors.NewBadRequest(err.Error())
	case errors.Is(err, mergepatch.ErrNoListOfLists):
		return nil, unprocessable(err)
	}
	return nil, err
}

// strategy is how the reference merges a field.
type strategy struct {
	typ      reflect.Type
	how      string // merge, replace or nothing
	mergeKey string
}

// fieldStrategy finds the strategy of a struct's field.
func fieldStrategy(t reflect.Type, name string) (strategy, error) {
	typ, tags, key, err := json.LookupPatchMetadataForStruct(t, name)
	if err != nil {
		return strategy{}, err
	}
	tags = slices.DeleteFunc(tags, func(s string) bool { return s == "retainKeys" })
	if len(tags) > 1 {
		return strategy{}, fmt.Errorf("unexpected patch strategy: %v", tags)
	}
	return strategy{typ, strings.Join(tags, ""), key}, nil
}

// listStrategy finds the strategy of a field that is a list; its type is the elements'.
func listStrategy(t reflect.Type, name string) (strategy, error) {
	s, err := fieldStrategy(t, name)
	if err != nil {
		return s, err
	}
	switch s.typ.Kind() {
	case reflect.Slice, reflect.Array:
		s.typ = s.typ.Elem()
		if k := s.typ.Kind(); k == reflect.Slice || k == reflect.Array {
			return s, errors.New("unexpected slice of slice")
		}
	case reflect.Pointer:
		s.typ = s.typ.Elem()
		if k := s.typ.Kind(); k == reflect.Slice || k == reflect.Array {
			s.typ = s.typ.Elem()
		}
	default:
		return s, fmt.Errorf("expected slice or array type, but got: %s", t.Kind())
	}
	return s, nil
}

// strategicMaps merges patch into doc.
func strategicMaps(t reflect.Type, doc, patch map[string]any) (map[string]any, error) {
	if directive, ok := patch[patchDirective]; ok {
		switch directive {
		case "replace":
			delete(patch, patchDirective)
			return patch, nil
		case "delete":
			return map[string]any{}, nil
		}
		return nil, mergepatch.ErrBadPatchType(directive, patch)
	}
	if doc == nil {
		doc = map[string]any{}
	}
	if err := retain(doc, patch); err != nil {
		return nil, err
	}
	for _, key := range sortedKeys(patch) {
		if strings.HasPrefix(key, orderPrefix) {
			if err := orderedList(t, doc, patch, key); err != nil {
				return nil, err
			}
		}
	}
	for _, key := range sortedKeys(patch) {
		if err := strategicField(t, doc, key, patch[key]); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// retain carries out $retainKeys: doc loses all other keys.
func retain(doc, patch map[string]any) error {
	directive, ok := patch[retainKeys]
	if !ok {
		return nil
	}
	delete(patch, retainKeys)
	list, ok := directive.([]any)
	if !ok {
		return mergepatch.ErrBadPatchFormatForRetainKeys
	}
	keep := map[string]bool{}
	for _, v := range list {
		if s, ok := v.(string); ok {
			keep[s] = true
		}
	}
	for k, v := range patch {
		if v != nil && !keep[k] && !strings.HasPrefix(k, deleteFromPrefix) && !strings.HasPrefix(k, orderPrefix) {
			return mergepatch.ErrBadPatchFormatForRetainKeys
		}
	}
	maps.DeleteFunc(doc, func(k string, _ any) bool { return !keep[k] })
	return nil
}

// directiveField is the field that a directive's key names after the slash.
func directiveField(key, prefix string, bad error) (string, error) {
	before, field, ok := strings.Cut(key, "/")
	if !ok || before != prefix {
		return "", bad
	}
	return field, nil
}

func strategicField(t reflect.Type, doc map[string]any, key string, patch any) error {
	isDelete := strings.HasPrefix(key, deleteFromPrefix)
	if isDelete {
		field, err := directiveField(key, deleteFromPrefix, mergepatch.ErrBadPatchFormatForPrimitiveList)
		if err != nil {
			return err
		}
		if field != "" {
			key = field
		}
	}
	if patch == nil {
		delete(doc, key)
		return nil
	}
	old, ok := doc[key]
	_, oldMap := old.(map[string]any)
	_, oldList := old.([]any)
	var s strategy
	var err error
	switch patch := patch.(type) {
	case map[string]any:
		if !ok || !oldMap {
			break
		}
		if s, err = fieldStrategy(t, key); err != nil {
			return err
		}
		if s.how == "replace" {
			doc[key] = patch
			return nil
		}
		doc[key], err = strategicMaps(s.typ, old.(map[string]any), patch)
		return err
	case []any:
		if !ok || !oldList {
			break
		}
		if s, err = listStrategy(t, key); err != nil {
			return err
		}
		doc[key], err = strategicLists(s, old.([]any), patch, isDelete)
		return err
	}
	if isDelete && (!ok || reflect.TypeOf(old) != reflect.TypeOf(patch)) {
		return nil
	}
	if !ok || reflect.TypeOf(old) != reflect.TypeOf(patch) {
		pruneNulls(patch)
	}
	if v, keep := dropDirectives(patch); keep {
		doc[key] = v
	} else {
		delete(doc, key)
	}
	return nil
}

// dropDirectives removes maps that are directives; keep is false if v is one itself.
func dropDirectives(v any) (out any, keep bool) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[patchDirective]; ok {
			return nil, false
		}
		for k, x := range v {
			if x, keep := dropDirectives(x); keep {
				v[k] = x
			} else {
				delete(v, k)
			}
		}
	case []any:
		kept := make([]any, 0, len(v))
		for _, x := range v {
			if x, keep := dropDirectives(x); keep {
				kept = append(kept, x)
			}
		}
		return kept, true
	}
	return v, true
}
