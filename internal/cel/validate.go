package cel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apicel "k8s.io/apiserver/pkg/cel"
)

const (
	// objectBudget is what all rules may cost on one object (about a second).
	objectBudget = 10000000
	// maxMessage is the size in bytes of the longest message that a messageExpression may give.
	maxMessage = 5 * 1024
)

// Validator runs the rules of a schema. It is a tree of those of the schema's nodes at or below which there are rules.
type Validator struct {
	node Node // what values are made of
	// decl is the node as the one above declares it: only the standard fields of resources differ.
	decl   Node
	rules  []Rule
	root   bool // of a custom resource or an embedded one
	values *Validator
	items  *Validator
	fields []fieldValidator
	allOf  []*Validator

	mu       sync.Mutex // held while compiling; what follows does not change any more when done
	done     atomic.Bool
	compiled []compiled
	err      error // why nothing is
	oldSelf  bool  // one of the rules compares with the stored value
}

type fieldValidator struct {
	name string
	*Validator
}

// NewValidator returns the validator of a custom resource's schema, nil when there are no rules. Nothing is compiled yet.
func NewValidator(root Node) *Validator {
	if !hasRules(root) {
		return nil
	}
	return newValidator(root, root, withMeta(root), true)
}

// hasRules does not look into allOf, whose rules count only beside others, as the reference has it.
func hasRules(n Node) bool {
	if n == nil {
		return false
	}
	if len(n.Rules()) > 0 || hasRules(n.Items()) || hasRules(n.Values()) {
		return true
	}
	for _, p := range n.Properties() {
		if hasRules(p) {
			return true
		}
	}
	return false
}

// newValidator returns the validator of the rules that stand at the node at and below, for values of node: the same one,
// but for allOf, whose parts bring rules and no types. It is nil when there are none.
func newValidator(at, node, decl Node, root bool) *Validator {
	v := &Validator{node: node, decl: decl, rules: at.Rules(), root: root}
	if v.root {
		v.node = withMeta(node)
	}
	if items := node.Items(); items != nil && at.Items() != nil {
		v.items = newValidator(at.Items(), items, asResource(elements(decl)), items.Embedded())
	}
	if values := node.Values(); values != nil && at.Values() != nil {
		v.values = newValidator(at.Values(), values, asResource(elements(decl)), values.Embedded())
	}
	for name, p := range at.Properties() {
		child := node.Property(name)
		if child == nil {
			continue
		}
		d := fieldDecl(name, child, decl)
		if !declared(d) {
			continue // expressions do not see it
		}
		if f := newValidator(p, child, asResource(d), child.Embedded()); f != nil {
			v.fields = append(v.fields, fieldValidator{name, f})
		}
	}
	for part := range at.AllOf() {
		if a := newValidator(part, node, decl, root); a != nil {
			v.allOf = append(v.allOf, a)
		}
	}
	if len(v.rules) == 0 && v.items == nil && v.values == nil && len(v.fields) == 0 && len(v.allOf) == 0 {
		return nil
	}
	return v
}

// elements is the node of what is in a list or a map as it is declared.
func elements(decl Node) Node {
	switch {
	case decl == nil:
		return nil
	case decl.Type() == "array":
		return decl.Items()
	case decl.Type() == "object":
		return decl.Values()
	}
	return nil
}

// fieldDecl is the node of a field as it is declared above; nil where it is not.
func fieldDecl(name string, child, decl Node) Node {
	if _, ok := apicel.Escape(name); !ok {
		return child // it cannot be named above, but it has rules of its own
	}
	if decl == nil || decl.IntOrString() || decl.Type() != "object" || decl.Values() != nil {
		return nil
	}
	return decl.Property(name)
}

// Validate runs the rules on an object and returns what fails, and warnings about what fails but does not change. old is
// the stored object when there is one and this is an update; both are read only.
func (v *Validator) Validate(ctx context.Context, obj, old map[string]any) (errs field.ErrorList, warnings []string) {
	if v == nil || obj == nil {
		return nil, nil
	}
	r := run{ctx: ctx, budget: objectBudget, until: time.Now().Add(maxTime)}
	var at ratchet
	if old != nil {
		at.at = &correlated{value: obj, old: old, node: v.node}
		if n, ok := v.node.(resourceNode); ok {
			at.at.node = n.Node
		}
		v.validate(&r, nil, obj, old, at)
	} else {
		v.validate(&r, nil, obj, nil, at)
	}
	return r.errs, r.warnings
}

// Budget is what all rules may cost on all default values of a schema.
const Budget int64 = objectBudget

// ValidateDefault runs the rules at and below a node on its default value, which stands at path: as a value that does not
// change, and if that is well, as a new one. root says that the node is that of a resource. left is what remains of the
// budget, below zero when it was too little.
func ValidateDefault(ctx context.Context, path *field.Path, n Node, root bool, value any, budget int64) (errs field.ErrorList, left int64) {
	if !hasRules(n) {
		return nil, budget
	}
	decl := n
	if root {
		decl = withMeta(n)
	}
	v := newValidator(n, n, decl, root)
	left = budget
	for _, old := range [...]any{value, nil} {
		r := run{ctx: ctx, budget: budget, until: time.Now().Add(maxTime)}
		v.validate(&r, path, value, old, ratchet{})
		errs, left = append(errs, r.errs...), min(left, r.budget)
		if len(errs) > 0 {
			break
		}
	}
	return errs, left
}

// run is one object's validation. A budget below zero ends it.
type run struct {
	ctx      context.Context
	budget   int64
	until    time.Time
	errs     field.ErrorList
	warnings []string
}

func (r *run) fail(e *field.Error) { r.errs = append(r.errs, e) }

// stop is fail, and the end of the walk.
func (r *run) stop(e *field.Error) {
	r.fail(e)
	r.budget = -1
}

// pay takes a cost off the budget and says whether that was still possible.
func (r *run) pay(cost uint64) bool {
	if cost > math.MaxInt64 || int64(cost) > r.budget {
		return false
	}
	r.budget -= int64(cost)
	return true
}

// validate walks a value beside the stored one. Nulls are for the rules around them.
func (v *Validator) validate(r *run, path *field.Path, obj, old any, at ratchet) {
	if v == nil || obj == nil {
		return
	}
	if v.runRules(r, path, obj, old, at); r.budget < 0 {
		return
	}
	for _, part := range v.allOf {
		// Nothing is forgiven here for its own sake, as with the other findings of allOf.
		if part.validate(r, path, obj, old, ratchet{parent: at.parent}); r.budget < 0 {
			return
		}
	}
	switch obj := obj.(type) {
	case []any:
		oldList, _ := old.([]any)
		v.validateList(r, path, obj, oldList, at)
	case map[string]any:
		oldMap, _ := old.(map[string]any)
		v.validateMap(r, path, obj, oldMap, at)
	}
}

func (v *Validator) validateList(r *run, path *field.Path, obj, old []any, at ratchet) {
	if v.items == nil {
		return
	}
	was := keyElements(v.node, old)
	for i := range obj {
		if v.items.validate(r, path.Index(i), obj[i], was.find(obj[i]), at.index(i)); r.budget < 0 {
			return
		}
	}
}

func (v *Validator) validateMap(r *run, path *field.Path, obj, old map[string]any, at ratchet) {
	if t := v.node.MapType(); t != "" && t != "granular" && t != "atomic" {
		old = nil
	}
	if v.values != nil {
		for _, k := range slices.Sorted(maps.Keys(obj)) {
			if v.values.validate(r, path.Key(k), obj[k], old[k], at.field(k)); r.budget < 0 {
				return
			}
		}
	}
	for _, f := range v.fields {
		value, ok := obj[f.name]
		if !ok {
			continue
		}
		if f.validate(r, path.Child(f.name), value, old[f.name], at.field(f.name)); r.budget < 0 {
			return
		}
	}
}

// ready makes the programs of the node's rules, if nobody did, and says whether they are there: not when the request has
// ended, but then what is done is done.
func (v *Validator) ready(ctx context.Context) bool {
	if len(v.rules) == 0 || v.done.Load() {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.done.Load() {
		return true
	}
	envs := takeEnvironment()
	c, err := newCompiler(v.node, v.decl, envs)
	if v.err = err; v.compiled == nil {
		v.compiled = make([]compiled, 0, len(v.rules))
	}
	for len(v.compiled) < len(v.rules) && err == nil {
		if ctx.Err() != nil {
			envs.giveBack()
			return false
		}
		one := c.compile(&v.rules[len(v.compiled)], nil)
		v.compiled = append(v.compiled, one)
		v.oldSelf = v.oldSelf || one.oldSelf
	}
	envs.giveBack()
	v.done.Store(true)
	return true
}

// runRules runs the rules of one node on one value.
func (v *Validator) runRules(r *run, path *field.Path, obj, old any, at ratchet) {
	if !v.ready(r.ctx) {
		r.budget = -1
		return
	}
	kind := v.node.Type()
	switch {
	case v.err != nil:
		r.fail(field.Invalid(path, kind, fmt.Sprintf("rule compiler initialization error: %v", v.err)))
		return
	case len(v.compiled) == 0:
		return
	case r.budget <= 0:
		r.stop(field.Invalid(path, kind, outOfBudget))
		return
	}
	if isNil(old) {
		old = nil
	}
	vars := variables{self: valueOf(obj, v.node), until: r.until}
	optional := variables{self: vars.self, old: types.OptionalNone, until: r.until}
	if v.oldSelf && old != nil {
		vars.old = valueOf(old, v.node)
		optional.old = types.OptionalOf(vars.old)
	}
	for i := range v.compiled {
		c := &v.compiled[i]
		mayMiss := c.rule.OptionalOldSelf != nil && *c.rule.OptionalOldSelf
		switch {
		case c.err != nil:
			r.fail(field.Invalid(path, kind, fmt.Sprintf("rule compile error: %v", c.err)))
			continue
		case c.program == nil: // no expression
			continue
		case c.oldSelf && old == nil && !mayMiss:
			continue // nothing to compare with
		}
		use := &vars
		if mayMiss {
			use = &optional
		}
		if holds := v.runRule(r, c, path, use); holds || r.budget < 0 {
			if r.budget < 0 {
				return
			}
			continue
		}
		// A messageExpression is given oldSelf as it is, whatever optionalOldSelf says.
		if v.refuse(r, c, path, obj, &vars, at); r.budget < 0 {
			return
		}
	}
}

// runRule says whether a rule holds. One that cannot be evaluated is reported and holds.
func (v *Validator) runRule(r *run, c *compiled, path *field.Path, vars *variables) bool {
	kind := v.node.Type()
	value, cost, known, err := c.program.run(r.ctx, vars)
	switch {
	case !known:
		r.stop(field.Invalid(path, kind, fmt.Sprintf("runtime cost could not be calculated for validation rule: %v, no further validation rules will be run", shown(c.rule))))
	case !r.pay(cost):
		r.stop(field.Invalid(path, kind, outOfBudget))
	case err == nil:
		return value == types.True
	case strings.HasPrefix(err.Error(), "no such overload"):
		r.fail(field.Invalid(path, kind, fmt.Sprintf("'%v': call arguments did not match a supported operator, function or macro signature for rule: %v", err, shown(c.rule))))
	case strings.HasPrefix(err.Error(), overLimit):
		r.stop(field.Invalid(path, kind, fmt.Sprintf("'%v': no further validation rules will be run due to call cost exceeds limit for rule: %v", err, shown(c.rule))))
	default: // no such key, index out of bounds, overflow …
		r.fail(field.Invalid(path, kind, fmt.Sprintf("%v evaluating rule: %v", err, shown(c.rule))))
	}
	return true
}

const (
	outOfBudget = "validation failed due to running out of cost budget, no further validation rules will be run"
	overLimit   = "operation cancelled: actual cost limit exceeded"
)

// refuse reports that a rule does not hold.
func (v *Validator) refuse(r *run, c *compiled, path *field.Path, obj any, vars *variables, at ratchet) {
	if c.field != "" {
		path = path.Child(c.field)
	}
	report := func(e *field.Error) {
		if !c.oldSelf && at.forgives() {
			r.warnings = append(r.warnings, e.Error())
		} else {
			r.fail(e)
		}
	}
	detail := ""
	if c.message != nil {
		var err error
		if detail, err = r.message(c, vars); err != nil {
			e := field.Invalid(path, v.node.Type(), err.Error())
			if errors.Is(err, apicel.ErrInternal) {
				e = field.InternalError(path, err)
			}
			report(e)
			r.budget = -1
			return
		}
	}
	switch {
	case detail != "":
	case c.rule.Message != "":
		detail = strings.TrimSpace(c.rule.Message)
	default:
		detail = "failed rule: " + shown(c.rule)
	}
	value := obj
	if t := v.node.Type(); t == "object" || t == "array" {
		value = field.OmitValueType{}
	}
	switch c.rule.Reason {
	case "FieldValueForbidden":
		report(field.Forbidden(path, detail))
	case "FieldValueRequired":
		report(field.Required(path, detail))
	case "FieldValueDuplicate":
		report(field.Duplicate(path, value))
	default:
		report(field.Invalid(path, value, detail))
	}
}

// message evaluates a messageExpression. Empty means that there is none to show: it failed, or is too long, or has line
// breaks. An error ends the validation.
func (r *run) message(c *compiled, vars *variables) (string, error) {
	text := c.rule.MessageExpression
	value, cost, known, err := c.message.run(r.ctx, vars)
	switch {
	case !known:
		return "", internal("runtime cost could not be calculated for messageExpression: %q", text)
	case cost > math.MaxInt64 || int64(cost) > r.budget:
		return "", invalid("messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run")
	case err != nil && strings.HasPrefix(err.Error(), overLimit):
		return "", invalid("no further validation rules will be run due to call cost exceeds limit for messageExpression: %q", text)
	}
	r.budget -= int64(cost)
	if err != nil {
		return "", nil
	}
	s, _ := value.Value().(string)
	s = strings.TrimSpace(s)
	if len(s) > maxMessage || strings.Contains(s, "\n") {
		return "", nil
	}
	return s, nil
}

// shown is the rule as messages name it.
func shown(r *Rule) string {
	if r.Message != "" {
		return strings.TrimSpace(r.Message)
	}
	return strings.TrimSpace(r.Rule)
}

func isNil(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return v == nil
	case []any:
		return v == nil
	}
	return false
}
