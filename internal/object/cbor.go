package object

import "encoding/binary"

// The parts of CBOR that framing needs. All this package's CBOR is of definite lengths, with byte strings for
// text, which is how apimachinery writes it.
const (
	cborBytes byte = 2 << 5
	cborArray byte = 4 << 5
	cborMap   byte = 5 << 5
)

// appendCBORHead appends the head of a data item in its shortest form.
func appendCBORHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendCBORString(b []byte, s string) []byte {
	return append(appendCBORHead(b, cborBytes, uint64(len(s))), s...)
}

// cborHead reads the head of the data item at i, and returns where it ends, or -1. Indefinite lengths are not read.
func cborHead(b []byte, i int) (major byte, n uint64, end int) {
	if i >= len(b) {
		return 0, 0, -1
	}
	major, low := b[i]&0xe0, b[i]&0x1f
	i++
	if low < 24 {
		return major, uint64(low), i
	}
	if low > 27 {
		return 0, 0, -1
	}
	size := 1 << (low - 24)
	if len(b)-i < size {
		return 0, 0, -1
	}
	for range size {
		n = n<<8 | uint64(b[i])
		i++
	}
	return major, n, i
}

// skipCBOR returns where the data item at i ends, or -1.
func skipCBOR(b []byte, i int) int {
	for todo := uint64(1); todo > 0; todo-- {
		major, n, end := cborHead(b, i)
		if end < 0 {
			return -1
		}
		i = end
		switch major {
		case 2 << 5, 3 << 5:
			if n > uint64(len(b)-i) {
				return -1
			}
			i += int(n)
		case cborArray:
			todo += min(n, uint64(len(b)))
		case cborMap:
			todo += 2 * min(n, uint64(len(b)))
		case 6 << 5:
			todo++
		}
	}
	return i
}

// appendCBORItem appends a CBOR object without the self-describing tag and, unless it is a tree, without
// apiVersion and kind.
func appendCBORItem(dst, obj []byte, tree bool) []byte {
	start := len(dst)
	if rest, ok := cutPrefix(obj, cborSelfDescribed); ok {
		obj = rest
	}
	major, n, at := cborHead(obj, 0)
	if tree || at < 0 || major != cborMap {
		return append(dst, obj...)
	}
	// Two passes: how many members remain decides the head.
	keep := n
	for pass := range 2 {
		if pass == 1 {
			dst = appendCBORHead(dst, cborMap, keep)
		}
		for i, pos := uint64(0), at; i < n; i++ {
			keyMajor, keyLen, key := cborHead(obj, pos)
			value := skipCBOR(obj, pos)
			end := -1
			if value >= 0 {
				end = skipCBOR(obj, value)
			}
			if end < 0 {
				return append(dst[:start], obj...)
			}
			isKind := keyMajor == cborBytes && (keyLen == 4 && string(obj[key:value]) == "kind" ||
				keyLen == 10 && string(obj[key:value]) == "apiVersion")
			switch {
			case isKind && pass == 0:
				keep--
			case !isKind && pass == 1:
				dst = append(dst, obj[pos:end]...)
			}
			pos = end
		}
	}
	return dst
}
