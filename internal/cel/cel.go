// Package cel checks and runs the CEL rules of custom resources: x-kubernetes-validations. It is the one door to cel-go
// and to the reference's CEL libraries.
//
// Nouns: a Node is what this package has to know of one node of a structural schema; a Rule is one of
// x-kubernetes-validations, as written; a Validator is the tree of those nodes of a schema at or below which there are
// rules, with the programs that they compile to.
//
// Invariants: nothing is built before it is used. The environment that all expressions share (libraries, limits) is made
// when the first rule of the process is compiled; a Validator compiles the rules of a node when the first object comes by
// that has the node. Every expression runs under a cost limit of its own and all of an object's under one budget, so that
// no rule and no object can stall the server.
//
// Concurrency: Nodes are immutable. A Validator may be used by any number of goroutines at a time.
package cel

import "iter"

// Rule is one of x-kubernetes-validations: an expression that must be true of a value, as it was written.
type Rule struct {
	Rule              string
	Message           string
	MessageExpression string
	Reason            string // empty: FieldValueInvalid
	FieldPath         string
	OptionalOldSelf   *bool
}

// Node is one node of a structural schema. Implementations are pointers or hold nothing but one, so that no method
// allocates; a nil Node is none.
type Node interface {
	Type() string // "object", "array", "string", "integer", "number", "boolean" or ""
	Format() string
	Nullable() bool
	IntOrString() bool     // x-kubernetes-int-or-string
	Embedded() bool        // x-kubernetes-embedded-resource
	PreserveUnknown() bool // x-kubernetes-preserve-unknown-fields
	HasDefault() bool
	MapType() string  // x-kubernetes-map-type, "" when absent
	ListType() string // x-kubernetes-list-type, "" when absent
	ListKeys() []string
	Required() []string
	LongestEnum() int // length of the longest string of enum, -1 when there is no enum
	MaxLength() *int64
	MaxItems() *int64
	MaxProperties() *int64

	HasProperties() bool
	Properties() iter.Seq2[string, Node] // by name
	Property(name string) Node
	Additional() bool // there are additionalProperties, be it true or false
	Values() Node     // the schema of additionalProperties
	Items() Node
	AllOf() iter.Seq[Node]

	Rules() []Rule
}
