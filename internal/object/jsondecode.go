package object

import (
	"strconv"
	"unicode/utf8"
)

// decoder reads JSON into fresh values, in one pass. Whatever it does not expect makes it give up: syntax and
// type errors, but also duplicate keys, surrogate escapes and the like, which the slow way then reads correctly.
type decoder struct {
	data    []byte
	at      int
	depth   int
	strict  bool // give up on unknown fields
	scratch []byte
	names   *[32]string // keys met lately in a tree, which are mostly the same few
}

// decodeTree reads a whole document that is an object.
func decodeTree(data []byte) (map[string]any, bool) {
	d := decoder{data: data, names: new([32]string)}
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
