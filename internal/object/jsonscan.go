package object

// This file scans JSON that is known to be well-formed: it finds where values end, and panics on nothing, but
// does not notice every fault.

// skipSpace returns the first position from i on that is no white space, or len(b).
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString returns where the string that starts at i ends, or -1.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// skipLong is skipString for strings that may be long.
func skipLong(b []byte, i int) int {
	for i++; i < len(b); i += 2 {
		if i += unescaped(b[i:]); i >= len(b) {
			break
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
		default:
			i--
		}
	}
	return -1
}

// skipValue returns where the value that starts at i ends, or -1.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipLong(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				if i = skipString(b, i) - 1; i < 0 {
					return -1
				}
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return -1
	}
	start := i
	for ; i < len(b); i++ {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t', ':', '"', '{', '[':
			if i == start {
				return -1
			}
			return i
		}
	}
	return i
}

// eachMember calls f with each member of the object that starts at i (after white space): the key as it stands
// between its quotes, and where its value starts and ends. It stops when f returns false, and returns false
// when there is no object.
func eachMember(b []byte, i int, f func(key []byte, value, end int) bool) bool {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return true
	}
	for i < len(b) && b[i] == '"' {
		end := skipString(b, i)
		if end < 0 {
			return false
		}
		key := b[i+1 : end-1]
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return false
		}
		i = skipSpace(b, i+1)
		if end = skipValue(b, i); end < 0 {
			return false
		}
		if !f(key, i, end) {
			return true
		}
		if i = skipSpace(b, end); i >= len(b) {
			return false
		}
		switch b[i] {
		case '}':
			return true
		case ',':
			i = skipSpace(b, i+1)
		default:
			return false
		}
	}
	return false
}
