package object

import (
	"encoding/binary"
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
)

// Labels is an object's labels in one string, sorted by key: the map entries of a protobuf ObjectMeta as they
// stand there, which lets a Head share them with the stored bytes:
//
//	5a LEN { 0a LEN key  12 LEN value }  ...
//
// It implements labels.Labels. The zero value has no labels.
type Labels string

var _ labels.Labels = Labels("")

const tagLabels = 0x5a // field 11 of ObjectMeta

// MakeLabels packs a map.
func MakeLabels(m map[string]string) Labels {
	if len(m) == 0 {
		return ""
	}
	keys := make([]string, 0, len(m))
	size := 0
	for k, v := range m {
		keys = append(keys, k)
		size += len(k) + len(v) + 10
	}
	slices.Sort(keys)
	b := make([]byte, 0, size)
	for _, k := range keys {
		b = appendLabel(b, k, m[k])
	}
	return Labels(b)
}

func appendLabel(b []byte, k, v string) []byte {
	b = append(b, tagLabels)
	b = binary.AppendUvarint(b, uint64(2+uvarintLen(len(k))+len(k)+uvarintLen(len(v))+len(v)))
	b = binary.AppendUvarint(append(b, 0x0a), uint64(len(k)))
	b = append(b, k...)
	b = binary.AppendUvarint(append(b, 0x12), uint64(len(v)))
	return append(b, v...)
}

// next splits the first label off. Labels are checked when a Head is read, so that this need not be careful
// about anything but the end.
func (l Labels) next() (key, value string, rest Labels) {
	_, at := l.length(1)
	n, at := l.length(at + 1)
	key = string(l[at : at+n])
	n, at = l.length(at + n + 1)
	return key, string(l[at : at+n]), l[at+n:]
}

// length reads a varint.
func (l Labels) length(at int) (n, end int) {
	for shift := 0; ; shift += 7 {
		c := l[at]
		at++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return n, at
		}
	}
}

// Lookup returns a label's value, and whether there is one.
func (l Labels) Lookup(label string) (string, bool) {
	for l != "" {
		var k, v string
		if k, v, l = l.next(); k == label {
			return v, true
		}
	}
	return "", false
}

// Has says whether there is such a label.
func (l Labels) Has(label string) bool {
	_, ok := l.Lookup(label)
	return ok
}

// Get returns a label's value, or "".
func (l Labels) Get(label string) string {
	v, _ := l.Lookup(label)
	return v
}

// All yields the labels in the order of their keys.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := l; rest != ""; {
			var k, v string
			if k, v, rest = rest.next(); !yield(k, v) {
				return
			}
		}
	}
}

// Map unpacks the labels; it is nil when there are none.
func (l Labels) Map() map[string]string {
	var m map[string]string
	for k, v := range l.All() {
		if m == nil {
			m = map[string]string{}
		}
		m[k] = v
	}
	return m
}
