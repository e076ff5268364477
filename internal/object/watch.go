package object

import (
	"encoding/binary"
	"slices"
)

// Streams says whether watches can be answered in the encoding. The reference has no framing for YAML there.
func (e Encoding) Streams() bool { return e == JSON || e == Protobuf || e == CBOR }

// AppendWatchEvent appends the frame of a watch event: typ is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, obj
// the whole object in the same encoding. In JSON a frame is a line
//
//	{"type":"ADDED","object":{...}}
//
// in protobuf it is four bytes of length, big-endian, and a WatchEvent without an envelope (but with the object
// in its own); in CBOR, one data item of a sequence.
func AppendWatchEvent(dst []byte, e Encoding, typ string, obj []byte) []byte {
	dst = slices.Grow(dst, len(obj)+len(typ)+40)
	switch e {
	case Protobuf:
		raw := 1 + uvarintLen(len(obj)) + len(obj)
		size := 1 + uvarintLen(len(typ)) + len(typ) + 1 + uvarintLen(raw) + raw
		dst = binary.BigEndian.AppendUint32(dst, uint32(size))
		dst = append(dst, 0x0a)
		dst = binary.AppendUvarint(dst, uint64(len(typ)))
		dst = append(dst, typ...)
		dst = append(dst, 0x12)
		dst = binary.AppendUvarint(dst, uint64(raw))
		dst = append(dst, 0x0a)
		dst = binary.AppendUvarint(dst, uint64(len(obj)))
		return append(dst, obj...)
	case CBOR:
		dst = append(dst, cborSelfDescribed...)
		dst = appendCBORHead(dst, cborMap, 2)
		dst = appendCBORString(dst, "type")
		dst = appendCBORString(dst, typ)
		dst = appendCBORString(dst, "object")
		return append(dst, obj...)
	}
	dst = append(dst, `{"type":"`...)
	dst = append(dst, typ...)
	dst = append(dst, `","object":`...)
	dst = append(dst, obj...)
	return append(dst, "}"+Newline...)
}
