package cel

import (
	"context"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apiserver/pkg/cel/library"
)

// checkFrequency is after how many steps of a loop a program looks whether its request has ended.
const checkFrequency = 100

// program is an expression that can be run, by any number of goroutines at a time.
type program struct{ p cel.Program }

// plan makes a program of a checked expression. Types are of no use any more when it runs, so that all programs share
// one environment: that of the expression would be kept alive by it.
func plan(checked *cel.Ast) (*program, error) {
	env, err := baseEnv()
	if err != nil {
		return nil, err
	}
	p, err := env.Program(checked,
		cel.CostLimit(perCallLimit),
		cel.CostTracking(&library.CostEstimator{}),
		cel.InterruptCheckFrequency(checkFrequency),
	)
	if err != nil {
		return nil, err
	}
	return &program{p}, nil
}

// run evaluates the program. cost is what it cost, known as far as it came; no program runs beyond perCallLimit.
func (p *program) run(ctx context.Context, vars interpreter.Activation) (value ref.Val, cost uint64, known bool, err error) {
	value, details, err := p.p.ContextEval(ctx, vars)
	if details == nil {
		return value, 0, false, err
	}
	if c := details.ActualCost(); c != nil {
		return value, *c, true, err
	}
	return value, 0, false, err
}
