package cel

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
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
	node Node
	decl *apicel.DeclType // of self
	self *apicel.DeclType // decl, with names for the objects in it
	// envs are the environments without and with optionalOldSelf; each is made when a rule wants it.
	envs [2]*cel.Env
}

var errNoDeclType = errors.New("failed to convert to declType for CEL validation rules")

// newCompiler returns a compiler for rules that stand at node, whose self is as declared by decl.
func newCompiler(node Node, decl *apicel.DeclType) (*compiler, error) {
	if decl == nil {
		return nil, errNoDeclType
	}
	// The name of the type of self is another one each time, so that nobody gets used to it.
	name := fmt.Sprintf("selfType%d", time.Now().Nanosecond())
	return &compiler{node: node, decl: decl, self: decl.MaybeAssignTypeName(name)}, nil
}

// env is the environment of rules with self and oldSelf, the latter optional or not.
func (c *compiler) env(optional bool) (*cel.Env, error) {
	i := 0
	self := c.self.CelType()
	old := self
	if optional {
		i, old = 1, types.NewOptionalType(self)
	}
	if c.envs[i] != nil {
		return c.envs[i], nil
	}
	base, err := baseEnv()
	if err != nil {
		return nil, err
	}
	provider := apicel.NewDeclTypeProvider(c.self)
	provider.SetRecognizeKeywordAsFieldName(true)
	opts, err := provider.EnvOptions(base.CELTypeProvider())
	if err != nil {
		return nil, err
	}
	opts = append(opts, cel.Variable(selfName, self), cel.Variable(oldSelfName, old))
	c.envs[i], err = base.Extend(opts...)
	return c.envs[i], err
}

// compile compiles one rule. With a place for costs it also estimates them, which is for admission.
func (c *compiler) compile(r *Rule, cost *costs) compiled {
	out := compiled{rule: r}
	if strings.TrimSpace(r.Rule) == "" {
		return out
	}
	env, err := c.env(r.OptionalOldSelf != nil && *r.OptionalOldSelf)
	if err != nil {
		out.err = internal("%v", err)
		return out
	}
	checked, issues := env.Compile(r.Rule)
	switch {
	case issues != nil:
		out.err = invalid("compilation failed: %s", issues)
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

func (c *compiler) compileMessage(env *cel.Env, text string, cost *costs) (*program, *apicel.Error) {
	checked, issues := env.Compile(text)
	switch {
	case issues != nil:
		return nil, invalid("messageExpression compilation failed: %s", issues)
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
	e, err := env.EstimateCost(checked, &library.CostEstimator{SizeEstimator: sizes{c.decl}})
	return e.Max, err
}

func invalid(format string, args ...any) *apicel.Error {
	return &apicel.Error{Type: apicel.ErrorTypeInvalid, Detail: fmt.Sprintf(format, args...)}
}

func internal(format string, args ...any) *apicel.Error {
	return &apicel.Error{Type: apicel.ErrorTypeInternal, Detail: fmt.Sprintf(format, args...)}
}
