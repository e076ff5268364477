package cel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	apicel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/library"
)

const (
	selfName    = "self"
	oldSelfName = "oldSelf"
)

// compiled is a rule's expressions, ready to run. A rule without an expression has neither a program nor an error.
type compiled struct {
	rule    *Rule
	program *program
	err     *apicel.Error // why there is no program
	message *program      // nil when there is no messageExpression or it is wrong
	oldSelf bool          // the rule compares with the stored value
	field   string        // fieldPath as errors show it, "" when there is none
}

// costs is what a rule is known to cost at most each time it runs.
type costs struct {
	rule, message uint64
	messageErr    *apicel.Error // what is wrong with messageExpression
}

// compiler compiles the rules of one node.
type compiler struct {
	node, decl Node // decl is self as expressions see it
	self       *cel.Type
	envs       *environment
	bounds     *bounds // nil: costs are not asked for
}

var errNoDeclType = errors.New("failed to convert to declType for CEL validation rules")

// newCompiler returns a compiler for rules that stand at node, whose self is as declared by decl. The environment is its
// own until there is another one.
func newCompiler(node, decl Node, envs *environment) (*compiler, error) {
	self := envs.declare(decl)
	if self == nil {
		return nil, errNoDeclType
	}
	return &compiler{node: node, decl: decl, self: self, envs: envs}, nil
}

// compile compiles one rule. With a place for costs it also estimates them, which is for admission.
func (c *compiler) compile(r *Rule, cost *costs) compiled {
	out := compiled{rule: r}
	if strings.TrimSpace(r.Rule) == "" {
		return out
	}
	env, err := c.envs.of(c.self, r.OptionalOldSelf != nil && *r.OptionalOldSelf)
	if err != nil {
		out.err = internal("%v", err)
		return out
	}
	checked, err := checkText(env, r.Rule, cost != nil)
	switch {
	case err != nil:
		out.err = invalid("compilation failed: %s", err)
		return out
	case checked.OutputType() != cel.BoolType:
		out.err = invalid("cel expression must evaluate to a bool")
		return out
	}
	for _, ref := range checked.NativeRep().ReferenceMap() {
		if ref.Name == oldSelfName {
			out.oldSelf = true
			break
		}
	}
	p, err := plan(checked)
	if err != nil {
		out.err = invalid("program instantiation failed: %v", err)
		return out
	}
	if cost != nil {
		if cost.rule, err = c.estimate(env, checked); err != nil {
			out.err = internal("cost estimation failed: %v", err)
			return out
		}
	}
	out.program = p
	if r.MessageExpression != "" {
		var err *apicel.Error
		if out.message, err = c.compileMessage(env, r.MessageExpression, cost); err != nil {
			if cost != nil {
				cost.messageErr = err
			}
			return out
		}
	}
	if r.FieldPath != "" {
		if path, _, err := FieldPath(r.FieldPath, c.node, true); err == nil {
			out.field = path.String()
		}
	}
	return out
}

// checkText parses an expression and finds its types. One that is new has to be checked in reasonable time.
func checkText(env *cel.Env, text string, isNew bool) (*cel.Ast, error) {
	parsed, issues := env.Parse(text)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if isNew && !fits(parsed) {
		return nil, errTooLarge
	}
	checked, issues := env.Check(parsed)
	return checked, issues.Err()
}

func (c *compiler) compileMessage(env *cel.Env, text string, cost *costs) (*program, *apicel.Error) {
	checked, err := checkText(env, text, cost != nil)
	switch {
	case err != nil:
		return nil, invalid("messageExpression compilation failed: %s", err)
	case checked.OutputType() != cel.StringType:
		return nil, invalid("messageExpression must evaluate to a string")
	}
	p, err := plan(checked)
	if err != nil {
		return nil, invalid("messageExpression instantiation failed: %v", err)
	}
	if cost != nil {
		if cost.message, err = c.estimate(env, checked); err != nil {
			return nil, internal("cost estimation failed for messageExpression: %v", err)
		}
	}
	return p, nil
}

// estimate is what an expression costs at most.
func (c *compiler) estimate(env *cel.Env, checked *cel.Ast) (uint64, error) {
	e, err := env.EstimateCost(checked, &library.CostEstimator{SizeEstimator: sizes{c.decl, c.bounds}})
	return e.Max, err
}

func invalid(format string, args ...any) *apicel.Error {
	return &apicel.Error{Type: apicel.ErrorTypeInvalid, Detail: fmt.Sprintf(format, args...)}
}

func internal(format string, args ...any) *apicel.Error {
	return &apicel.Error{Type: apicel.ErrorTypeInternal, Detail: fmt.Sprintf(format, args...)}
}
