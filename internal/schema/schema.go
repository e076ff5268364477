// Package schema says what an API object may look like: a Schema is a node of a structural schema, and is
// what merging, field tracking, strict decoding, OpenAPI (and for custom resources pruning, defaulting and
// validation) are driven by. The same type serves built-in kinds, whose nodes come from one embedded data
// file, and custom resources, whose nodes are compiled from a CustomResourceDefinition.
//
// Nouns: a Schema is one node; Builtin is the schemas of the built-in kinds, decoded node by node when asked for
// (builtin.go reads the data file and documents its format, `go generate` writes it from the recorded OpenAPI). Custom is
// the schema of one version of a custom resource, which Compile makes of a CustomResourceDefinition's: it prunes, defaults
// and validates objects, each in one walk that allocates nothing when all is well. Limits and Logic are what a node of it
// says of values beyond their type.
//
// Invariants: a Schema is immutable once it is handed out, so it may be shared by any number of goroutines; nodes of
// built-in kinds may be recursive (JSONSchemaProps is), so a walk is driven by the data, never by the schema alone.
// What custom resources are pruned to, and every finding about them, is the reference's; its order, where the reference
// has none, is that of the fields' names.
package schema

// Type is the shape of a value.
type Type uint8

const (
	// Any is whatever it is. Owners are tracked in it as the value itself suggests: an object field by field,
	// anything else as a whole; when Atomic, all of it as a whole (RawExtension). Format "object": only an object.
	Any         Type = iota
	Object           // fixed fields: Properties (and, with Items, additional ones)
	Map              // free keys, each value of schema Items
	List             // elements of schema Items
	String           // Format may say more: byte, date-time, quantity, int-or-string
	Integer          // Format int32 or int64
	Number           // Format double
	Boolean          //
	IntOrString      // integer or string on the wire
)

// ListType is x-kubernetes-list-type: who owns what of a list. The zero value is atomic.
type ListType uint8

const (
	ListAtomic ListType = iota // replaced as a whole
	ListSet                    // scalars, each an element of its own
	ListMap                    // objects, each named by the fields Keys
)

// PatchStrategy is x-kubernetes-patch-strategy, a set of bits.
type PatchStrategy uint8

const (
	PatchMerge      PatchStrategy = 1 << iota // merge lists by PatchMergeKey (or, of scalars, as a set)
	PatchRetainKeys                           // keep only the keys that the patch names in $retainKeys
	PatchReplace                              // replace the value as a whole
)

// Schema is one node. Fields that do not concern its Type are zero.
type Schema struct {
	// Ref is the name of the OpenAPI component that this node is ("io.k8s.api.core.v1.PodSpec"); empty for a
	// node that stands inline.
	Ref    string
	Type   Type
	Format string

	// Properties are the fields of an Object in alphabetical order; find one with Property.
	Properties []Property
	// Required names the fields that must be there, in the order of the OpenAPI document.
	Required []string
	// Items is the schema of a List's elements or of a Map's values.
	Items *Schema

	ListType ListType
	// Keys names the fields that tell the elements of a ListMap apart.
	Keys []string
	// Atomic is x-kubernetes-map-type: atomic: an Object, Map or Any owned and replaced as a whole.
	Atomic bool
	// Declared says that the OpenAPI document spells out the list or map type although it is the default (an
	// atomic List, a granular Map). It means nothing else.
	Declared bool

	PatchStrategy PatchStrategy
	PatchMergeKey string

	// Default is the default value as JSON; nil when there is none.
	Default []byte
	// Enum lists the allowed strings; nil when any is allowed.
	Enum []string
	// Unions are x-kubernetes-unions as JSON, kept for the OpenAPI document only.
	Unions []byte

	// The rest is for structural schemas of custom resources.
	Nullable bool
	// Said is the type that the document says beside x-kubernetes-int-or-string, if it does: it tells nothing of what is
	// valid, but owners are tracked by it.
	Said Type
	// PreserveUnknown says that fields that are not in Properties may be set and are tracked:
	// x-kubernetes-preserve-unknown-fields stands here or on a node above.
	PreserveUnknown bool
	// KeepUnknown says that x-kubernetes-preserve-unknown-fields stands on this very node: pruning keeps what it does not
	// know here. Below, known fields are pruned again by what they say themselves.
	KeepUnknown bool
	Embedded    bool // x-kubernetes-embedded-resource
	// Resource says that apiVersion, kind and metadata are implied: the node is the root or Embedded. Properties has
	// the standard schemas of the three, by which owners are tracked; what the document says of them is in Own.
	Resource bool
	below    below

	// Limits are what a value must keep to, or gets, apart from its type; nil when there is nothing of the kind.
	Limits *Limits
	// Logic are the less usual parts of the document's node; nil when it has none.
	Logic *Logic
	// Rules are the node's x-kubernetes-validations; nil when it has none.
	Rules *Rules
}

// Property is a named field of an Object. The schema-level extensions that OpenAPI writes beside a $ref
// (defaults, patch strategy, list type) are on Schema: two fields of one component are then two nodes with
// the same Ref and Properties.
type Property struct {
	Name   string
	Schema *Schema
}

// Property returns the schema of the field called name, or nil.
func (s *Schema) Property(name string) *Schema {
	lo, hi := 0, len(s.Properties)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.Properties[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.Properties) && s.Properties[lo].Name == name {
		return s.Properties[lo].Schema
	}
	return nil
}

// Paths is a set of field paths: a trie whose leaves (a nil or empty child) stand for everything below.
// {"status": nil} is the whole status.
type Paths map[string]Paths
