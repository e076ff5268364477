package schema

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cel"
)

// Rules are the x-kubernetes-validations of one node, in the order of the document.
type Rules []Rule

// Rule is one of x-kubernetes-validations: a CEL expression that must be true of a value, as it was written.
type Rule = cel.Rule

// CheckRuleTexts says what can be seen wrong with the x-kubernetes-validations of one node (not of those below it)
// without compiling them: missing expressions, empty messages, line breaks, reasons and field paths that do not exist.
// The reference counts these among the findings of the schema itself, node by node; path is where the node stands.
func CheckRuleTexts(path *field.Path, node *apiextensionsv1.JSONSchemaProps) field.ErrorList {
	return nil
}

// CheckRules compiles the x-kubernetes-validations of a whole schema that a CustomResourceDefinition brings and says what
// is wrong with them: expressions that do not compile or cost too much (each for itself, and all together), transition
// rules where nothing can be compared. It is for schemas that are structural and whose defaults are valid; the reference
// checks no rules of others. path is where the schema stands ("spec.versions[0].schema.openAPIV3Schema").
//
// found are the findings of the schema so far (CheckRuleTexts among them): the rules of a node at or below which something
// was found are not compiled. old is the schema that is stored at present under the same version, nil when there is none:
// expressions of a schema that does not change may cost what they did. The order is the reference's: all findings of the
// schema, then these.
func CheckRules(path *field.Path, root, old *apiextensionsv1.JSONSchemaProps, found field.ErrorList) field.ErrorList {
	return nil
}
