package object

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// appendString appends s in quotes with exactly the escapes of encoding/json, HTML's included.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		n := plain(s)
		b = append(b, s[:n]...)
		if s = s[n:]; s == "" {
			return append(b, '"')
		}
		n = 1
		switch c := s[0]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c < utf8.RuneSelf:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		default:
			var r rune
			switch r, n = utf8.DecodeRuneInString(s); {
			case r == utf8.RuneError && n == 1:
				b = append(b, `\ufffd`...)
			case r == '\u2028' || r == '\u2029':
				b = append(b, `\u202`...)
				b = append(b, hexDigits[r&15])
			default:
				b = append(b, s[:n]...)
			}
		}
		s = s[n:]
	}
}

const hexDigits = "0123456789abcdef"

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080

	blanks = 0x2020202020202000 // seven harmless bytes above one
)

// plain is how many bytes s starts with that stand for themselves in a JSON string: ASCII, no control
// character, none of "\<>&. It looks at eight bytes at a time.
func plain(s string) int {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if odd := oddBytes(binary.LittleEndian.Uint64(b[i:])); odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for ; i < len(b); i++ {
		if oddBytes(uint64(b[i])|blanks) != 0 {
			return i
		}
	}
	return i
}

// oddBytes marks the high bit of bytes that need care; marks above the lowest may be false.
func oddBytes(v uint64) uint64 {
	zero := func(x uint64) uint64 { return (x - ones) &^ x }
	return (v | // not ASCII
		(v - ones*0x20) | // control characters
		zero(v^ones*'\\') |
		zero(v&^(ones*0x02)^ones*'<') | // < and >
		zero(v&^(ones*0x04)^ones*'"')) & highs // " and &
}

// unescaped is how many bytes b starts with that stand for themselves where JSON is read: ASCII, no control
// character, no quote and no backslash.
func unescaped(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		q, s := v^ones*'"', v^ones*'\\'
		if odd := (v | (v - ones*0x20) | (q-ones)&^q | (s-ones)&^s) & highs; odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// appendCompact appends JSON without its white space and with encoding/json's HTML escapes. It is not ok unless
// the JSON is well-formed and not nested too deep for this function's purpose.
func appendCompact(dst, src []byte) ([]byte, bool) {
	c := compacter{src: src, dst: dst}
	c.space()
	if !c.value(0) {
		return dst, false
	}
	c.space()
	return append(c.dst, src[c.from:c.at]...), c.at == len(src)
}

// compacter walks through src; most of it is copied as it is, in pieces as long as can be.
type compacter struct {
	src, dst []byte
	at       int
	from     int // what is behind it and before at is not copied yet
}

// instead replaces the n bytes that follow.
func (c *compacter) instead(n int, with ...byte) {
	c.dst = append(append(c.dst, c.src[c.from:c.at]...), with...)
	c.at += n
	c.from = c.at
}

func (c *compacter) space() {
	if n := skipSpace(c.src, c.at) - c.at; n > 0 {
		c.instead(n)
	}
}

// maxDepth is how deep the reference reads. What is deeper takes the slow way, to hear so.
const maxDepth = 10000

func (c *compacter) peek() byte {
	if c.at < len(c.src) {
		return c.src[c.at]
	}
	return 0
}

func (c *compacter) value(depth int) bool {
	switch c.peek() {
	case '"':
		return c.string()
	case '{', '[':
		return depth < maxDepth && c.composite(depth)
	case 't':
		return c.literal("true")
	case 'f':
		return c.literal("false")
	case 'n':
		return c.literal("null")
	}
	end := numberEnd(c.src, c.at)
	if end < 0 {
		return false
	}
	c.at = end
	return true
}

func (c *compacter) composite(depth int) bool {
	object := c.src[c.at] == '{'
	closing := c.src[c.at] + 2
	c.at++
	c.space()
	if c.peek() != closing {
		for {
			if object {
				if c.peek() != '"' || !c.string() {
					return false
				}
				c.space()
				if c.peek() != ':' {
					return false
				}
				c.at++
				c.space()
			}
			if !c.value(depth + 1) {
				return false
			}
			c.space()
			if c.peek() != ',' {
				break
			}
			c.at++
			c.space()
		}
	}
	if c.peek() != closing {
		return false
	}
	c.at++
	return true
}

func (c *compacter) literal(word string) bool {
	_, ok := cutPrefix(c.src[c.at:], word)
	c.at += len(word)
	return ok
}

// string passes a string; it escapes <, >, & and the two line separators.
func (c *compacter) string() bool {
	c.at++
	for c.at < len(c.src) {
		ch := c.src[c.at]
		switch {
		case ch == '"':
			c.at++
			return true
		case ch == '\\':
			n := escapeEnd(c.src[c.at:])
			if n < 0 {
				return false
			}
			c.at += n
		case ch < 0x20:
			return false
		case ch == '<' || ch == '>' || ch == '&':
			c.instead(1, '\\', 'u', '0', '0', hexDigits[ch>>4], hexDigits[ch&15])
		case ch == 0xe2 && len(c.src)-c.at > 2 && c.src[c.at+1] == 0x80 && c.src[c.at+2]&^1 == 0xa8:
			c.instead(3, '\\', 'u', '2', '0', '2', hexDigits[c.src[c.at+2]&15])
		default:
			c.at++
		}
	}
	return false
}

// escapeEnd is the length of the escape sequence that b starts with, or -1.
func escapeEnd(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return -1
		}
		for _, c := range b[2:6] {
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
				return -1
			}
		}
		return 6
	}
	return -1
}

// numberEnd is where the number that starts at i ends, or -1.
func numberEnd(b []byte, i int) int {
	digits := func() bool {
		start := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}
