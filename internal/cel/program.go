package cel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apiserver/pkg/cel/library"
)

// checkFrequency is after how many steps of a loop a program looks whether its request has ended.
const checkFrequency = 100

// program is an expression that can be run, by any number of goroutines at a time.
//
// It is what cel.Env.Program would make, made by hand: that keeps a table of all functions and the environment, with the
// types of the schema, alive for each expression (64 KB), and builds a table of cost functions for each run. Here all
// programs share one planner, and what is kept is the plan.
type program struct {
	plan *interpreter.ObservableInterpretable
}

// planner is what all programs are planned with.
type planner struct {
	interpreter.Interpreter
	options []interpreter.PlannerOption
}

// shared is the planner. It knows no types of schemas: those are done with when an expression is checked.
var shared = sync.OnceValues(func() (*planner, error) {
	env, err := baseEnv()
	if err != nil {
		return nil, err
	}
	functions := interpreter.NewDispatcher()
	for _, f := range env.Functions() {
		overloads, err := f.Bindings()
		if err != nil {
			return nil, err
		}
		if err := functions.Add(overloads...); err != nil {
			return nil, err
		}
	}
	provider, adapter := env.CELTypeProvider(), env.CELTypeAdapter()
	attributes := interpreter.NewAttributeFactory(env.Container, adapter, provider)
	limit, presence := interpreter.CostTrackerLimit(perCallLimit), interpreter.PresenceTestHasCost(false)
	tracker := func() (*interpreter.CostTracker, error) {
		return interpreter.NewCostTracker(callCosts{}, limit, presence)
	}
	return &planner{
		interpreter.NewInterpreter(functions, env.Container, provider, adapter, attributes),
		[]interpreter.PlannerOption{ // in the order in which cel.Env.Program has them
			interpreter.CustomDecorator(shortCircuit),
			interpreter.InterruptableEval(),
			interpreter.Optimize(),
			interpreter.CompileRegexConstants(library.FindRegexOptimization, library.FindAllRegexOptimization, interpreter.MatchesRegexOptimization),
			interpreter.CostObserver(interpreter.CostTrackerFactory(tracker)),
		},
	}, nil
})

// plan makes a program of a checked expression.
func plan(checked *cel.Ast) (*program, error) {
	p, err := shared()
	if err != nil {
		return nil, err
	}
	i, err := p.NewInterpretable(checked.NativeRep(), p.options...)
	if err != nil {
		return nil, err
	}
	observable, ok := i.(*interpreter.ObservableInterpretable)
	if !ok {
		return nil, errors.New("the plan tells no costs")
	}
	return &program{observable}, nil
}

// maxTime is how long the rules of one object may take. Costs are to keep them within a second; but the library looks
// through all that a loop has left behind at each of its steps, so that rules that go through very long lists (of 100,000
// elements) take minutes for what they are said to cost.
const maxTime = 30 * time.Second

// run evaluates the program. cost is what it cost as far as it came; no program runs beyond perCallLimit.
func (p *program) run(ctx context.Context, vars *variables) (value ref.Val, cost uint64, known bool, err error) {
	vars.done, vars.steps = ctx.Done(), 0
	var tracker *interpreter.CostTracker
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interpreter.EvalCancelledError:
			err = r
		default:
			err = fmt.Errorf("internal error: %v", r)
		}
		if known = tracker != nil; known {
			cost = tracker.ActualCost()
		}
	}()
	value = p.plan.ObserveEval(vars, func(state any) {
		if t, ok := state.(*interpreter.CostTracker); ok {
			tracker = t
		}
	})
	if e, ok := value.(*types.Err); ok {
		err = e
	}
	return
}

// variables are self and oldSelf, for one run at a time.
type variables struct {
	self, old ref.Val
	done      <-chan struct{} // of the request
	until     time.Time       // the end of maxTime; zero: none
	steps     uint
}

// ResolveName implements interpreter.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case selfName:
		return v.self, true
	case oldSelfName:
		return v.old, v.old != nil
	case "#interrupted": // asked in each step of a loop
		if v.steps++; v.steps%checkFrequency == 0 {
			select {
			case <-v.done:
				return true, true
			default:
				return true, !v.until.IsZero() && time.Now().After(v.until)
			}
		}
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (*variables) Parent() interpreter.Activation { return nil }

// callCosts are what calls of functions cost when they run.
type callCosts struct{ library.CostEstimator }

// CallCost implements interpreter.ActualCostEstimator. The functions on sets and lists come from cel-go, which does not
// show what it counts for them.
func (c callCosts) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	switch overload {
	case "list_sets_contains_list", "list_sets_intersects_list":
		return cost(1 + size(args[0])*size(args[1]))
	case "list_sets_equivalent_list":
		return cost(1 + uint64(float64(size(args[0])*size(args[1]))*2))
	case "list_slice", "lists_range", "list_reverse":
		return listCost(1, size(result))
	case "list_flatten":
		return listCost(1, size(args[0]))
	case "list_flatten_int":
		return listCost(float64(args[1].(types.Int)), size(args[0]))
	case "list_distinct":
		return compareCost(args[0])
	}
	if strings.HasPrefix(overload, "list_") {
		switch {
		case strings.HasSuffix(overload, "_sort"):
			return compareCost(args[0])
		case strings.HasSuffix(overload, "_sortByAssociatedKeys"):
			return compareCost(args[1])
		}
	}
	return c.CostEstimator.CallCost(function, overload, args, result)
}

func cost(n uint64) *uint64 { return &n }

// listCost is that of a list that is made.
func listCost(factor float64, elements uint64) *uint64 {
	return cost(uint64(float64(elements)*factor) + 1 + common.ListCreateBaseCost)
}

// compareCost is that of a list all of whose elements are compared with each other.
func compareCost(v ref.Val) *uint64 {
	l := v.(traits.Lister)
	n, factor := size(l), 2.0
	if n > 0 {
		if t := l.Get(types.IntZero).Type(); t == types.StringType || t == types.BytesType {
			factor += common.StringTraversalCostFactor
		}
	}
	return listCost(factor, n*n)
}

func size(v ref.Val) uint64 {
	if s, ok := v.(traits.Sizer); ok {
		return uint64(s.Size().(types.Int))
	}
	return 1
}

// shortCircuit lets a.or(b) and a.orValue(b) evaluate b only if a has no value.
func shortCircuit(i interpreter.Interpretable) (interpreter.Interpretable, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	args := call.Args()
	switch f, overload := call.Function(), call.OverloadID(); {
	case f == "or" && (overload == "" || overload == "optional_or_optional"):
		return &optionalOr{call.ID(), args[0], args[1], false}, nil
	case f == "orValue" && (overload == "" || overload == "optional_orValue_value"):
		return &optionalOr{call.ID(), args[0], args[1], true}, nil
	}
	return i, nil
}

// optionalOr is the value of one optional, or else what comes after it.
type optionalOr struct {
	id           int64
	first, other interpreter.Interpretable
	unwrap       bool
}

func (o *optionalOr) ID() int64 { return o.id }

func (o *optionalOr) Eval(vars interpreter.Activation) ref.Val {
	v := o.first.Eval(vars)
	optional, ok := v.(*types.Optional)
	switch {
	case !ok:
		return v
	case !optional.HasValue():
		return o.other.Eval(vars)
	case o.unwrap:
		return optional.GetValue()
	}
	return optional
}
