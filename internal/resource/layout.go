package resource

import (
	"bytes"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A layout says where a struct type keeps its JSON fields. A layout and a comparer are facts of a Go type,
// computed once: layouts and comparers below are memos of pure functions, not state.
type layout struct {
	fields map[string]*layoutField
}

type layoutField struct {
	offset uintptr
	typ    reflect.Type
	// inner is the struct type that a path can go on into, and pointer whether the field points to it.
	inner    reflect.Type
	pointer  bool
	comparer func() comparer
}

var layouts, comparers sync.Map // reflect.Type -> *layout, comparer

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{fields: map[string]*layoutField{}}
	l.add(t, 0)
	got, _ := layouts.LoadOrStore(t, l)
	return got.(*layout)
}

func (l *layout) add(t reflect.Type, base uintptr) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			l.add(f.Type, base+f.Offset)
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		lf := &layoutField{offset: base + f.Offset, typ: f.Type, comparer: sync.OnceValue(func() comparer { return comparerOf(f.Type) })}
		switch {
		case f.Type.Kind() == reflect.Struct:
			lf.inner = f.Type
		case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
			lf.inner, lf.pointer = f.Type.Elem(), true
		}
		l.fields[name] = lf
	}
}

// A comparer says whether two values of the type it was made for mean the same.
type comparer func(a, b unsafe.Pointer) bool

func comparerOf(t reflect.Type) comparer {
	if c, ok := comparers.Load(t); ok {
		return c.(comparer)
	}
	m := &comparerMaker{open: map[reflect.Type]*comparer{}}
	c := m.make(t)
	got, _ := comparers.LoadOrStore(t, c)
	return got.(comparer)
}

// comparerMaker compiles comparers; open holds those of the types that it is in, because types are recursive.
type comparerMaker struct{ open map[reflect.Type]*comparer }

func (m *comparerMaker) make(t reflect.Type) comparer {
	if c, ok := comparers.Load(t); ok {
		return c.(comparer)
	}
	if c, ok := m.open[t]; ok {
		return func(a, b unsafe.Pointer) bool { return (*c)(a, b) }
	}
	c := new(comparer)
	m.open[t] = c
	*c = m.compile(t)
	return *c
}

func plain[T comparable](a, b unsafe.Pointer) bool { return *(*T)(a) == *(*T)(b) }

func (m *comparerMaker) compile(t reflect.Type) comparer {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		return func(a, b unsafe.Pointer) bool { return (*resource.Quantity)(a).Cmp(*(*resource.Quantity)(b)) == 0 }
	case reflect.TypeFor[metav1.Time]():
		return func(a, b unsafe.Pointer) bool { return (*metav1.Time)(a).Time.Equal((*metav1.Time)(b).Time) }
	case reflect.TypeFor[metav1.MicroTime]():
		return func(a, b unsafe.Pointer) bool { return (*metav1.MicroTime)(a).Time.Equal((*metav1.MicroTime)(b).Time) }
	case reflect.TypeFor[metav1.FieldsV1]():
		return func(a, b unsafe.Pointer) bool { return (*metav1.FieldsV1)(a).Equal(*(*metav1.FieldsV1)(b)) }
	case reflect.TypeFor[map[string]string]():
		return equalStringMaps
	}
	switch t.Kind() {
	case reflect.String:
		return plain[string]
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		return plain[uint8]
	case reflect.Int16, reflect.Uint16:
		return plain[uint16]
	case reflect.Int32, reflect.Uint32:
		return plain[uint32]
	case reflect.Int64, reflect.Uint64:
		return plain[uint64]
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		return plain[uint]
	case reflect.Float32:
		return plain[float32]
	case reflect.Float64:
		return plain[float64]
	case reflect.Pointer:
		below := m.make(t.Elem())
		return func(a, b unsafe.Pointer) bool {
			x, y := *(*unsafe.Pointer)(a), *(*unsafe.Pointer)(b)
			if x == y {
				return true
			}
			return x != nil && y != nil && below(x, y)
		}
	case reflect.Slice:
		return m.compileSlice(t)
	case reflect.Array:
		below, n, size := m.make(t.Elem()), t.Len(), t.Elem().Size()
		return func(a, b unsafe.Pointer) bool { return equalRun(a, b, n, size, below) }
	case reflect.Struct:
		return m.compileStruct(t)
	case reflect.Map:
		return m.compileMap(t)
	}
	// Interfaces (RawExtension.Object) and whatever else: rare, so by reflection.
	return func(a, b unsafe.Pointer) bool {
		return apiequality.Semantic.DeepEqual(reflect.NewAt(t, a).Elem().Interface(), reflect.NewAt(t, b).Elem().Interface())
	}
}

func equalRun(a, b unsafe.Pointer, n int, size uintptr, below comparer) bool {
	for i := range n {
		at := uintptr(i) * size
		if !below(unsafe.Add(a, at), unsafe.Add(b, at)) {
			return false
		}
	}
	return true
}

func (m *comparerMaker) compileSlice(t reflect.Type) comparer {
	if t.Elem().Kind() == reflect.Uint8 {
		return func(a, b unsafe.Pointer) bool { return bytes.Equal(*(*[]byte)(a), *(*[]byte)(b)) }
	}
	below, size := m.make(t.Elem()), t.Elem().Size()
	return func(a, b unsafe.Pointer) bool {
		// The data pointer and the length of a slice do not depend on its element type.
		x, y := *(*[]struct{})(a), *(*[]struct{})(b)
		if len(x) != len(y) {
			return false
		}
		p, q := unsafe.Pointer(unsafe.SliceData(x)), unsafe.Pointer(unsafe.SliceData(y))
		return p == q || equalRun(p, q, len(x), size, below)
	}
}

func (m *comparerMaker) compileStruct(t reflect.Type) comparer {
	type field struct {
		offset uintptr
		equal  comparer
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous {
			// None in API types; if one comes, compare by reflection rather than leave it out.
			return func(a, b unsafe.Pointer) bool {
				return apiequality.Semantic.DeepEqual(reflect.NewAt(t, a).Elem().Interface(), reflect.NewAt(t, b).Elem().Interface())
			}
		}
		fields = append(fields, field{f.Offset, m.make(f.Type)})
	}
	return func(a, b unsafe.Pointer) bool {
		for i := range fields {
			if f := &fields[i]; !f.equal(unsafe.Add(a, f.offset), unsafe.Add(b, f.offset)) {
				return false
			}
		}
		return true
	}
}

func equalStringMaps(a, b unsafe.Pointer) bool {
	x, y := *(*map[string]string)(a), *(*map[string]string)(b)
	if len(x) != len(y) {
		return false
	}
	for k, v := range x {
		if w, ok := y[k]; !ok || w != v {
			return false
		}
	}
	return true
}

func (m *comparerMaker) compileMap(t reflect.Type) comparer {
	below := m.make(t.Elem())
	elem := t.Elem()
	return func(a, b unsafe.Pointer) bool {
		x, y := reflect.NewAt(t, a).Elem(), reflect.NewAt(t, b).Elem()
		if x.Len() != y.Len() {
			return false
		}
		if x.Len() == 0 || x.UnsafePointer() == y.UnsafePointer() {
			return true
		}
		// Map elements have no address: they are compared in two boxes.
		v, w := reflect.New(elem), reflect.New(elem)
		for it := x.MapRange(); it.Next(); {
			got := y.MapIndex(it.Key())
			if !got.IsValid() {
				return false
			}
			v.Elem().SetIterValue(it)
			w.Elem().Set(got)
			if !below(v.UnsafePointer(), w.UnsafePointer()) {
				return false
			}
		}
		return true
	}
}

// equalValues compares two values of one type that may have no address.
func equalValues(v, w reflect.Value) bool {
	a, b := reflect.New(v.Type()), reflect.New(v.Type())
	a.Elem().Set(v)
	b.Elem().Set(w)
	return comparerOf(v.Type())(a.UnsafePointer(), b.UnsafePointer())
}
