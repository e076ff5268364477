package object

import (
	"bytes"
	"encoding/binary"
	gojson "encoding/json"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// EncodeStored returns what goes to the store: the object without its resourceVersion and selfLink, as protobuf if it
// has such a form and the codec doesn't say otherwise, else as JSON. The Head is that of these bytes and refers to them:
// they must not be changed.
func (c *Codec) EncodeStored(obj Object) ([]byte, Head, error) {
	rv, link := obj.GetResourceVersion(), obj.GetSelfLink()
	if rv != "" {
		obj.SetResourceVersion("")
		defer obj.SetResourceVersion(rv)
	}
	if link != "" {
		obj.SetSelfLink("")
		defer obj.SetSelfLink(link)
	}
	var stored []byte
	var err error
	if _, ok := obj.(protoMessage); ok && !c.StoreJSON {
		stored, err = c.Append(nil, Protobuf, obj)
	} else {
		stored, err = c.storedJSON(obj)
	}
	if err != nil {
		return nil, Head{}, err
	}
	h, err := c.Head(stored)
	return stored, h, err
}

// storedJSON writes JSON where there is room, and then keeps what it takes: nobody knows beforehand how much that is, and
// what is stored stays for long.
func (c *Codec) storedJSON(obj Object) ([]byte, error) {
	room, _ := rooms.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	defer func() {
		if cap(*room) <= maxRoom {
			rooms.Put(room)
		}
	}()
	text, err := c.Append((*room)[:0], JSON, obj)
	if err != nil {
		return nil, err
	}
	*room = append(text, Newline...)
	return bytes.Clone(*room), nil
}

var rooms sync.Pool // of *[]byte

// maxRoom bounds what is kept for the next object, in bytes.
const maxRoom = 256 << 10

// DecodeStored reads stored bytes, with the record's revision as the resourceVersion. When they hold another
// kind or version than the codec's the error is a *KindError.
func (c *Codec) DecodeStored(stored []byte, rv int64) (Object, error) {
	e := JSON
	if isProtobuf(stored) {
		e = Protobuf
	}
	obj, _, err := c.Decode(e, stored, false)
	if err != nil {
		return nil, err
	}
	if k := obj.GetObjectKind().GroupVersionKind(); k != c.Kind {
		return nil, &KindError{Got: k, Want: c.Kind}
	}
	obj.SetResourceVersion(strconv.FormatInt(rv, 10))
	return obj, nil
}

// ReadStored reads parts of a stored JSON document into a struct that has fields for them, kind and apiVersion among
// them: without those the quick way gives up. into must be zero.
func ReadStored(stored []byte, into any) error {
	if decodeStruct(stored, reflect.ValueOf(into), false) {
		return nil
	}
	reflect.ValueOf(into).Elem().SetZero()
	return gojson.Unmarshal(stored, into)
}

// StoredKind says which kind stored bytes hold; it is empty when they don't say.
func StoredKind(stored []byte) schema.GroupVersionKind {
	if env, ok := openEnvelope(stored); ok {
		return schema.FromAPIVersionAndKind(string(env.apiVersion), string(env.kind))
	}
	var apiVersion, kind string
	eachMember(stored, 0, func(key []byte, value, end int) bool {
		switch string(key) {
		case "apiVersion":
			apiVersion = quoted(stored[value:end])
		case "kind":
			kind = quoted(stored[value:end])
		}
		return apiVersion == "" || kind == ""
	})
	return schema.FromAPIVersionAndKind(apiVersion, kind)
}

// AppendServed appends what a GET in the stored encoding answers: the stored bytes with the resourceVersion
// spliced in at its place. That equals encoding what DecodeStored returns.
func AppendServed(dst, stored []byte, h *Head, rv int64) []byte {
	if !isProtobuf(stored) {
		return appendServedJSON(dst, stored, int(h.rvAt), rv)
	}
	dst, raw := appendServedRaw(dst, stored, h, rv, true)
	return append(dst, stored[raw:]...)
}

func appendServedJSON(dst, stored []byte, at int, rv int64) []byte {
	dst = slices.Grow(dst, len(stored)+len(`,"resourceVersion":""`)+20)
	dst = append(dst, stored[:at]...)
	first := stored[at-1] == '{'
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, `"resourceVersion":"`...)
	dst = strconv.AppendInt(dst, rv, 10)
	dst = append(dst, '"')
	if first && stored[skipSpace(stored, at)] != '}' {
		dst = append(dst, ',')
	}
	dst = append(dst, stored[at:]...)
	if dst[len(dst)-1] == '\n' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// splice is the arithmetic of putting a resourceVersion into stored protobuf: each length around it grows.
type splice struct {
	raw, meta    int // where the contents of raw and metadata start
	end          int // where raw ends
	rv, rest     int // where the field resourceVersion starts and ends
	rawLen       int // of the new raw
	metaLen      int // of the new metadata
	digits       [20]byte
	digitsLength int
}

func (s *splice) compute(stored []byte, h *Head, rv int64) {
	n, at := uvarint(stored, int(h.rawAt)+1)
	s.raw, s.end = at, at+int(n)
	oldMeta, at := uvarint(stored, s.raw+1)
	s.meta = at
	s.rv = int(h.rvAt)
	old, at := uvarint(stored, s.rv+1)
	s.rest = at + int(old)
	s.digitsLength = len(strconv.AppendInt(s.digits[:0], rv, 10))
	s.metaLen = int(oldMeta) - (s.rest - s.rv) + 2 + s.digitsLength
	s.rawLen = int(n) - (s.meta - s.raw) - int(oldMeta) + 1 + uvarintLen(s.metaLen) + s.metaLen
}

// ServedSize is the length of the message in a stored protobuf object once the resourceVersion is in it.
func ServedSize(stored []byte, h *Head, rv int64) int {
	var s splice
	s.compute(stored, h, rv)
	return s.rawLen
}

// AppendServedMessage appends only the message inside of what AppendServed appends for a stored protobuf object:
// an item of a protobuf list.
func AppendServedMessage(dst, stored []byte, h *Head, rv int64) []byte {
	dst, _ = appendServedRaw(dst, stored, h, rv, false)
	return dst
}

// appendServedRaw appends up to the end of raw, and returns where that is in stored.
func appendServedRaw(dst, stored []byte, h *Head, rv int64, envelope bool) ([]byte, int) {
	var s splice
	s.compute(stored, h, rv)
	dst = slices.Grow(dst, len(stored)+30)
	if envelope {
		dst = append(dst, stored[:h.rawAt]...)
		dst = append(dst, tagRaw)
		dst = binary.AppendUvarint(dst, uint64(s.rawLen))
	}
	dst = append(dst, tagMeta)
	dst = binary.AppendUvarint(dst, uint64(s.metaLen))
	dst = append(dst, stored[s.meta:s.rv]...)
	dst = append(dst, 0x32, byte(s.digitsLength))
	dst = append(dst, s.digits[:s.digitsLength]...)
	return append(dst, stored[s.rest:s.end]...), s.end
}
