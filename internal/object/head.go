package object

import (
	"errors"
	"math"
	"time"
	"unsafe"

	"k8s.io/apimachinery/pkg/types"
)

// Head is what is known of a stored object without decoding it. There is one in memory for every record, so it
// is small (72 bytes), and its strings are parts of the stored bytes.
type Head struct {
	UID     types.UID
	Labels  Labels
	Owners  []types.UID // of the owner references, in their order
	Created int64       // creationTimestamp in Unix seconds, 0 when there is none

	rvAt  uint32 // protobuf: where the resourceVersion's tag is; JSON: where the member belongs
	rawAt uint16 // protobuf: where the tag of the envelope's raw is
	flags headFlags
}

type headFlags uint8

const (
	headDeleting   headFlags = 1 << iota // has a deletionTimestamp
	headFinalizers                       // has finalizers
)

// Deleting says whether the object has a deletionTimestamp.
func (h *Head) Deleting() bool { return h.flags&headDeleting != 0 }

// Finalizers says whether the object has finalizers.
func (h *Head) Finalizers() bool { return h.flags&headFinalizers != 0 }

// ErrForm says that stored bytes, though they may well be an object, are not of the form that EncodeStored and
// kube-apiserver write. DecodeStored and EncodeStored make them so.
var ErrForm = errors.New("object: stored bytes are not of the form that this server writes")

// Head reads the head off stored bytes, which must not change as long as the Head is used.
func (c *Codec) Head(stored []byte) (Head, error) {
	var h Head
	ok := false
	switch {
	case len(stored) > math.MaxUint32:
	case isProtobuf(stored):
		ok = h.readProtobuf(stored)
	case c.New == nil:
		ok = h.readJSON(stored, afterSorted)
	default:
		ok = h.readJSON(stored, afterStruct)
	}
	if !ok {
		return Head{}, ErrForm
	}
	return h, nil
}

// readProtobuf walks the fields of the metadata, which stand in the order of their numbers.
func (h *Head) readProtobuf(stored []byte) bool {
	env, ok := openEnvelope(stored)
	if !ok || env.rawAt > math.MaxUint16 {
		return false
	}
	meta, _, ok := field(env.raw, 0, tagMeta)
	if !ok {
		return false
	}
	h.rawAt = uint16(env.rawAt)
	offset := offsetOf(stored, meta)
	hasRV, last, owners := false, uint64(0), 0
	labelsAt, labelsEnd, ownersAt := 0, 0, 0
	for pos := 0; pos < len(meta); {
		start := pos
		tag, pos2 := uvarint(meta, pos)
		if pos2 < 0 || tag>>3 < last {
			return false
		}
		last = tag >> 3
		end := skipField(meta, pos2, tag)
		if end < 0 {
			return false
		}
		pos = end
		switch tag {
		case 0x2a: // uid
			content, _, _ := field(meta, start, 0x2a)
			h.UID = types.UID(alias(content))
		case 0x32: // resourceVersion
			if hasRV {
				return false
			}
			hasRV, h.rvAt = true, uint32(offset+start)
		case 0x42: // creationTimestamp
			content, _, _ := field(meta, start, 0x42)
			h.Created = protoSeconds(content)
		case 0x4a: // deletionTimestamp
			h.flags |= headDeleting
		case tagLabels:
			content, _, _ := field(meta, start, tagLabels)
			if !isEntry(content) {
				return false
			}
			if labelsEnd == 0 {
				labelsAt = start
			}
			labelsEnd = end
		case 0x6a: // ownerReferences
			if owners == 0 {
				ownersAt = start
			}
			owners++
		case 0x72: // finalizers
			h.flags |= headFinalizers
		}
	}
	h.Labels = Labels(alias(meta[labelsAt:labelsEnd]))
	if owners > 0 {
		h.Owners = make([]types.UID, 0, owners)
		for pos := ownersAt; len(h.Owners) < owners; {
			var ref []byte
			if ref, pos, ok = field(meta, pos, 0x6a); !ok {
				return false
			}
			uid, ok := ownerUID(ref)
			if !ok {
				return false
			}
			h.Owners = append(h.Owners, types.UID(uid))
		}
	}
	return hasRV
}

// isEntry says whether a map entry is exactly a key and a value.
func isEntry(entry []byte) bool {
	_, at, ok := field(entry, 0, 0x0a)
	if !ok {
		return false
	}
	_, at, ok = field(entry, at, 0x12)
	return ok && at == len(entry)
}

// ownerUID is field 4 of an OwnerReference.
func ownerUID(ref []byte) (string, bool) {
	for pos := 0; pos < len(ref); {
		tag, at := uvarint(ref, pos)
		if at < 0 {
			return "", false
		}
		end := skipField(ref, at, tag)
		if end < 0 {
			return "", false
		}
		if tag == 0x22 {
			content, _, _ := field(ref, pos, 0x22)
			return alias(content), true
		}
		pos = end
	}
	return "", true
}

// protoSeconds reads the seconds of a Timestamp message; the zero time is an empty one.
func protoSeconds(msg []byte) int64 {
	if len(msg) > 1 && msg[0] == 0x08 {
		v, _ := uvarint(msg, 1)
		return int64(v)
	}
	return 0
}

// jsonSeconds reads a time in quotes.
func jsonSeconds(value []byte) int64 {
	if len(value) > 2 && value[0] == '"' {
		if t, err := time.Parse(time.RFC3339, alias(value[1:len(value)-1])); err == nil {
			return t.Unix()
		}
	}
	return 0
}

// alias is the string of b without a copy.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// offsetOf is where part, a part of whole, starts.
func offsetOf(whole, part []byte) int {
	if len(part) == 0 {
		return 0
	}
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(whole))))
}
