package cel

import (
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
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
	return cel.NewEnv(cel.Lib(baseLibrary{}))
})

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

// Environment is what all expressions may use, for tests.
func Environment() (*cel.Env, error) { return baseEnv() }
