// Package cache is the state that reads are served from: for each resource the latest records in a
// copy-on-write tree, and its part of the one event log. It is filled by one feed, which follows the store.
package cache

import (
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Shape is what of an object is shown.
type Shape uint8

const (
	Full     Shape = iota
	Metadata       // PartialObjectMetadata, meta.k8s.io/v1
	MetadataV1beta1
)

type Cache struct{}
type Record struct{}

// Bytes is the record as a version, encoding and shape show it, resourceVersion included: with kind and apiVersion, no
// trailing newline. The bytes are shared, and made once for everyone who asks.
func (r *Record) Bytes(v *resource.Version, e object.Encoding, s Shape) ([]byte, error) { return nil, nil }

// Object decodes the record afresh, in the storage version with its resourceVersion.
func (r *Record) Object() (object.Object, error) { return nil, nil }
