package object

import (
	"bytes"
	"encoding/binary"
	gojson "encoding/json"
	"io"
	"slices"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"sigs.k8s.io/yaml"
)

// ListMeta is the metadata of a list.
type ListMeta struct {
	ResourceVersion string
	Continue        string
	Remaining       *int64
}

// Items are the encoded objects of a list. WriteList asks for them in order; for Protobuf it asks for all sizes
// first.
type Items interface {
	Len() int
	// Size is how many bytes Append will append. Only Protobuf needs it.
	Size(i int) int
	// Append appends item i as it stands in a list: see AppendItem.
	Append(dst []byte, i int) []byte
}

// List is the frame of a list of objects.
type List struct {
	Kind schema.GroupVersionKind // of the list itself, such as ConfigMapList
	Tree bool                    // its objects are trees, which keep their apiVersion and kind in lists
	Meta ListMeta
}

// AppendItem appends an encoded object in the form it has in a list: JSON and CBOR objects of built-in kinds
// lose apiVersion and kind there, which are the list's; a protobuf item is the bare message. YAML lists are made
// of JSON items.
func AppendItem(dst []byte, e Encoding, kind schema.GroupVersionKind, tree bool, obj []byte) []byte {
	switch e {
	case Protobuf:
		return append(dst, ProtobufItem(obj)...)
	case CBOR:
		return appendCBORItem(dst, obj, tree)
	}
	if !tree {
		if rest, ok := JSONItem(obj, kind); ok {
			return append(append(dst, '{'), rest...)
		}
	}
	return append(dst, obj...)
}

// JSONItem returns the part of a struct's JSON that follows `{"kind":…,"apiVersion":…,`. With a '{' before it, it
// is the object's form in a list: the bytes are shared.
func JSONItem(obj []byte, kind schema.GroupVersionKind) ([]byte, bool) {
	rest, ok := cutPrefix(obj, `{"kind":"`)
	if ok {
		rest, ok = cutPrefix(rest, kind.Kind)
	}
	if ok {
		rest, ok = cutPrefix(rest, `","apiVersion":"`)
	}
	if ok && kind.Group != "" {
		if rest, ok = cutPrefix(rest, kind.Group); ok {
			rest, ok = cutPrefix(rest, "/")
		}
	}
	if ok {
		rest, ok = cutPrefix(rest, kind.Version)
	}
	if ok {
		rest, ok = cutPrefix(rest, `"`)
	}
	if !ok || len(rest) == 0 {
		return nil, false
	}
	if rest[0] == ',' {
		rest = rest[1:]
	}
	return rest, true
}

// cutPrefix is bytes.CutPrefix with a string, which costs no conversion.
func cutPrefix(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

// ProtobufItem is the bare message in an encoded object.
func ProtobufItem(obj []byte) []byte {
	env, _ := openEnvelope(obj)
	return env.raw
}

// flushSize is how much WriteList gathers before it writes.
const flushSize = 32 << 10

// WriteList writes a list as the reference answers it: JSON and protobuf byte for byte. Nothing but a buffer is
// allocated, whatever the number of items; only YAML is made from the whole list in memory.
func WriteList(w io.Writer, e Encoding, l List, items Items) error {
	switch e {
	case Protobuf:
		return writeProtobufList(w, l, items)
	case CBOR:
		return writeCBORList(w, l, items)
	case YAML:
		var b bytes.Buffer
		if err := writeJSONList(&b, l, items); err != nil {
			return err
		}
		out, err := yaml.JSONToYAML(b.Bytes())
		if err != nil {
			return err
		}
		_, err = w.Write(out)
		return err
	}
	return writeJSONList(w, l, items)
}

// gather is a buffer before a writer.
type gather struct {
	w   io.Writer
	b   []byte
	err error
}

// gathers holds buffers of lists that have been written.
var gathers = sync.Pool{New: func() any { return &gather{b: make([]byte, 0, flushSize+flushSize/4)} }}

func newGather(w io.Writer) *gather {
	g := gathers.Get().(*gather)
	*g = gather{w: w, b: g.b[:0]}
	return g
}

// free gives the buffer to the next list, unless an item has blown it up.
func (g *gather) free() {
	if cap(g.b) <= 4*flushSize {
		g.w = nil
		gathers.Put(g)
	}
}

func (g *gather) flush() {
	if len(g.b) > 0 && g.err == nil {
		_, g.err = g.w.Write(g.b)
	}
	g.b = g.b[:0]
}

// item appends an item, behind a buffer that is written when it is full.
func (g *gather) item(items Items, i int) bool {
	if len(g.b) >= flushSize {
		g.flush()
	}
	g.b = items.Append(g.b, i)
	return g.err == nil
}

func writeJSONList(w io.Writer, l List, items Items) error {
	g := newGather(w)
	defer g.free()
	if l.Tree {
		g.b = append(g.b, `{"apiVersion":"`...)
		g.b = appendAPIVersion(g.b, l.Kind)
		g.b = append(g.b, `","items":[`...)
	} else {
		g.b = append(g.b, `{"kind":"`...)
		g.b = append(g.b, l.Kind.Kind...)
		g.b = append(g.b, `","apiVersion":"`...)
		g.b = appendAPIVersion(g.b, l.Kind)
		g.b = append(g.b, `","metadata":`...)
		g.b = l.Meta.appendJSON(g.b, false)
		g.b = append(g.b, `,"items":[`...)
	}
	for i := range items.Len() {
		if i > 0 {
			g.b = append(g.b, ',')
		}
		if !g.item(items, i) {
			return g.err
		}
	}
	g.b = append(g.b, ']')
	if l.Tree {
		g.b = append(g.b, `,"kind":"`...)
		g.b = append(g.b, l.Kind.Kind...)
		g.b = append(g.b, `","metadata":`...)
		g.b = l.Meta.appendJSON(g.b, true)
	}
	g.b = append(g.b, "}"+Newline...)
	g.flush()
	return g.err
}

// appendJSON appends the metadata in the order of the struct's fields or, for a list of trees, of the keys;
// there the reference always writes continue.
func (m *ListMeta) appendJSON(b []byte, tree bool) []byte {
	b = append(b, '{')
	remaining := func() {
		if m.Remaining != nil {
			b = append(comma(b), `"remainingItemCount":`...)
			b = strconv.AppendInt(b, *m.Remaining, 10)
		}
	}
	text := func(key, value string, always bool) {
		if value != "" || always {
			b = append(append(append(comma(b), '"'), key...), `":`...)
			quoted, _ := gojson.Marshal(value)
			b = append(b, quoted...)
		}
	}
	if tree {
		text("continue", m.Continue, true)
		remaining()
		text("resourceVersion", m.ResourceVersion, true)
	} else {
		text("resourceVersion", m.ResourceVersion, false)
		text("continue", m.Continue, false)
		remaining()
	}
	return append(b, '}')
}

// comma separates a member from the one before it.
func comma(b []byte) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return b
}

func writeProtobufList(w io.Writer, l List, items Items) error {
	meta := metav1.ListMeta{ResourceVersion: l.Meta.ResourceVersion, Continue: l.Meta.Continue, RemainingItemCount: l.Meta.Remaining}
	head, err := meta.Marshal()
	if err != nil {
		return err
	}
	n := items.Len()
	size := 1 + uvarintLen(len(head)) + len(head)
	sizes := make([]uint32, n)
	for i := range sizes {
		s := items.Size(i)
		sizes[i] = uint32(s)
		size += 1 + uvarintLen(s) + s
	}
	g := newGather(w)
	defer g.free()
	g.b = appendEnvelope(g.b, l.Kind, size)
	g.b = append(g.b, tagMeta)
	g.b = binary.AppendUvarint(g.b, uint64(len(head)))
	g.b = append(g.b, head...)
	for i := range n {
		g.b = append(g.b, tagItems)
		g.b = binary.AppendUvarint(g.b, uint64(sizes[i]))
		if !g.item(items, i) {
			return g.err
		}
	}
	g.b = append(g.b, envelopeTail...)
	g.flush()
	return g.err
}

// writeCBORList writes a map whose keys are in bytewise order of their encoding: kind, items, metadata,
// apiVersion. (The reference writes them in any order.)
func writeCBORList(w io.Writer, l List, items Items) error {
	meta := map[string]any{}
	if l.Meta.ResourceVersion != "" {
		meta["resourceVersion"] = l.Meta.ResourceVersion
	}
	if l.Meta.Continue != "" || l.Tree {
		meta["continue"] = l.Meta.Continue
	}
	if l.Meta.Remaining != nil {
		meta["remainingItemCount"] = *l.Meta.Remaining
	}
	metaBytes, err := direct.Marshal(meta)
	if err != nil {
		return err
	}
	g := newGather(w)
	defer g.free()
	g.b = append(g.b, cborSelfDescribed...)
	g.b = appendCBORHead(g.b, cborMap, 4)
	g.b = appendCBORString(g.b, "kind")
	g.b = appendCBORString(g.b, l.Kind.Kind)
	g.b = appendCBORString(g.b, "items")
	g.b = appendCBORHead(g.b, cborArray, uint64(items.Len()))
	for i := range items.Len() {
		if !g.item(items, i) {
			return g.err
		}
	}
	g.b = appendCBORString(g.b, "metadata")
	g.b = append(g.b, metaBytes...)
	g.b = appendCBORString(g.b, "apiVersion")
	g.b = appendCBORString(g.b, string(appendAPIVersion(nil, l.Kind)))
	g.flush()
	return g.err
}

// ItemSlice is Items of bytes that are there already, in the form that items have in lists.
type ItemSlice [][]byte

func (s ItemSlice) Len() int       { return len(s) }
func (s ItemSlice) Size(i int) int { return len(s[i]) }
func (s ItemSlice) Append(dst []byte, i int) []byte {
	return append(slices.Grow(dst, len(s[i])), s[i]...)
}
