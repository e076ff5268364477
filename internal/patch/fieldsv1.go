package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendSet writes the set as FieldsV1: the same bytes as the reference for the same set.
func appendSet(b []byte, s []node) []byte {
	b = append(b, '{')
	return append(appendSiblings(b, s, true), '}')
}

func appendSiblings(b []byte, s []node, first bool) []byte {
	for i := 0; i < len(s); i = next(s, i) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = s[i].elem.appendJSON(b)
		switch {
		case s[i].size == 0:
			b = append(b, ":{}"...)
		case s[i].mark != 0:
			b = append(b, `:{".":{}`...)
			b = append(appendSiblings(b, below(s, i), false), '}')
		default:
			b = append(b, ":{"...)
			b = append(appendSiblings(b, below(s, i), true), '}')
		}
	}
	return b
}

// maxDepth bounds the nesting of everything that is read or walked here. JSON decoding stops at 10,000 levels;
// no schema nests that deep.
const maxDepth = 10000

var (
	errFieldsSyntax = errors.New("invalid character in field set")
	errTooDeep      = fmt.Errorf("exceeded max depth of %d", maxDepth)
)

// parseSet reads a FieldsV1. The set refers to raw, which must not change while it is in use.
func parseSet(mem *arena, raw string) ([]node, error) {
	p := setParser{s: raw, out: mem.begin(), keys: mem.keys}
	p.space()
	if strings.HasPrefix(p.s[p.i:], "null") || p.i == len(p.s) {
		return nil, nil
	}
	_, err := p.object(0)
	mem.keys = p.keys
	if err != nil {
		return nil, err
	}
	return mem.keep(p.out), nil
}

type setParser struct {
	s   string
	i   int
	out []node

	keys []keyField // an arena
}

func (p *setParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n' || p.s[p.i] == '\t' || p.s[p.i] == '\r') {
		p.i++
	}
}

func (p *setParser) take(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// object reads the children of one node and appends them; it says whether the node itself is a member.
func (p *setParser) object(depth int) (isMember bool, err error) {
	if depth > maxDepth {
		return false, errTooDeep
	}
	p.space()
	if strings.HasPrefix(p.s[p.i:], "null") {
		p.i += len("null")
		return true, nil
	}
	if !p.take('{') {
		return false, errFieldsSyntax
	}
	first, sorted := len(p.out), true
	last := -1
	for n := 0; ; n++ {
		if p.take('}') {
			break
		}
		if n > 0 && !p.take(',') {
			return false, errFieldsSyntax
		}
		e, known := p.plainKey()
		key := ""
		if !known {
			if key, err = p.str(); err != nil {
				return false, err
			}
		}
		if !p.take(':') {
			return false, errFieldsSyntax
		}
		if key == "." {
			isMember = true
			if err := p.skip(0); err != nil {
				return false, err
			}
			continue
		}
		if !known {
			if e, known, err = parseElem(key); err != nil {
				return false, err
			}
		}
		if !known {
			if err := p.skip(0); err != nil {
				return false, err
			}
			continue
		}
		at := len(p.out)
		p.out = append(p.out, node{elem: e})
		m, err := p.object(depth + 1)
		if err != nil {
			return false, err
		}
		var mk mark
		if m {
			mk = member
		}
		p.out = closeNode(p.out, at, mk)
		if last >= 0 && p.out[last].elem.compare(e) >= 0 {
			sorted = false
		}
		last = at
	}
	if !sorted {
		p.out = sortSiblings(p.out, first)
	}
	return isMember || len(p.out) == first, nil
}

// plainKey reads the step to a list's element that has one key, a string without escapes: most steps to elements
// are like that. Of anything else, nothing is read.
func (p *setParser) plainKey() (e elem, ok bool) {
	const head, mid, tail = `"k:{\"`, `\":\"`, `\"}"`
	p.space()
	s := p.s[p.i:]
	if !strings.HasPrefix(s, head) {
		return elem{}, false
	}
	at := len(head)
	n := strings.IndexByte(s[at:], '\\')
	if n < 0 || !strings.HasPrefix(s[at+n:], mid) {
		return elem{}, false
	}
	name := s[at : at+n]
	at += n + len(mid)
	n = strings.IndexByte(s[at:], '\\')
	if n < 0 || !strings.HasPrefix(s[at+n:], tail) {
		return elem{}, false
	}
	p.i += at + n + len(tail)
	k := len(p.keys)
	p.keys = append(p.keys, keyField{name, scalar{kind: scalarString, s: s[at : at+n]}})
	return elem{kind: elemKey, key: p.keys[k : k+1 : k+1]}, true
}

// str reads a JSON string.
func (p *setParser) str() (string, error) {
	if !p.take('"') {
		return "", errFieldsSyntax
	}
	start := p.i
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '"':
			p.i++
			return p.s[start : p.i-1], nil
		case '\\':
			return p.escaped(start)
		}
	}
	return "", errFieldsSyntax
}

// escaped reads on from the first backslash of a string that began at start.
func (p *setParser) escaped(start int) (string, error) {
	b := make([]byte, 0, 64)
	b = append(b, p.s[start:p.i]...)
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch c {
		case '"':
			return string(b), nil
		case '\\':
			if p.i >= len(p.s) {
				return "", errFieldsSyntax
			}
			c = p.s[p.i]
			p.i++
			switch c {
			case '"', '\\', '/':
				b = append(b, c)
			case 'b':
				b = append(b, '\b')
			case 'f':
				b = append(b, '\f')
			case 'n':
				b = append(b, '\n')
			case 'r':
				b = append(b, '\r')
			case 't':
				b = append(b, '\t')
			case 'u':
				r, ok := p.hex4()
				if !ok {
					return "", errFieldsSyntax
				}
				if utf16.IsSurrogate(r) && strings.HasPrefix(p.s[p.i:], `\u`) {
					p.i += 2
					low, ok := p.hex4()
					if !ok {
						return "", errFieldsSyntax
					}
					if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
						r = pair
					} else {
						b = utf8.AppendRune(b, r)
						r = low
					}
				}
				b = utf8.AppendRune(b, r)
			default:
				return "", errFieldsSyntax
			}
		default:
			b = append(b, c)
		}
	}
	return "", errFieldsSyntax
}

func (p *setParser) hex4() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 32)
	p.i += 4
	return rune(n), err == nil
}

// skip passes over one JSON value.
func (p *setParser) skip(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	p.space()
	if p.i >= len(p.s) {
		return errFieldsSyntax
	}
	switch c := p.s[p.i]; c {
	case '"':
		_, err := p.str()
		return err
	case '{', '[':
		p.i++
		closing := c + 2 // both pairs are two apart in ASCII
		for n := 0; ; n++ {
			if p.take(closing) {
				return nil
			}
			if n > 0 && !p.take(',') {
				return errFieldsSyntax
			}
			if c == '{' {
				p.space()
				if _, err := p.str(); err != nil {
					return err
				}
				if !p.take(':') {
					return errFieldsSyntax
				}
			}
			if err := p.skip(depth + 1); err != nil {
				return err
			}
		}
	}
	start := p.i
	for p.i < len(p.s) && strings.IndexByte(",]} \t\r\n", p.s[p.i]) < 0 {
		p.i++
	}
	if !json.Valid([]byte(p.s[start:p.i])) {
		return errFieldsSyntax
	}
	return nil
}

// parseElem reads a step as FieldsV1 names it; known is false for kinds of steps of some later format, which
// are dropped.
func parseElem(s string) (e elem, known bool, err error) {
	if len(s) < 2 {
		return elem{}, false, errors.New("key must be 2 characters long:")
	}
	if s[1] != ':' {
		return elem{}, false, fmt.Errorf("missing colon: %v", s)
	}
	switch s[0] {
	case 'f':
		return elem{kind: elemField, name: s[2:]}, true, nil
	case 'v':
		p := setParser{s: s[2:]}
		v, err := p.scalar()
		return elem{kind: elemValue, key: []keyField{{val: v}}}, true, err
	case 'i':
		n, err := strconv.Atoi(s[2:])
		return elem{kind: elemIndex, key: []keyField{{val: scalar{kind: scalarInt, i: int64(n)}}}}, true, err
	case 'k':
		p := setParser{s: s[2:]}
		if !p.take('{') {
			return elem{}, false, errFieldsSyntax
		}
		e := elem{kind: elemKey, key: make([]keyField, 0, 1)}
		for n := 0; ; n++ {
			if p.take('}') {
				break
			}
			if n > 0 && !p.take(',') {
				return elem{}, false, errFieldsSyntax
			}
			var f keyField
			if f.name, err = p.str(); err != nil {
				return elem{}, false, err
			}
			if !p.take(':') {
				return elem{}, false, errFieldsSyntax
			}
			if f.val, err = p.scalar(); err != nil {
				return elem{}, false, err
			}
			e.key = append(e.key, f)
		}
		slices.SortStableFunc(e.key, func(a, b keyField) int { return strings.Compare(a.name, b.name) })
		return e, true, nil
	}
	return elem{}, false, nil
}

// scalar reads one value. Numbers become floats, as in the reference: they are compared by value.
func (p *setParser) scalar() (scalar, error) {
	p.space()
	if p.i >= len(p.s) {
		return scalar{}, errFieldsSyntax
	}
	if p.s[p.i] == '"' {
		s, err := p.str()
		return scalar{kind: scalarString, s: s}, err
	}
	start := p.i
	if err := p.skip(0); err != nil {
		return scalar{}, err
	}
	switch raw := p.s[start:p.i]; raw[0] {
	case 't', 'f':
		v := scalar{kind: scalarBool}
		if raw == "true" {
			v.i = 1
		}
		return v, nil
	case 'n':
		return scalar{kind: scalarNull}, nil
	case '[', '{':
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(raw)); err != nil {
			return scalar{}, err
		}
		kind := scalarList
		if raw[0] == '{' {
			kind = scalarMap
		}
		return scalar{kind: kind, s: b.String()}, nil
	default:
		f, err := strconv.ParseFloat(raw, 64)
		return scalar{kind: scalarFloat, f: f}, err
	}
}
