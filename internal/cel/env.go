package cel

import (
	"errors"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
	"github.com/google/cel-go/parser"
	"k8s.io/apiserver/pkg/cel/library"
)

// perCallLimit is what one evaluation of one expression may cost (about 0.1 s).
const perCallLimit = 1000000

// baseEnv is what all expressions may use: the language, the libraries and the limits, without variables.
//
// The reference keeps two of these: what new expressions may use is what the release before knew, so that an upgrade can
// be undone; what stored ones may use is everything. In 1.36 the two are equal (the youngest option is from 1.34), so
// there is one here. A test against the reference says when that ends.
var baseEnv = sync.OnceValues(func() (*cel.Env, error) {
	env, err := Environment()
	if err != nil {
		return nil, err
	}
	return env.Extend(cel.Macros(boundedMacros(env)...))
})

// maxCopied is how large an expression may be when a macro is still expanded that copies what it is called on.
const maxCopied = 100000

// boundedMacros are the macros that copy what they are called on. In a row, each doubles the expression: thirty of them,
// and there is no memory left.
func boundedMacros(env *cel.Env) (bounded []cel.Macro) {
	for _, m := range env.Macros() {
		if f := m.Function(); f != "optMap" && f != "optFlatMap" {
			continue
		}
		bounded = append(bounded, parser.NewReceiverMacro(m.Function(), m.ArgCount(), func(e parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
			// Nodes are numbered as they are made.
			if e.NewLiteral(types.False).ID() > maxCopied {
				return nil, e.NewError(target.ID(), errTooLarge.Error())
			}
			return m.Expander()(e, target, args)
		}))
	}
	return bounded
}

// maxWork is how much there may be to an expression that is to be admitted: its nodes, times those of them that introduce
// types to be found. The checker goes through all types found so far at each node; this much is about a second.
const maxWork = 10_000_000

// errTooLarge is said of expressions that are not even checked.
var errTooLarge = errors.New("the expression is too large to be checked (try splitting it into several rules)")

// fits says whether an expression can be checked in reasonable time.
func fits(parsed *cel.Ast) bool {
	var nodes, generic uint64
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		nodes++
		switch e.Kind() {
		case ast.CallKind:
			switch e.AsCall().FunctionName() {
			case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
				return
			}
			generic++
		case ast.ListKind, ast.MapKind, ast.ComprehensionKind:
			generic++
		}
	}))
	return nodes*generic <= maxWork
}

// baseLibrary is the base environment's options, in the order in which the reference came to have them.
type baseLibrary struct{}

func (baseLibrary) CompileOptions() []cel.EnvOption {
	return []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true), // once here, not for every rule's environment
		cel.DefaultUTCTimeZone(true),
		library.URLs(),
		library.Regex(),
		library.Lists(),
		cel.CostEstimatorOptions(checker.PresenceTestHasCost(false)),
		library.Authz(),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		library.Quantity(),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(),
		),
		ext.Strings(ext.StringsVersion(2)),
		ext.Sets(),
		library.IP(),
		library.CIDR(),
		library.Format(),
		library.AuthzSelectors(),
		ext.TwoVarComprehensions(),
		library.SemverLib(library.SemverVersion(1)),
		ext.Lists(ext.ListsVersion(3)),
	}
}

// ProgramOptions is for tests: programs are planned elsewhere, with options that come to the same.
func (baseLibrary) ProgramOptions() []cel.ProgramOption {
	return []cel.ProgramOption{
		cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost),
		cel.CostLimit(perCallLimit),
		cel.CostTrackerOptions(interpreter.PresenceTestHasCost(false)),
		cel.CostTracking(&library.CostEstimator{}),
	}
}

// Environment is what all expressions may use, but for the bounds of macros.
func Environment() (*cel.Env, error) { return cel.NewEnv(cel.Lib(baseLibrary{})) }
