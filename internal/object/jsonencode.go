package object

import (
	"encoding/base64"
	gojson "encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// appendJSON appends the object as encoding/json writes it, with kind and apiVersion as given.
func appendJSON(dst []byte, kind schema.GroupVersionKind, obj runtime.Object) ([]byte, error) {
	start := len(dst)
	if out, ok := appendJSONQuick(dst, kind, obj); ok {
		return out, nil
	}
	b, err := gojson.Marshal(bare(withKind(obj, kind)))
	return append(dst[:start], b...), err
}

func appendJSONQuick(dst []byte, kind schema.GroupVersionKind, obj runtime.Object) ([]byte, bool) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		out, err := appendTree(dst, withKind(u, kind).(*unstructured.Unstructured).Object, 0)
		return out, err == nil
	}
	v := reflect.ValueOf(obj)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return dst, false
	}
	p := planOf(v.Type().Elem())
	if p.fields == nil || !p.namesKind() {
		return dst, false
	}
	dst = append(dst, `{"kind":"`...)
	dst = append(dst, kind.Kind...)
	dst = append(dst, `","apiVersion":"`...)
	dst = appendAPIVersion(dst, kind)
	dst = append(dst, '"', ',')
	out, err := p.fields.appendFields(dst, v.UnsafePointer(), 2)
	return out, err == nil
}

// namesKind says whether the struct starts with an inlined TypeMeta.
func (p *plan) namesKind() bool {
	l := p.fields.list
	return p.typ.NumField() > 0 && p.typ.Field(0).Type == typeMetaType && len(l) > 1 && l[0].name == "kind" && l[1].name == "apiVersion"
}

// appendFields appends the fields from the given one on, and closes the object; each is preceded by nothing and
// followed by a comma, the last of which becomes the brace.
func (s *structPlan) appendFields(b []byte, p unsafe.Pointer, from int) ([]byte, error) {
	var err error
	for i := from; i < len(s.list); i++ {
		f := &s.list[i]
		at := unsafe.Add(p, f.offset)
		if f.leaveOut(at) {
			continue
		}
		b = append(b, f.key...)
		if b, err = f.plan.encode(b, at); err != nil {
			return b, err
		}
		b = append(b, ',')
	}
	if last := len(b) - 1; b[last] == ',' {
		b[last] = '}'
		return b, nil
	}
	return append(b, '}'), nil
}

// encoding completes the plan's encode.
func (b builder) encoding(p *plan) {
	t := p.typ
	p.encode = specialEncode(t)
	switch {
	case p.encode != nil:
		return
	case t.Implements(marshalerType) && t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
			out, err := reflect.NewAt(t, at).Interface().(gojson.Marshaler).MarshalJSON()
			if err != nil {
				return b, err
			}
			return checkedCompact(b, out)
		}
		return
	case t.Kind() != reflect.Pointer && implements(t, marshalerType), t.Kind() != reflect.Pointer && implements(t, textMarshaler):
		p.encode = encodeSlow(t)
		return
	}
	switch t.Kind() {
	case reflect.Bool:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) { return strconv.AppendBool(b, *(*bool)(at)), nil }
	case reflect.Int, reflect.Int64:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) { return strconv.AppendInt(b, *(*int64)(at), 10), nil }
		if t.Size() != 8 {
			p.encode = encodeSlow(t)
		}
	case reflect.Int32:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
			return strconv.AppendInt(b, int64(*(*int32)(at)), 10), nil
		}
	case reflect.String:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) { return appendString(b, *(*string)(at)), nil }
	case reflect.Pointer:
		elem := b.plan(t.Elem())
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
			if at = *(*unsafe.Pointer)(at); at == nil {
				return append(b, "null"...), nil
			}
			return elem.encode(b, at)
		}
	case reflect.Struct:
		if p.fields = b.structFields(t); p.fields == nil {
			p.encode = encodeSlow(t)
			return
		}
		fields := p.fields
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) { return fields.appendFields(append(b, '{'), at, 0) }
	case reflect.Slice:
		b.encodingSlice(p)
	case reflect.Map:
		b.encodingMap(p)
	default:
		p.encode = encodeSlow(t)
	}
}

// encodeSlow leaves one value to encoding/json.
func encodeSlow(t reflect.Type) func([]byte, unsafe.Pointer) ([]byte, error) {
	return func(b []byte, at unsafe.Pointer) ([]byte, error) {
		out, err := gojson.Marshal(reflect.NewAt(t, at).Interface())
		return append(b, out...), err
	}
}

func (b builder) encodingSlice(p *plan) {
	if p.typ.Elem().Kind() == reflect.Uint8 && !implements(p.typ.Elem(), marshalerType) && !implements(p.typ.Elem(), textMarshaler) {
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) { return appendBase64(b, *(*[]byte)(at)), nil }
		return
	}
	elem := b.plan(p.typ.Elem())
	p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
		s := (*[]struct{})(at) // only its length and array are used
		array := unsafe.Pointer(unsafe.SliceData(*s))
		if array == nil {
			return append(b, "null"...), nil
		}
		b = append(b, '[')
		var err error
		for i := range len(*s) {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = elem.encode(b, unsafe.Add(array, uintptr(i)*elem.size)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
}

func appendBase64(b, data []byte) []byte {
	if data == nil {
		return append(b, "null"...)
	}
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), data), '"')
}

// likeMap returns the map type of string keys that has the same layout as t, if it is one of those that have
// code of their own. A map of a named string type is laid out, hashed and compared as a map[string].
func likeMap(t reflect.Type) reflect.Type {
	if t.Key().Kind() != reflect.String || implements(t.Key(), textMarshaler) {
		return nil
	}
	switch elem := t.Elem(); {
	case elem == quantityType:
		return mapQuantitiesType
	case elem.Kind() == reflect.String && !implements(elem, marshalerType) && !implements(elem, textMarshaler):
		return mapStringType
	case elem == mapBytesType.Elem():
		return mapBytesType
	}
	return nil
}

func (b builder) encodingMap(p *plan) {
	t := p.typ
	switch likeMap(t) {
	case mapStringType:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
			return appendStrings(b, *(*map[string]string)(at)), nil
		}
		return
	case mapBytesType:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
			return appendMap(b, *(*map[string][]byte)(at), func(b []byte, v *[]byte) ([]byte, error) { return appendBase64(b, *v), nil })
		}
		return
	case mapQuantitiesType:
		p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
			return appendMap(b, *(*map[string]resource.Quantity)(at), appendQuantity)
		}
		return
	}
	if t.Key() != reflect.TypeFor[string]() || t.Elem().Kind() != reflect.Pointer && reflect.PointerTo(t.Elem()).Implements(marshalerType) && !t.Elem().Implements(marshalerType) {
		// Values in maps have no address: a pointer's methods are not used on them.
		p.encode = encodeSlow(t)
		return
	}
	elem := b.plan(t.Elem())
	scratch := sync.Pool{New: func() any { return &entries{key: reflect.New(t.Key()).Elem()} }}
	p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
		m := reflect.NewAt(t, at).Elem()
		if m.IsNil() {
			return append(b, "null"...), nil
		}
		e := scratch.Get().(*entries)
		defer func() {
			e.clear()
			scratch.Put(e)
		}()
		e.read(m)
		b = append(b, '{')
		for i, k := range e.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, k.name), ':')
			var err error
			if b, err = elem.encode(b, e.values.Index(k.at).Addr().UnsafePointer()); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
}

// entries are those of a map, in the order of their keys. reflect would put each key and value into memory of its own.
type entries struct {
	keys   []keyAt
	key    reflect.Value // room for one
	values reflect.Value // a slice, in no order
}

type keyAt struct {
	name string
	at   int // in values
}

func (e *entries) read(m reflect.Value) {
	n := m.Len()
	if !e.values.IsValid() || e.values.Cap() < n {
		e.values = reflect.MakeSlice(reflect.SliceOf(m.Type().Elem()), n, n)
	}
	e.values = e.values.Slice(0, n)
	for iter := m.MapRange(); iter.Next(); {
		e.key.SetIterKey(iter)
		at := len(e.keys)
		e.values.Index(at).SetIterValue(iter)
		e.keys = append(e.keys, keyAt{e.key.String(), at})
	}
	slices.SortFunc(e.keys, func(a, b keyAt) int { return strings.Compare(a.name, b.name) })
}

// clear lets go of what was read.
func (e *entries) clear() {
	clear(e.keys)
	e.keys = e.keys[:0]
	e.key.SetZero()
	e.values.Clear()
}

// appendStrings is appendMap for strings, without allocations where there are few.
func appendStrings(b []byte, m map[string]string) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	type entry struct{ key, value string }
	var few [12]entry
	entries := few[:0]
	for k, v := range m {
		entries = append(entries, entry{k, v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	b = append(b, '{')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, e.key), ':')
		b = appendString(b, e.value)
	}
	return append(b, '}')
}

// appendMap appends a map in the order of its keys.
func appendMap[V any](b []byte, m map[string]V, one func([]byte, *V) ([]byte, error)) ([]byte, error) {
	if m == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	type entry struct {
		key   string
		value V
	}
	var few [8]entry
	entries := few[:0]
	if len(m) > len(few) {
		entries = make([]entry, 0, len(m))
	}
	for k, v := range m {
		entries = append(entries, entry{k, v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	var err error
	for i := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, entries[i].key), ':')
		if b, err = one(b, &entries[i].value); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// specialEncode has the types that write themselves, done here without their allocations.
func specialEncode(t reflect.Type) func([]byte, unsafe.Pointer) ([]byte, error) {
	switch t {
	case timeType:
		return func(b []byte, p unsafe.Pointer) ([]byte, error) {
			return appendTime(b, (*metav1.Time)(p).Time, time.RFC3339), nil
		}
	case microTimeType:
		return func(b []byte, p unsafe.Pointer) ([]byte, error) {
			return appendTime(b, (*metav1.MicroTime)(p).Time, metav1.RFC3339Micro), nil
		}
	case quantityType:
		return func(b []byte, p unsafe.Pointer) ([]byte, error) { return appendQuantity(b, (*resource.Quantity)(p)) }
	case intOrStringType:
		return func(b []byte, p unsafe.Pointer) ([]byte, error) {
			switch v := (*intstr.IntOrString)(p); v.Type {
			case intstr.Int:
				return strconv.AppendInt(b, int64(v.IntVal), 10), nil
			case intstr.String:
				return appendString(b, v.StrVal), nil
			}
			return b, errSlow
		}
	case fieldsType:
		return func(b []byte, p unsafe.Pointer) ([]byte, error) {
			raw := (*metav1.FieldsV1)(p).GetRawBytes()
			if len(raw) == 0 {
				return append(b, "null"...), nil
			}
			return checkedCompact(b, raw) // raw CBOR is not JSON, hence slow
		}
	case rawExtensionType:
		return func(b []byte, p unsafe.Pointer) ([]byte, error) {
			raw := (*runtime.RawExtension)(p)
			if raw.Raw == nil && raw.Object == nil {
				return append(b, "null"...), nil
			}
			if raw.Raw == nil {
				return b, errSlow
			}
			return checkedCompact(b, raw.Raw)
		}
	}
	return nil
}

func checkedCompact(b, raw []byte) ([]byte, error) {
	b, ok := appendCompact(b, raw)
	if !ok {
		return b, errSlow
	}
	return b, nil
}

func appendTime(b []byte, t time.Time, layout string) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return append(t.UTC().AppendFormat(append(b, '"'), layout), '"')
}

func appendQuantity(b []byte, q *resource.Quantity) ([]byte, error) {
	out, err := q.MarshalJSON() // digits and letters in quotes
	return append(b, out...), err
}

// appendTree appends a value of a tree.
func appendTree(b []byte, v any, depth int) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return appendString(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		if v == 0 { // -0 too: as text that is read back as the integer 0, so nobody ever saw the sign
			return append(b, '0'), nil
		}
	case map[string]any:
		if depth > maxDepth {
			return b, errSlow
		}
		return appendMap(b, v, func(b []byte, v *any) ([]byte, error) { return appendTree(b, *v, depth+1) })
	case []any:
		if depth > maxDepth {
			return b, errSlow
		}
		if v == nil {
			return append(b, "null"...), nil
		}
		b = append(b, '[')
		for i := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendTree(b, v[i], depth+1); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	out, err := gojson.Marshal(v)
	return append(b, out...), err
}
