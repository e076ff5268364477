package cel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	apicel "k8s.io/apiserver/pkg/cel"
)

// Check compiles all rules of a structural schema, which stands at path, and says what is wrong with them. The rules of a
// node at or below which something was found already are left out. unchanged is asked before an expression is refused for
// what it costs: in a schema that is stored already it may. It ends with the context, and then says nothing of the rest.
func Check(ctx context.Context, path *field.Path, root Node, found field.ErrorList, unchanged func() bool) field.ErrorList {
	c := review{ctx: ctx, found: found, unchanged: unchanged, envs: takeEnvironment(), bounds: newBounds()}
	c.check(site{path: path, node: root, decl: withMeta(root), often: cardinality{1, true}})
	c.envs.giveBack()
	return append(c.errs, c.totalErrors(path)...)
}

// review is one check.
type review struct {
	ctx       context.Context
	found     field.ErrorList
	unchanged func() bool
	envs      *environment
	bounds    *bounds
	errs      field.ErrorList
	said      int // the bytes of errs
	total     uint64
	most      []ruleCost // of the rules that make up a hundredth of the limit or more, the four most expensive
}

// maxSaid is how much there is to be said against the rules of a schema, in bytes: each of a hundred mistakes in a long
// expression is shown in a copy of it.
const maxSaid = 4 << 20

func (c *review) add(e *field.Error) {
	c.errs = append(c.errs, e)
	c.said += len(e.Field) + len(e.Detail)
	if r, ok := e.BadValue.(ruleDocument); ok {
		c.said += len(r.Rule) + len(r.Message) + len(r.MessageExpression) + len(r.FieldPath)
	}
}

// over says that it is no use to look any further.
func (c *review) over() bool { return c.said > maxSaid || c.ctx.Err() != nil }

type ruleCost struct {
	path *field.Path
	cost uint64
}

// site is a node where it stands.
type site struct {
	path  *field.Path
	node  Node
	decl  Node // what the rules see of it
	scope bool // a node above has rules: the node is declared as it is there
	often cardinality
	// within is the list above, if any, whose elements cannot be told apart from one version of it to the next.
	within *field.Path
}

// check looks at the nodes below first, as the reference does.
func (c *review) check(s site) {
	s.scope = s.scope || len(s.node.Rules()) > 0
	if n := s.node.Values(); n != nil {
		c.check(s.child(s.path.Child("additionalProperties"), n, elements(s.decl), s.within))
	}
	for name, n := range s.node.Properties() {
		within := s.within
		if t := s.node.MapType(); within == nil && t != "" && t != "granular" && t != "atomic" {
			within = s.path
		}
		var decl Node
		if _, ok := apicel.Escape(name); ok && s.scope && !s.decl.IntOrString() && s.decl.Type() == "object" && s.decl.Values() == nil {
			if decl = s.decl.Property(name); !declared(decl) {
				decl = nil
			}
		}
		c.check(s.child(s.path.Child("properties").Key(name), n, decl, within))
	}
	if n := s.node.Items(); n != nil {
		within := s.within
		if within == nil && s.node.ListType() != "map" {
			within = s.path
		}
		c.check(s.child(s.path.Child("items"), n, elements(s.decl), within))
	}
	if len(s.node.Rules()) > 0 && !c.over() && !c.broken(s.path) {
		c.checkRules(s)
	}
}

func (s site) child(path *field.Path, n, decl Node, within *field.Path) site {
	if !s.scope || decl == nil {
		decl = n
	}
	return site{path: path, node: n, decl: asResource(decl), scope: s.scope, often: s.often.of(s.node), within: within}
}

// broken says whether something was found at the path or below.
func (c *review) broken(path *field.Path) bool {
	if len(c.found) == 0 {
		return false
	}
	at := path.String()
	return slices.ContainsFunc(c.found, func(e *field.Error) bool {
		below, ok := strings.CutPrefix(e.Field, at)
		return ok && (below == "" || below[0] == '.' || below[0] == '[')
	})
}

// checkRules checks the rules of one node.
func (c *review) checkRules(s site) {
	path := s.path.Child("x-kubernetes-validations")
	compiler, err := newCompiler(s.node, s.decl, c.envs)
	if err != nil {
		c.add(field.InternalError(path, errors.New("internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations")))
		return
	}
	compiler.bounds = c.bounds
	rules := s.node.Rules()
	for i := range rules {
		if c.over() {
			return
		}
		c.checkRule(s, path.Index(i), &rules[i], compiler)
	}
}

func (c *review) checkRule(s site, path *field.Path, r *Rule, compiler *compiler) {
	var cost costs
	out := compiler.compile(r, &cost)
	at := path.Child("rule")
	c.spend(at, "estimated rule cost", s.often.total(cost.rule, c.bounds.least(s.decl)))
	if out.err != nil {
		c.add(field.Invalid(at, documentOf(r), out.err.Detail))
	}
	at = path.Child("messageExpression")
	if cost.messageErr != nil {
		c.add(field.Invalid(at, documentOf(r), cost.messageErr.Detail))
	} else if out.message != nil {
		c.spend(at, "estimated messageExpression cost", cost.message)
	}
	switch {
	case out.oldSelf && s.within != nil:
		c.add(field.Invalid(path.Child("rule"), r.Rule, fmt.Sprintf("oldSelf cannot be used on the uncorrelatable portion of the schema within %v", s.within)))
	case !out.oldSelf && r.OptionalOldSelf != nil:
		c.add(field.Invalid(path.Child("optionalOldSelf"), *r.OptionalOldSelf, "may not be set if oldSelf is not used in rule"))
	}
}

// spend counts what an expression costs on a whole object, and refuses it if that is too much.
func (c *review) spend(path *field.Path, what string, cost uint64) {
	if cost > exprCostLimit && !c.unchanged() {
		c.add(field.Forbidden(path, tooExpensive(what, cost, exprCostLimit)))
	}
	if math.MaxUint64-c.total < cost {
		c.total = math.MaxUint64
	} else {
		c.total += cost
	}
	if cost < schemaCostLimit/100 {
		return
	}
	c.most = append(c.most, ruleCost{path, cost})
	slices.SortStableFunc(c.most, func(a, b ruleCost) int { return cmp.Compare(b.cost, a.cost) })
	c.most = c.most[:min(len(c.most), 4)]
}

// totalErrors refuses all rules for what they cost together.
func (c *review) totalErrors(path *field.Path) (errs field.ErrorList) {
	if c.total <= schemaCostLimit {
		return nil
	}
	for _, r := range c.most {
		errs = append(errs, field.Forbidden(r.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"))
	}
	return append(errs, field.Forbidden(path, tooExpensive("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", c.total, schemaCostLimit)))
}

// ruleDocument is a rule as errors show it. The names of the fields are what clients have always seen.
type ruleDocument struct {
	Rule              string
	Message           string
	MessageExpression string
	Reason            *string
	FieldPath         string
	OptionalOldSelf   *bool
}

func documentOf(r *Rule) ruleDocument {
	d := ruleDocument{r.Rule, r.Message, r.MessageExpression, nil, r.FieldPath, r.OptionalOldSelf}
	if r.Reason != "" {
		d.Reason = &r.Reason
	}
	return d
}
