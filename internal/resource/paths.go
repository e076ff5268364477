package resource

import (
	"reflect"
	"unsafe"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// This file applies schema.Paths to objects. Both arguments of a call are of one shape: the same Go struct, or
// both trees. A leaf of the Paths stands for the whole value; an inner node names fields of a struct or keys of
// a map (lists cannot be entered). Paths that an object does not have are skipped.

// CopyPaths sets each path of dst to what src has there, absence included. The copy is shallow: dst then
// shares what lies below the path with src, and neither may be changed in place there.
func CopyPaths(dst, src object.Object, p schema.Paths) {
	if d, ok := dst.(*unstructured.Unstructured); ok {
		s := src.(*unstructured.Unstructured)
		if d.Object == nil {
			d.Object = map[string]any{}
		}
		copyTree(d.Object, s.Object, p)
		return
	}
	t, d := structOf(dst)
	copyStruct(layoutOf(t), d, pointerOf(src, t), p)
}

// ClearPaths drops each path of obj.
func ClearPaths(obj object.Object, p schema.Paths) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		clearTree(u.Object, p)
		return
	}
	t, d := structOf(obj)
	clearStruct(layoutOf(t), d, p)
}

// EqualPaths says whether a and b have the same at each path. Nil and empty lists and maps are equal, quantities
// are compared by value, times by instant.
func EqualPaths(a, b object.Object, p schema.Paths) bool {
	if x, ok := a.(*unstructured.Unstructured); ok {
		return equalTreePaths(x.Object, b.(*unstructured.Unstructured).Object, p)
	}
	t, x := structOf(a)
	return equalStructPaths(layoutOf(t), x, pointerOf(b, t), p)
}

// Equal is EqualPaths of two whole values of one type.
func Equal(a, b object.Object) bool {
	if x, ok := a.(*unstructured.Unstructured); ok {
		return equalAny(x.Object, b.(*unstructured.Unstructured).Object)
	}
	t, x := structOf(a)
	return comparerOf(t)(x, pointerOf(b, t))
}

func structOf(o object.Object) (reflect.Type, unsafe.Pointer) {
	v := reflect.ValueOf(o)
	return v.Type().Elem(), v.UnsafePointer()
}

func pointerOf(o object.Object, want reflect.Type) unsafe.Pointer {
	v := reflect.ValueOf(o)
	if v.Type().Elem() != want {
		panic("resource: paths of a " + want.String() + " applied to a " + v.Type().String())
	}
	return v.UnsafePointer()
}

func copyStruct(l *layout, dst, src unsafe.Pointer, p schema.Paths) {
	for name, below := range p {
		f := l.fields[name]
		if f == nil {
			continue
		}
		d, s := unsafe.Add(dst, f.offset), unsafe.Add(src, f.offset)
		switch {
		case len(below) == 0:
			reflect.NewAt(f.typ, d).Elem().Set(reflect.NewAt(f.typ, s).Elem())
		case f.inner == nil:
			copyMap(f.typ, d, s, below)
		case !f.pointer:
			copyStruct(layoutOf(f.inner), d, s, below)
		default:
			dp, sp := (*unsafe.Pointer)(d), (*unsafe.Pointer)(s)
			switch {
			case *sp == nil && *dp == nil:
			case *sp == nil:
				clearStruct(layoutOf(f.inner), *dp, below)
			case *dp == nil:
				fresh := reflect.New(f.inner)
				copyStruct(layoutOf(f.inner), fresh.UnsafePointer(), *sp, below)
				if !fresh.Elem().IsZero() {
					reflect.NewAt(f.typ, d).Elem().Set(fresh)
				}
			default:
				copyStruct(layoutOf(f.inner), *dp, *sp, below)
			}
		}
	}
}

func clearStruct(l *layout, dst unsafe.Pointer, p schema.Paths) {
	for name, below := range p {
		f := l.fields[name]
		if f == nil {
			continue
		}
		d := unsafe.Add(dst, f.offset)
		switch {
		case len(below) == 0:
			reflect.NewAt(f.typ, d).Elem().SetZero()
		case f.inner == nil:
			clearMap(f.typ, d, below)
		case !f.pointer:
			clearStruct(layoutOf(f.inner), d, below)
		case *(*unsafe.Pointer)(d) != nil:
			clearStruct(layoutOf(f.inner), *(*unsafe.Pointer)(d), below)
		}
	}
}

func equalStructPaths(l *layout, a, b unsafe.Pointer, p schema.Paths) bool {
	for name, below := range p {
		f := l.fields[name]
		if f == nil {
			continue
		}
		x, y := unsafe.Add(a, f.offset), unsafe.Add(b, f.offset)
		switch {
		case len(below) == 0:
			if !f.comparer()(x, y) {
				return false
			}
		case f.inner == nil:
			if !equalMap(f.typ, x, y, below) {
				return false
			}
		case !f.pointer:
			if !equalStructPaths(layoutOf(f.inner), x, y, below) {
				return false
			}
		default:
			// An absent struct has nothing at any path, like an empty one.
			xp, yp := *(*unsafe.Pointer)(x), *(*unsafe.Pointer)(y)
			if xp == nil && yp == nil {
				continue
			}
			if xp == nil {
				xp = reflect.New(f.inner).UnsafePointer()
			}
			if yp == nil {
				yp = reflect.New(f.inner).UnsafePointer()
			}
			if !equalStructPaths(layoutOf(f.inner), xp, yp, below) {
				return false
			}
		}
	}
	return true
}

// The maps that paths lead into are metadata.labels and metadata.annotations, and those of string keys in
// general; only their leaves can be named.

func copyMap(t reflect.Type, dst, src unsafe.Pointer, p schema.Paths) {
	if t.Kind() != reflect.Map {
		return
	}
	d, s := reflect.NewAt(t, dst).Elem(), reflect.NewAt(t, src).Elem()
	for name := range p {
		key := reflect.ValueOf(name).Convert(t.Key())
		v := s.MapIndex(key)
		switch {
		case v.IsValid() && d.IsNil():
			d.Set(reflect.MakeMap(t))
			d.SetMapIndex(key, v)
		case !d.IsNil():
			d.SetMapIndex(key, v) // the zero Value deletes
		}
	}
}

func clearMap(t reflect.Type, dst unsafe.Pointer, p schema.Paths) {
	if t.Kind() != reflect.Map {
		return
	}
	if d := reflect.NewAt(t, dst).Elem(); !d.IsNil() {
		for name := range p {
			d.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), reflect.Value{})
		}
	}
}

func equalMap(t reflect.Type, a, b unsafe.Pointer, p schema.Paths) bool {
	if t.Kind() != reflect.Map {
		return true
	}
	x, y := reflect.NewAt(t, a).Elem(), reflect.NewAt(t, b).Elem()
	for name := range p {
		key := reflect.ValueOf(name).Convert(t.Key())
		v, w := x.MapIndex(key), y.MapIndex(key)
		if v.IsValid() != w.IsValid() {
			return false
		}
		if v.IsValid() && !equalValues(v, w) {
			return false
		}
	}
	return true
}

func copyTree(dst, src map[string]any, p schema.Paths) {
	for name, below := range p {
		v, has := src[name]
		if len(below) == 0 {
			if has {
				dst[name] = v
			} else {
				delete(dst, name)
			}
			continue
		}
		s, _ := v.(map[string]any)
		d, ok := dst[name].(map[string]any)
		switch {
		case s == nil && ok:
			clearTree(d, below)
		case s == nil:
		case ok:
			copyTree(d, s, below)
		default:
			d = map[string]any{}
			if copyTree(d, s, below); len(d) > 0 {
				dst[name] = d
			}
		}
	}
}

func clearTree(dst map[string]any, p schema.Paths) {
	for name, below := range p {
		if len(below) == 0 {
			delete(dst, name)
		} else if d, ok := dst[name].(map[string]any); ok {
			clearTree(d, below)
		}
	}
}

func equalTreePaths(a, b map[string]any, p schema.Paths) bool {
	for name, below := range p {
		x, hasX := a[name]
		y, hasY := b[name]
		if len(below) == 0 {
			if hasX != hasY || !equalAny(x, y) {
				return false
			}
			continue
		}
		x1, _ := x.(map[string]any)
		y1, _ := y.(map[string]any)
		if !equalTreePaths(x1, y1, below) {
			return false
		}
	}
	return true
}

// equalAny compares two values of a tree.
func equalAny(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, has := y[k]
			if !has || !equalAny(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equalAny(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b // scalars; a tree holds no other types
}
