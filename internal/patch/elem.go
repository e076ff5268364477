package patch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// elemKind says how an elem picks its child. The order is the order in which siblings are sorted.
type elemKind uint8

const (
	elemField elemKind = iota // a field of an object or a key of a map, by name
	elemKey                   // an element of a keyed list, by its key fields
	elemValue                 // an element of a set, by its value
	elemIndex                 // an element of a list, by its position; never made here, only read
)

// elem is one step of a field path.
type elem struct {
	kind elemKind
	name string     // of an elemField
	key  []keyField // of an elemKey, sorted by name; of the last two kinds, one without a name
}

type keyField struct {
	name string
	val  scalar
}

func fieldElem(name string) elem { return elem{kind: elemField, name: name} }

// scalarKind sorts as the kinds of a scalar sort; numbers compare by value whatever their kind.
type scalarKind uint8

const (
	scalarInt scalarKind = iota
	scalarFloat
	scalarString
	scalarBool
	scalarList // s is the JSON; only foreign field sets hold one
	scalarMap
	scalarNull
)

type scalar struct {
	kind scalarKind
	i    int64 // also 0 or 1 of a bool
	f    float64
	s    string
}

func (a scalar) compare(b scalar) int {
	if a.kind <= scalarFloat && b.kind <= scalarFloat {
		if a.kind == scalarInt && b.kind == scalarInt {
			return cmp.Compare(a.i, b.i)
		}
		return cmp.Compare(a.float(), b.float())
	}
	if a.kind != b.kind {
		return cmp.Compare(a.kind, b.kind)
	}
	if a.kind == scalarBool {
		return cmp.Compare(a.i, b.i)
	}
	return strings.Compare(a.s, b.s)
}

func (a scalar) float() float64 {
	if a.kind == scalarInt {
		return float64(a.i)
	}
	return a.f
}

// text is the scalar as it is printed in messages.
func (a scalar) text() string {
	switch a.kind {
	case scalarInt:
		return strconv.FormatInt(a.i, 10)
	case scalarFloat:
		return fmt.Sprint(a.f)
	case scalarString:
		return strconv.Quote(a.s)
	case scalarBool:
		return strconv.FormatBool(a.i != 0)
	case scalarNull:
		return "null"
	}
	var v any
	_ = json.Unmarshal([]byte(a.s), &v)
	return treeText(v)
}

func treeText(v any) string {
	var b strings.Builder
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = treeText(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		for _, k := range sortedKeys(v) {
			b.WriteString(k + "=" + treeText(v[k]))
		}
		return b.String()
	}
	sc, _ := scalarOf(v)
	return sc.text()
}

func (a elem) compare(b elem) int {
	if a.kind != b.kind {
		return cmp.Compare(a.kind, b.kind)
	}
	if a.kind == elemField {
		return strings.Compare(a.name, b.name)
	}
	for i := range min(len(a.key), len(b.key)) {
		if c := strings.Compare(a.key[i].name, b.key[i].name); c != 0 {
			return c
		}
		if c := a.key[i].val.compare(b.key[i].val); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a.key), len(b.key))
}

// String is the step as messages print it: .spec, [name="a"], [="x"], [3].
func (a elem) String() string {
	switch a.kind {
	case elemField:
		return "." + a.name
	case elemValue:
		return "[=" + a.key[0].val.text() + "]"
	case elemIndex:
		return "[" + a.key[0].val.text() + "]"
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, f := range a.key {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.name)
		b.WriteByte('=')
		b.WriteString(f.val.text())
	}
	b.WriteByte(']')
	return b.String()
}

// fieldsKey names the step as FieldsV1 does.
func (a elem) fieldsKey() string {
	if a.kind == elemField {
		return "f:" + a.name
	}
	return string(a.appendPlain(make([]byte, 0, 64)))
}

// appendPlain is fieldsKey for steps to elements of lists.
func (a elem) appendPlain(b []byte) []byte {
	if a.kind == elemValue {
		return a.key[0].val.appendJSON(append(b, "v:"...))
	}
	if a.kind == elemIndex {
		return a.key[0].val.appendJSON(append(b, "i:"...))
	}
	b = append(b, "k:{"...)
	for i, f := range a.key {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(appendEscaped(b, f.name, false), `":`...)
		b = f.val.appendJSON(b)
	}
	return append(b, '}')
}

// appendJSON writes the step as FieldsV1 names it, a JSON string: "f:spec", "k:{\"name\":\"a\"}".
func (a elem) appendJSON(b []byte) []byte {
	switch a.kind {
	case elemField:
		b = append(b, `"f:`...)
		b = appendEscaped(b, a.name, false)
	case elemKey:
		if len(a.key) == 1 && a.key[0].val.kind == scalarString && plain(a.key[0].name) && plain(a.key[0].val.s) {
			b = append(b, `"k:{\"`...)
			b = append(b, a.key[0].name...)
			b = append(b, `\":\"`...)
			b = append(b, a.key[0].val.s...)
			b = append(b, `\"}`...)
			break
		}
		fallthrough
	default:
		b = append(b, '"')
		b = appendEscaped(b, string(a.appendPlain(make([]byte, 0, 64))), false)
	}
	return append(b, '"')
}

func (a scalar) appendJSON(b []byte) []byte {
	switch a.kind {
	case scalarInt:
		return strconv.AppendInt(b, a.i, 10)
	case scalarFloat:
		format := byte('f')
		if abs := math.Abs(a.f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
			format = 'e'
		}
		return strconv.AppendFloat(b, a.f, format, -1, 64)
	case scalarString:
		b = append(b, '"')
		return append(appendEscaped(b, a.s, true), '"')
	case scalarBool:
		return strconv.AppendBool(b, a.i != 0)
	case scalarNull:
		return append(b, "null"...)
	}
	return append(b, a.s...)
}

// plain says that s is the same inside a JSON string, HTML-safe or not.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// appendEscaped writes the inside of a JSON string. Values are written HTML-safe and names are not: so the
// reference writes them, and sets are compared by their bytes.
func appendEscaped(b []byte, s string, html bool) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' && !(html && (c == '<' || c == '>' || c == '&')) {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
			}
			i++
			start = i
			continue
		}
		if !html {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hex[r&0xF])
			start = i + size
		}
		i += size
	}
	return append(b, s[start:]...)
}
