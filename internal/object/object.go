// Package object is one API object in memory, and the ways it is written down.
//
// Nouns: an Object is a pointer to a Go struct of k8s.io/api, or a tree (*unstructured.Unstructured); a Codec
// knows one kind and turns its objects into bytes of an Encoding and back; a Head is what can be read off the
// stored bytes without decoding them: identity, labels, owners, and where the resourceVersion goes.
//
// Stored bytes never hold their own resourceVersion: the store's revision is it, and it is spliced in when the
// bytes are served.
//
// Concurrency: a Codec is immutable; an Object belongs to one goroutine, unless it is shared for reading.
package object

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	JSON     Encoding = iota // application/json
	YAML                     // application/yaml
	Protobuf                 // application/vnd.kubernetes.protobuf: "k8s\x00" and a runtime.Unknown around the message
	CBOR                     // application/cbor
	Encodings                // how many there are
)

// Codec writes and reads the objects of one kind.
type Codec struct {
	Kind schema.GroupVersionKind
	// New makes an empty struct of the kind; nil means that its objects are trees.
	New func() Object
}
