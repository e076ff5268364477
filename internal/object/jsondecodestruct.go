package object

import (
	"encoding/base64"
	gojson "encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// decodeStruct reads a whole document into a zero struct.
func decodeStruct(data []byte, v reflect.Value, strict bool) bool {
	p := planOf(v.Type().Elem())
	d := decoder{data: data, strict: strict}
	d.space()
	if p.fields == nil || !p.decode(&d, v.UnsafePointer()) {
		return false
	}
	d.space()
	return d.at == len(data)
}

// decoding completes the plan's decode. Values are zero before.
func (b builder) decoding(p *plan) {
	t := p.typ
	p.decode = specialDecode(t)
	if p.decode != nil {
		return
	}
	if t.Kind() != reflect.Pointer && implements(t, unmarshalerType) {
		p.decode = func(d *decoder, at unsafe.Pointer) bool {
			token, ok := d.skip()
			return ok && reflect.NewAt(t, at).Interface().(gojson.Unmarshaler).UnmarshalJSON(token) == nil
		}
		return
	}
	p.decode = func(*decoder, unsafe.Pointer) bool { return false }
	if t.Kind() != reflect.Pointer && implements(t, textUnmarshaler) {
		return
	}
	switch t.Kind() {
	case reflect.Bool:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) (ok bool) { *(*bool)(at), ok = d.bool(); return })
	case reflect.String:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			s, ok := d.text()
			if ok {
				*(*string)(at) = string(s)
			}
			return ok
		})
	case reflect.Int64:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) (ok bool) {
			*(*int64)(at), ok = d.integer(math.MinInt64, math.MaxInt64)
			return
		})
	case reflect.Int32:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			n, ok := d.integer(math.MinInt32, math.MaxInt32)
			*(*int32)(at) = int32(n)
			return ok
		})
	case reflect.Float64:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			token, ok := d.number()
			if !ok {
				return false
			}
			f, err := strconv.ParseFloat(alias(token), 64)
			*(*float64)(at) = f
			return err == nil
		})
	case reflect.Pointer:
		elem := b.plan(t.Elem())
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			to := reflect.New(elem.typ).UnsafePointer()
			*(*unsafe.Pointer)(at) = to
			return elem.decode(d, to)
		})
	case reflect.Struct:
		// encoding has made the fields, unless the type only writes itself.
		if p.fields == nil {
			if p.fields = b.structFields(t); p.fields == nil {
				return
			}
		}
		p.decode = orNull(p.fields.decode)
	case reflect.Slice:
		b.decodingSlice(p)
	case reflect.Map:
		b.decodingMap(p)
	}
}

// orNull leaves the value zero when it is null.
func orNull(decode func(*decoder, unsafe.Pointer) bool) func(*decoder, unsafe.Pointer) bool {
	return func(d *decoder, at unsafe.Pointer) bool {
		if d.peek() == 'n' {
			return d.null()
		}
		return decode(d, at)
	}
}

// decode reads an object into a struct. Fields mostly come in order, so that the one after the last is tried first.
func (s *structPlan) decode(d *decoder, p unsafe.Pointer) bool {
	if d.peek() != '{' || d.depth >= maxDepth || len(s.list) > 64 {
		return false
	}
	d.depth++
	seen, guess := uint64(0), 0
	for more := d.open('}'); more; {
		key, ok := d.key()
		if !ok {
			return false
		}
		i, known := guess, guess < len(s.list) && s.list[guess].name == string(key)
		if !known {
			i, known = s.by[string(key)]
		}
		if !known {
			if d.strict || d.depth == 1 && oddKind(key) {
				return false
			}
			if _, ok := d.skip(); !ok {
				return false
			}
		} else {
			f := &s.list[i]
			if seen&(1<<i) != 0 || !f.plan.decode(d, unsafe.Add(p, f.offset)) {
				return false
			}
			seen |= 1 << i
			guess = i + 1
		}
		if more, ok = d.next('}'); !ok {
			return false
		}
	}
	d.depth--
	return true
}

// oddKind says whether a key is almost kind or apiVersion: the reference finds out which kind a document is of
// without regard to case.
func oddKind(key []byte) bool {
	if len(key) == 0 || key[0]|0x20 != 'k' && key[0]|0x20 != 'a' && key[0] < utf8.RuneSelf {
		return false
	}
	return strings.EqualFold(alias(key), "kind") || strings.EqualFold(alias(key), "apiVersion")
}

// sliceHeader is how a slice lies in memory.
type sliceHeader struct {
	array    unsafe.Pointer
	len, cap int
}

func (b builder) decodingSlice(p *plan) {
	t := p.typ
	if t.Elem().Kind() == reflect.Uint8 {
		if !implements(t.Elem(), unmarshalerType) && !implements(t.Elem(), textUnmarshaler) {
			p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
				data, ok := d.bytes()
				*(*[]byte)(at) = data
				return ok
			})
		}
		return
	}
	elem := b.plan(t.Elem())
	step := 1 + 64/int(elem.size+1)
	p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
		if d.peek() != '[' || d.depth >= maxDepth {
			return false
		}
		d.depth++
		h := (*sliceHeader)(at)
		more, ok := d.open(']'), false
		if !more {
			reflect.NewAt(t, at).Elem().Set(reflect.MakeSlice(t, 0, 0))
		}
		for more {
			if h.len == h.cap {
				reflect.NewAt(t, at).Elem().Grow(step)
			}
			h.len++
			if !elem.decode(d, unsafe.Add(h.array, uintptr(h.len-1)*elem.size)) {
				return false
			}
			if more, ok = d.next(']'); !ok {
				return false
			}
		}
		d.depth--
		return true
	})
}

// bytes reads base64.
func (d *decoder) bytes() ([]byte, bool) {
	s, ok := d.text()
	if !ok {
		return nil, false
	}
	data := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(data, s)
	return data[:n], err == nil
}

func (b builder) decodingMap(p *plan) {
	t := p.typ
	if implements(t.Key(), textUnmarshaler) {
		return
	}
	switch likeMap(t) {
	case mapStringType:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			return decodeMap(d, (*map[string]string)(at), func(to *string) bool {
				s, ok := d.text()
				*to = string(s)
				return ok || d.null()
			})
		})
	case mapBytesType:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			return decodeMap(d, (*map[string][]byte)(at), func(to *[]byte) (ok bool) {
				if d.peek() == 'n' {
					return d.null()
				}
				*to, ok = d.bytes()
				return ok
			})
		})
	case mapQuantitiesType:
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			return decodeMap(d, (*map[string]resource.Quantity)(at), d.quantity)
		})
	default:
		if t.Key() != reflect.TypeFor[string]() {
			return
		}
		elem := b.plan(t.Elem())
		scratch := sync.Pool{New: func() any { return reflect.New(elem.typ).Interface() }} // the map copies what is set
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			m := reflect.NewAt(t, at).Elem()
			m.Set(reflect.MakeMap(t))
			room := scratch.Get()
			v := reflect.ValueOf(room)
			defer func() {
				v.Elem().SetZero()
				scratch.Put(room)
			}()
			return d.members(func(key []byte) bool {
				v.Elem().SetZero()
				before := m.Len()
				if !elem.decode(d, v.UnsafePointer()) {
					return false
				}
				m.SetMapIndex(reflect.ValueOf(string(key)), v.Elem())
				return m.Len() > before
			})
		})
	}
}

// decodeMap reads an object into a new map; it gives up when a key comes twice.
func decodeMap[V any](d *decoder, to *map[string]V, one func(*V) bool) bool {
	m := map[string]V{}
	*to = m
	return d.members(func(key []byte) bool {
		k, v := string(key), *new(V)
		if !one(&v) {
			return false
		}
		before := len(m)
		m[k] = v
		return len(m) > before
	})
}

func (d *decoder) quantity(to *resource.Quantity) bool {
	token, ok := d.skip()
	return ok && to.UnmarshalJSON(token) == nil
}

// specialDecode has the types that read themselves, done here without their allocations.
func specialDecode(t reflect.Type) func(*decoder, unsafe.Pointer) bool {
	switch t {
	case timeType:
		return orNull(func(d *decoder, p unsafe.Pointer) bool { return d.time(&(*metav1.Time)(p).Time, time.RFC3339) })
	case microTimeType:
		return orNull(func(d *decoder, p unsafe.Pointer) bool {
			return d.time(&(*metav1.MicroTime)(p).Time, metav1.RFC3339Micro)
		})
	case quantityType:
		return func(d *decoder, p unsafe.Pointer) bool { return d.quantity((*resource.Quantity)(p)) }
	case intOrStringType:
		return orNull(func(d *decoder, p unsafe.Pointer) bool {
			v := (*intstr.IntOrString)(p)
			if d.peek() == '"' {
				s, ok := d.text()
				v.Type, v.StrVal = intstr.String, string(s)
				return ok
			}
			n, ok := d.integer(math.MinInt32, math.MaxInt32)
			v.IntVal = int32(n)
			return ok
		})
	case fieldsType:
		return func(d *decoder, p unsafe.Pointer) bool {
			token, ok := d.skip()
			if ok && string(token) != "null" {
				(*metav1.FieldsV1)(p).SetRawBytes(token)
			}
			return ok
		}
	case rawExtensionType:
		return func(d *decoder, p unsafe.Pointer) bool {
			token, ok := d.skip()
			if ok && string(token) != "null" {
				(*runtime.RawExtension)(p).Raw = append([]byte(nil), token...)
			}
			return ok
		}
	}
	return nil
}

func (d *decoder) time(to *time.Time, layout string) bool {
	s, ok := d.text()
	if !ok {
		return false
	}
	t, err := time.Parse(layout, alias(s))
	if err != nil {
		return false
	}
	*to = t.Local()
	return true
}
