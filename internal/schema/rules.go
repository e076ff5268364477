package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

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
func CheckRuleTexts(path *field.Path, node *apiextensionsv1.JSONSchemaProps) (errs field.ErrorList) {
	for i := range node.XValidations {
		r, at := &node.XValidations[i], path.Child("x-kubernetes-validations").Index(i)
		errs = append(errs, checkRuleText(at, r)...)
		if r.MessageExpression != "" && blank(r.MessageExpression) {
			errs = append(errs, field.Required(at.Child("messageExpression"), "messageExpression must be non-empty if specified"))
		}
		if r.Reason != nil && !slices.Contains(reasons, string(*r.Reason)) {
			errs = append(errs, field.NotSupported(at.Child("reason"), *r.Reason, reasons))
		}
		if r.FieldPath == "" {
			continue
		}
		at = at.Child("fieldPath")
		if blank(r.FieldPath) {
			errs = append(errs, field.Invalid(at, r.FieldPath, "must be non-empty if specified"))
		}
		if broken(r.FieldPath) {
			errs = append(errs, field.Invalid(at, r.FieldPath, "must not contain line breaks"))
		}
		if _, _, err := cel.FieldPath(r.FieldPath, PropsNode(node), true); err != nil {
			errs = append(errs, field.Invalid(at, r.FieldPath, "must be a valid path"))
		}
	}
	return errs
}

var reasons = []string{"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"}

// checkRuleText says the first of what is wrong with an expression's text and its message.
func checkRuleText(at *field.Path, r *apiextensionsv1.ValidationRule) field.ErrorList {
	rule, message := strings.TrimSpace(r.Rule), strings.TrimSpace(r.Message)
	switch {
	case rule == "":
		return field.ErrorList{field.Required(at.Child("rule"), "rule is not specified")}
	case r.Message != "" && message == "":
		return field.ErrorList{field.Invalid(at.Child("message"), r.Message, "must be non-empty if specified")}
	case broken(message):
		return field.ErrorList{field.Invalid(at.Child("message"), r.Message, "must not contain line breaks")}
	case broken(rule) && message == "":
		return field.ErrorList{field.Required(at.Child("message"), "message must be specified if rule contains line breaks")}
	}
	return nil
}

func blank(s string) bool  { return strings.TrimSpace(s) == "" }
func broken(s string) bool { return strings.ContainsAny(s, "\n\r") }

// CheckRules compiles the x-kubernetes-validations of a whole schema that a CustomResourceDefinition brings and says what
// is wrong with them: expressions that do not compile or cost too much (each for itself, and all together), transition
// rules where nothing can be compared. It is for schemas that are structural and whose defaults are valid; the reference
// checks no rules of others. path is where the schema stands ("spec.versions[0].schema.openAPIV3Schema").
//
// found are the findings of the schema so far (CheckRuleTexts among them): the rules of a node at or below which something
// was found are not compiled. old is the schema that is stored at present under the same version, nil when there is none:
// expressions of a schema that does not change may cost what they did. The order is the reference's: all findings of the
// schema, then these. It ends with the context, and then does not say all.
func CheckRules(ctx context.Context, path *field.Path, root, old *apiextensionsv1.JSONSchemaProps, found field.ErrorList) field.ErrorList {
	if !anyRules(root) {
		return nil
	}
	return cel.Check(ctx, path, PropsNode(root), found, func() bool { return old != nil && sameDocument(root, old) })
}

// anyRules says whether there is a rule in what rules are compiled of.
func anyRules(s *apiextensionsv1.JSONSchemaProps) bool {
	if s == nil {
		return false
	}
	if len(s.XValidations) > 0 || s.Items != nil && anyRules(s.Items.Schema) ||
		s.AdditionalProperties != nil && anyRules(s.AdditionalProperties.Schema) {
		return true
	}
	for name := range s.Properties {
		if p := s.Properties[name]; anyRules(&p) {
			return true
		}
	}
	return false
}

// sameDocument compares schemas as JSON: a default may be written in several ways.
func sameDocument(a, b *apiextensionsv1.JSONSchemaProps) bool {
	var docs [2]any
	for i, s := range []*apiextensionsv1.JSONSchemaProps{a, b} {
		text, err := json.Marshal(s)
		if err != nil {
			return false
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&docs[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(docs[0], docs[1])
}
