package object

import (
	"encoding/base64"
	gojson "encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// decoder reads JSON into fresh values, in one pass. Whatever it does not expect makes it give up: syntax and
// type errors, but also duplicate keys, surrogate escapes and the like, which the slow way then reads correctly.
type decoder struct {
	data    []byte
	at      int
	depth   int
	strict  bool // give up on unknown fields
	scratch []byte
	names   [32]string // keys met lately in a tree, which are mostly the same few
}

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

// decodeTree reads a whole document that is an object.
func decodeTree(data []byte) (map[string]any, bool) {
	d := decoder{data: data}
	d.space()
	if d.peek() != '{' {
		return nil, false
	}
	v, ok := d.value()
	if !ok {
		return nil, false
	}
	d.space()
	m := v.(map[string]any)
	for key := range m {
		if key != "kind" && key != "apiVersion" && oddKind([]byte(key)) {
			return nil, false
		}
	}
	return m, d.at == len(data)
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\n', '\r', '\t':
			d.at++
		default:
			return
		}
	}
}

// peek is the next byte, or 0 at the end.
func (d *decoder) peek() byte {
	if d.at < len(d.data) {
		return d.data[d.at]
	}
	return 0
}

// null reads a null, if there is one.
func (d *decoder) null() bool {
	if d.peek() != 'n' || len(d.data)-d.at < 4 || string(d.data[d.at:d.at+4]) != "null" {
		return false
	}
	d.at += 4
	return true
}

// members reads an object: each is called at a value and must read it. It gives up on nesting too deep.
func (d *decoder) members(each func(key []byte) bool) bool {
	if d.peek() != '{' || d.depth >= maxDepth {
		return false
	}
	d.depth++
	for more := d.open('}'); more; {
		key, ok := d.key()
		if !ok || !each(key) {
			return false
		}
		if more, ok = d.next('}'); !ok {
			return false
		}
	}
	d.depth--
	return true
}

// open passes the opening brace, and the closing one if it follows; it says whether there is content.
func (d *decoder) open(closing byte) bool {
	d.at++
	d.space()
	if d.peek() == closing {
		d.at++
		return false
	}
	return true
}

// next passes the comma before another element, or the closing brace.
func (d *decoder) next(closing byte) (more, ok bool) {
	d.space()
	switch d.peek() {
	case ',':
		d.at++
		d.space()
		return true, true
	case closing:
		d.at++
		return false, true
	}
	return false, false
}

// key reads a key and its colon. The key is part of the data, or of scratch.
func (d *decoder) key() ([]byte, bool) {
	key, ok := d.text()
	if !ok {
		return nil, false
	}
	d.space()
	if d.peek() != ':' {
		return nil, false
	}
	d.at++
	d.space()
	return key, true
}

// text reads a string without copying it, if it has no escapes; the result is valid until the next call.
func (d *decoder) text() ([]byte, bool) {
	if d.peek() != '"' {
		return nil, false
	}
	d.at++
	start, ascii := d.at, true
	for {
		d.at += unescaped(d.data[d.at:])
		switch c := d.peek(); {
		case c == '"':
			s := d.data[start:d.at]
			d.at++
			return s, ascii || utf8.Valid(s)
		case c == '\\':
			return d.escaped(start)
		case c < 0x20:
			return nil, false
		default:
			ascii = false
			for d.at < len(d.data) && d.data[d.at] >= utf8.RuneSelf {
				d.at++
			}
		}
	}
}

// escaped goes on with a string that has escapes, in scratch.
func (d *decoder) escaped(start int) ([]byte, bool) {
	b := append(d.scratch[:0], d.data[start:d.at]...)
	for {
		n := unescaped(d.data[d.at:])
		b = append(b, d.data[d.at:d.at+n]...)
		d.at += n
		switch c := d.peek(); {
		case c == '"':
			d.at++
			d.scratch = b
			return b, utf8.Valid(b)
		case c == '\\':
			n := escapeEnd(d.data[d.at:])
			if n < 0 {
				return nil, false
			}
			switch e := d.data[d.at+1]; e {
			case 'n':
				b = append(b, '\n')
			case 't':
				b = append(b, '\t')
			case 'r':
				b = append(b, '\r')
			case 'b':
				b = append(b, '\b')
			case 'f':
				b = append(b, '\f')
			case 'u':
				r, _ := strconv.ParseUint(alias(d.data[d.at+2:d.at+6]), 16, 32)
				if r >= 0xd800 && r < 0xe000 { // half of a pair
					return nil, false
				}
				b = utf8.AppendRune(b, rune(r))
			default:
				b = append(b, e)
			}
			d.at += n
		case c < 0x20:
			return nil, false
		default:
			b = append(b, c)
			d.at++
		}
	}
}

// number reads a number without looking at its value.
func (d *decoder) number() ([]byte, bool) {
	end := numberEnd(d.data, d.at)
	if end < 0 {
		return nil, false
	}
	token := d.data[d.at:end]
	d.at = end
	return token, true
}

// integer reads a whole number that fits.
func (d *decoder) integer(least, most int64) (int64, bool) {
	token, ok := d.number()
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(alias(token), 10, 64)
	return n, err == nil && least <= n && n <= most
}

func (d *decoder) bool() (v, ok bool) {
	rest := d.data[d.at:]
	if _, ok := cutPrefix(rest, "true"); ok {
		d.at += 4
		return true, true
	}
	if _, ok := cutPrefix(rest, "false"); ok {
		d.at += 5
		return false, true
	}
	return false, false
}

// skip reads any value, checking its syntax, and returns its bytes.
func (d *decoder) skip() ([]byte, bool) {
	start, ok := d.at, false
	switch c := d.peek(); c {
	case '{':
		ok = d.members(func([]byte) bool { _, ok := d.skip(); return ok })
	case '[':
		ok = d.elements(func() bool { _, ok := d.skip(); return ok })
	case '"':
		_, ok = d.text()
	case 't', 'f':
		_, ok = d.bool()
	case 'n':
		ok = d.null()
	default:
		_, ok = d.number()
	}
	return d.data[start:d.at], ok
}

// elements reads an array: each must read an element.
func (d *decoder) elements(each func() bool) bool {
	if d.peek() != '[' || d.depth >= maxDepth {
		return false
	}
	d.depth++
	for more, ok := d.open(']'), false; more; {
		if !each() {
			return false
		}
		if more, ok = d.next(']'); !ok {
			return false
		}
	}
	d.depth--
	return true
}

// value reads any value of a tree.
func (d *decoder) value() (any, bool) {
	switch d.peek() {
	case '{':
		m := map[string]any{}
		ok := d.members(func(key []byte) bool {
			k := d.name(key)
			v, ok := d.value()
			before := len(m)
			m[k] = v
			return ok && len(m) > before
		})
		return m, ok
	case '[':
		list := []any{}
		ok := d.elements(func() bool {
			v, ok := d.value()
			list = append(list, v)
			return ok
		})
		return list, ok
	case '"':
		s, ok := d.text()
		return string(s), ok
	case 't', 'f':
		return boxed(d.bool())
	case 'n':
		return nil, d.null()
	}
	token, ok := d.number()
	if !ok {
		return nil, false
	}
	for _, c := range token {
		if c == '.' || c == 'e' || c == 'E' {
			f, err := strconv.ParseFloat(alias(token), 64)
			return f, err == nil
		}
	}
	n, err := strconv.ParseInt(alias(token), 10, 64)
	return n, err == nil // too large: the slow way makes it a float
}

// name is the key as a string, shared with one met before if that is at hand.
func (d *decoder) name(key []byte) string {
	n := len(key)
	if n == 0 {
		return ""
	}
	at := &d.names[(n*5+int(key[0])*3+int(key[n-1]))%len(d.names)]
	if *at != string(key) {
		*at = string(key)
	}
	return *at
}

func boxed(b, ok bool) (any, bool) { return b, ok }

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
		p.decode = orNull(func(d *decoder, at unsafe.Pointer) bool {
			m := reflect.NewAt(t, at).Elem()
			m.Set(reflect.MakeMap(t))
			return d.members(func(key []byte) bool {
				k := reflect.ValueOf(string(key))
				v := reflect.New(elem.typ)
				before := m.Len()
				if !elem.decode(d, v.UnsafePointer()) {
					return false
				}
				m.SetMapIndex(k, v.Elem())
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
