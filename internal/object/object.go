// Package object is one API object in memory, and the ways it is written down.
//
// Nouns: an Object is a pointer to a Go struct of k8s.io/api, or a tree (*unstructured.Unstructured); a Codec
// knows one kind and turns its objects into bytes of an Encoding and back; a Head is what can be read off the
// stored bytes without decoding them: identity, labels, owners, and where the resourceVersion goes; a List
// frames the bytes of many objects, and a watch event those of one.
//
// Stored bytes never hold their own resourceVersion: the store's revision is it, and it is spliced in when the
// bytes are served.
//
// Invariants: what Append, WriteList and AppendWatchEvent write in JSON and protobuf is byte for byte what
// kube-apiserver answers, but for the line feed that ends a JSON document there (Newline); EncodeStored writes
// what kube-apiserver stores. Whatever fails to decode fails with the words of apimachinery's serializers: the
// quick ways in this package only ever succeed, and hand anything else over to those.
//
// Concurrency: a Codec is immutable; an Object belongs to one goroutine, unless it is shared for reading, which
// allows everything but Decode and EncodeStored. Byte slices that a Head was read from must not change: its
// strings are parts of them.
package object

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is any API object that has metadata.
type Object interface {
	metav1.Object
	runtime.Object
}

// Encoding is a way to write an object down.
type Encoding uint8

const (
	JSON      Encoding = iota // application/json
	YAML                      // application/yaml
	Protobuf                  // application/vnd.kubernetes.protobuf: "k8s\x00" and a runtime.Unknown around the message
	CBOR                      // application/cbor
	Encodings                 // how many there are
)

// Newline ends every JSON document that kube-apiserver answers with or stores. Append and AppendServed leave it
// out, so that their bytes can be part of lists and watch events; WriteList writes it.
const Newline = "\n"

// Codec writes and reads the objects of one kind.
type Codec struct {
	Kind schema.GroupVersionKind
	// New makes an empty struct of the kind; nil means that its objects are trees.
	New func() Object
	// StoreJSON stores structs as JSON although they have a protobuf form, as kube-apiserver does with
	// CustomResourceDefinitions and APIServices. Trees are always stored as JSON.
	StoreJSON bool
}

// NewObject makes an empty object of the kind.
func (c *Codec) NewObject() Object {
	if c.New != nil {
		return c.New()
	}
	return &unstructured.Unstructured{Object: map[string]any{}}
}

// Can says whether the kind's objects can be written in e: all but Protobuf always can.
func (c *Codec) Can(e Encoding) bool {
	if e != Protobuf {
		return e < Encodings
	}
	if c.New == nil {
		return false
	}
	_, ok := c.New().(protoMessage)
	return ok
}

// isAPIVersion says whether s spells the kind's group/version, without allocating.
func isAPIVersion(s string, k schema.GroupVersionKind) bool {
	if k.Group == "" {
		return s == k.Version
	}
	g := len(k.Group)
	return len(s) == g+1+len(k.Version) && s[:g] == k.Group && s[g] == '/' && s[g+1:] == k.Version
}

// appendAPIVersion appends group/version.
func appendAPIVersion(dst []byte, k schema.GroupVersionKind) []byte {
	if k.Group != "" {
		dst = append(append(dst, k.Group...), '/')
	}
	return append(dst, k.Version...)
}
