package patch

import (
	"encoding/json"
	"reflect"
	"unsafe"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/pintle-io/pintle/internal/object"
)

// MergeObject applies a merge patch to a copy of obj without writing the object as JSON and reading it back. ok is
// false, and nothing is done, when the patch is in any way unusual: it is not well-formed, or has fields twice or
// that the object does not have, or values of another type. Then the caller goes by Merge, which has the answers
// for all of that.
func (t *Tracker) MergeObject(obj object.Object, patch []byte) (out object.Object, ok bool) {
	defer func() {
		if recover() != nil {
			out, ok = nil, false
		}
	}()
	tree := map[string]any{}
	if warnings, err := kjson.UnmarshalStrict(patch, &tree); err != nil || len(warnings) > 0 || tree == nil {
		return nil, false
	}
	apiVersion, kind := obj.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	for name, is := range map[string]string{"apiVersion": apiVersion, "kind": kind} {
		if v, ok := tree[name]; ok && v != is {
			return nil, false // another kind of object
		}
	}
	if u, isTree := obj.(*unstructured.Unstructured); isTree {
		return &unstructured.Unstructured{Object: mergeJSON(u.DeepCopy().Object, tree)}, true
	}
	out = obj.DeepCopyObject().(object.Object)
	if !mergeStruct(t.shapeOf(reflect.TypeOf(obj).Elem()), reflect.ValueOf(out).UnsafePointer(), tree) {
		return nil, false
	}
	return out, true
}

// mergeJSON merges trees as RFC 7386 has it.
func mergeJSON(doc, patch map[string]any) map[string]any {
	for k, v := range patch {
		if v == nil {
			delete(doc, k)
			continue
		}
		old, isMap := doc[k].(map[string]any)
		sub, subMap := v.(map[string]any)
		switch {
		case isMap && subMap:
			doc[k] = mergeJSON(old, sub)
		case isMap:
			doc[k] = v
		default:
			pruneNulls(v)
			doc[k] = v
		}
	}
	return doc
}

// pruneNulls removes the null fields of a patch's value that there is nothing to remove for: in something new they are
// nothing. Elements of lists stay.
func pruneNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				pruneNulls(x)
			}
		}
	case []any:
		for _, x := range v {
			pruneNulls(x)
		}
	}
}

func mergeStruct(pl *plan, p unsafe.Pointer, patch map[string]any) bool {
	for name, v := range patch {
		f := pl.field(name)
		if f == nil {
			return false
		}
		if !mergeValue(f.plan, unsafe.Add(p, f.offset), v) {
			return false
		}
	}
	return true
}

// field finds a struct's field; nil if there is none of that name.
func (pl *plan) field(name string) *fieldPlan {
	lo, hi := 0, len(pl.fields)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if pl.fields[mid].name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(pl.fields) && pl.fields[lo].name == name {
		return &pl.fields[lo]
	}
	return nil
}

// mergeValue merges v into the value at p.
func mergeValue(pl *plan, p unsafe.Pointer, v any) bool {
	typ := pl.typ
	if pl.ptr {
		typ = reflect.PointerTo(typ)
	}
	target := reflect.NewAt(typ, p)
	if v == nil {
		target.Elem().SetZero()
		return true
	}
	if sub, ok := v.(map[string]any); ok {
		switch q := pl.deref(p); {
		case pl.kind == planStruct && q != nil:
			return mergeStruct(pl, q, sub)
		case pl.kind == planMap && q != nil && !pl.isNull(q):
			return mergeMap(pl, q, sub)
		case pl.kind == planTree:
			return false // what is there now may be an object to merge with
		}
	}
	pruneNulls(v)
	if s, ok := v.(string); ok && pl.kind == planString && !pl.ptr {
		target.Elem().SetString(s)
		return true
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return false
	}
	fresh := reflect.New(typ)
	if warnings, err := kjson.UnmarshalStrict(raw, fresh.Interface()); err != nil || len(warnings) > 0 {
		return false
	}
	target.Elem().Set(fresh.Elem())
	return true
}

func mergeMap(pl *plan, q unsafe.Pointer, patch map[string]any) bool {
	m := reflect.NewAt(pl.typ, q).Elem()
	if pl.typ.Key().Kind() != reflect.String {
		return false
	}
	for k, v := range patch {
		key := reflect.ValueOf(k).Convert(pl.typ.Key())
		if v == nil {
			m.SetMapIndex(key, reflect.Value{})
			continue
		}
		cell := reflect.New(pl.typ.Elem())
		if old := m.MapIndex(key); old.IsValid() {
			cell.Elem().Set(old)
		} else if pl.elem.kind == planStruct {
			// Nothing to merge with: as good as the empty one that cell is.
			pruneNulls(v)
		}
		if !mergeValue(pl.elem, cell.UnsafePointer(), v) {
			return false
		}
		m.SetMapIndex(key, cell.Elem())
	}
	return true
}
