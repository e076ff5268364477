package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A stored or served protobuf object:
//
//	"k8s\x00"                        magic
//	0a LEN { 0a LEN apiVersion       runtime.Unknown.TypeMeta
//	         12 LEN kind }
//	12 LEN { 0a LEN { ...            raw: the object's own message; its metadata is field 1 in every kind,
//	           32 LEN resourceVersion    and the resourceVersion field 6 of that
//	           ... } ... }
//	1a 00                            contentEncoding, empty
//	22 00                            contentType, empty
const (
	magic        = "k8s\x00"
	envelopeTail = "\x1a\x00\x22\x00"

	tagTypeMeta = 0x0a
	tagRaw      = 0x12
	tagMeta     = 0x0a // field 1 of every object: its metadata
	tagItems    = 0x12 // field 2 of every list
)

// protoMessage is what k8s.io/api's generated protobuf code offers.
type protoMessage interface {
	runtime.ProtobufReverseMarshaller
	Reset()
	Unmarshal([]byte) error
}

// notMarshalable is the refusal to write an object in protobuf.
type notMarshalable struct{ v any }

func (e notMarshalable) Error() string {
	return fmt.Sprintf("object %T does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message", e.v)
}

// ErrNotMarshalable is what Append and EncodeAny wrap when an object has no protobuf form: a 406 Not Acceptable.
var ErrNotMarshalable = errors.New("object: no protobuf form")

func (e notMarshalable) Is(target error) bool { return target == ErrNotMarshalable }

// appendEnvelope appends everything up to the raw message, which is size bytes long.
func appendEnvelope(dst []byte, k schema.GroupVersionKind, size int) []byte {
	apiLen := len(k.Version)
	if k.Group != "" {
		apiLen += len(k.Group) + 1
	}
	dst = append(dst, magic...)
	dst = append(dst, tagTypeMeta)
	dst = binary.AppendUvarint(dst, uint64(2+uvarintLen(apiLen)+apiLen+uvarintLen(len(k.Kind))+len(k.Kind)))
	dst = append(dst, 0x0a)
	dst = binary.AppendUvarint(dst, uint64(apiLen))
	dst = appendAPIVersion(dst, k)
	dst = append(dst, 0x12)
	dst = binary.AppendUvarint(dst, uint64(len(k.Kind)))
	dst = append(dst, k.Kind...)
	dst = append(dst, tagRaw)
	return binary.AppendUvarint(dst, uint64(size))
}

// appendProtobuf appends the object in its envelope.
func appendProtobuf(dst []byte, k schema.GroupVersionKind, obj runtime.Object) ([]byte, error) {
	m, ok := obj.(protoMessage)
	if !ok {
		return dst, notMarshalable{obj}
	}
	size := m.Size()
	dst = slices.Grow(dst, size+len(k.Group)+len(k.Version)+len(k.Kind)+40)
	start := len(dst)
	dst = appendEnvelope(dst, k, size)
	end := len(dst) + size
	dst = slices.Grow(dst, size+len(envelopeTail))
	n, err := m.MarshalToSizedBuffer(dst[len(dst):end])
	if err != nil {
		return dst[:start], err
	}
	if n != size {
		return dst[:start], fmt.Errorf("the Size() value of %T was %d, but %d bytes were written", obj, size, n)
	}
	return append(dst[:end], envelopeTail...), nil
}

// envelope is an opened runtime.Unknown: parts of the bytes it was read from.
type envelope struct {
	apiVersion, kind []byte
	rawAt            int // where raw's tag is
	raw              []byte
}

// openEnvelope reads an envelope of exactly the shape appendEnvelope writes (contentEncoding and contentType may
// be anything). Anything else is not ok, which does not mean that it isn't protobuf.
func openEnvelope(data []byte) (env envelope, ok bool) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return env, false
	}
	meta, pos, ok := field(data, len(magic), tagTypeMeta)
	if !ok {
		return env, false
	}
	at := 0
	if env.apiVersion, at, ok = field(meta, 0, 0x0a); !ok {
		return env, false
	}
	if env.kind, at, ok = field(meta, at, 0x12); !ok || at != len(meta) {
		return env, false
	}
	env.rawAt = pos
	if env.raw, pos, ok = field(data, pos, tagRaw); !ok {
		return env, false
	}
	if string(data[pos:]) == envelopeTail {
		return env, true
	}
	if _, pos, ok = field(data, pos, 0x1a); !ok {
		return env, false
	}
	if _, pos, ok = field(data, pos, 0x22); !ok || pos != len(data) {
		return env, false
	}
	return env, true
}

// field reads a length-delimited field with a one-byte tag at pos, and returns its content and where it ends.
func field(data []byte, pos int, tag byte) (content []byte, end int, ok bool) {
	if pos >= len(data) || data[pos] != tag {
		return nil, pos, false
	}
	n, at := uvarint(data, pos+1)
	if at < 0 || n > uint64(len(data)-at) {
		return nil, pos, false
	}
	end = at + int(n)
	return data[at:end:end], end, true
}

// uvarint reads a varint at pos, and returns where it ends, or -1.
func uvarint(data []byte, pos int) (uint64, int) {
	if pos < len(data) && data[pos] < 0x80 {
		return uint64(data[pos]), pos + 1
	}
	if pos > len(data) {
		return 0, -1
	}
	v, n := binary.Uvarint(data[pos:])
	if n <= 0 {
		return 0, -1
	}
	return v, pos + n
}

// uvarintLen is how many bytes the varint of n takes.
func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// skipField returns where the field with the given tag, whose content starts at pos, ends, or -1.
func skipField(data []byte, pos int, tag uint64) int {
	switch tag & 7 {
	case 0:
		_, pos = uvarint(data, pos)
		return pos
	case 1:
		pos += 8
	case 2:
		n, at := uvarint(data, pos)
		if at < 0 || n > uint64(len(data)-at) {
			return -1
		}
		return at + int(n)
	case 5:
		pos += 4
	default:
		return -1
	}
	if pos > len(data) {
		return -1
	}
	return pos
}
