package cel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cel"
	"github.com/pintle-io/pintle/internal/schema"
)

// nested is a schema with rules on each of so many levels, and a value of it.
func nested(levels int) (doc, value string) {
	return strings.Repeat(`{"type":"object","required":["a"],"x-kubernetes-validations":[{"rule":"has(self.a)"}],"properties":{"a":`, levels) +
			`{"type":"object"}` + strings.Repeat(`}}`, levels),
		strings.Repeat(`{"a":`, levels) + `{}` + strings.Repeat(`}`, levels)
}

// TestDeepRules holds the check of rules to a cost that grows as the schema does: three thousand levels took minutes when
// the types of all that is below were made anew on each.
func TestDeepRules(t *testing.T) {
	doc, value := nested(3000)
	lists := strings.Repeat(`{"type":"array","maxItems":1,"items":`, 1000) + `{"type":"object"}` + strings.Repeat(`,"x-kubernetes-validations":[{"rule":"size(self)<2"}]}`, 1000)
	began := time.Now()
	for _, doc := range []string{doc, `{"type":"object","properties":{"l":` + lists + `}}`} {
		if errs := schema.CheckRules(t.Context(), field.NewPath("s"), props(t, doc), nil, nil); len(errs) > 0 {
			t.Error(errs[:1])
		}
	}
	if errs, _ := validatorOf(t, doc).Validate(t.Context(), tree(t, value), nil); len(errs) > 0 {
		t.Error(errs[:1])
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("%v", d)
	}
}

// TestLargeRules refuses expressions that the checker would not be done with in any time, before it sees them.
func TestLargeRules(t *testing.T) {
	doc := func(rule string) string {
		return `{"type":"object","x-kubernetes-validations":[{"rule":"` + rule + `","message":"m"}]}`
	}
	for name, c := range map[string]struct {
		rule string
		bad  bool
	}{
		"a few copies":           {"optional.of(1)" + strings.Repeat(".optMap(x,x)", 5) + ".hasValue()", false},
		"copies of copies":       {"optional.of(1)" + strings.Repeat(".optMap(x,x)", 60) + ".hasValue()", true},
		"copies within copies":   {strings.Repeat("optional.of(", 40) + "1" + strings.Repeat(").optFlatMap(x,optional.of(x))", 40) + ".hasValue()", true},
		"equations":              {strings.Repeat("1==1||", 1000) + "true", false},
		"too many equations":     {strings.Repeat("1==1||", 15000) + "true", true},
		"a long list of numbers": {"2 in [" + strings.Repeat("1,", 20000) + "2]", false},
	} {
		began := time.Now()
		errs := schema.CheckRules(t.Context(), field.NewPath("s"), props(t, doc(c.rule)), nil, nil)
		if bad := len(errs) > 0; bad != c.bad {
			t.Errorf("%s: %.2000v", name, errs)
		} else if bad && !strings.Contains(errs[0].Detail, "the expression is too large to be checked") {
			t.Errorf("%s: %.300s", name, errs[0].Detail)
		}
		if d := time.Since(began); d > time.Minute {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// TestManyMistakes bounds what is said of rules: each mistake is shown in a copy of the whole expression.
func TestManyMistakes(t *testing.T) {
	var rules strings.Builder
	for i := range 20 {
		fmt.Fprintf(&rules, `{"rule":"z%d%s"},`, i, strings.Repeat("||z", 3000))
	}
	p := props(t, `{"type":"object","x-kubernetes-validations":[`+rules.String()+`{"rule":"true"}]}`)
	size := 0
	for _, e := range schema.CheckRules(t.Context(), field.NewPath("s"), p, nil, nil) {
		size += len(e.Detail)
	}
	if size < 1<<20 || size > 16<<20 {
		t.Errorf("%d bytes are said", size)
	}
}

// TestCheckEnds counts the rules that are looked at when their request ends: none, neither of a definition nor of an
// object, and those of the object are there for the next.
func TestCheckEnds(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	const bad = `{"type":"object","x-kubernetes-validations":[{"rule":"self.("},{"rule":"false"}]}`
	if errs := schema.CheckRules(ended, field.NewPath("s"), props(t, bad), nil, nil); len(errs) > 0 {
		t.Error(errs)
	}
	v := cel.NewValidator(schema.PropsNode(props(t, bad)))
	if errs, _ := v.Validate(ended, map[string]any{}, nil); len(errs) > 0 {
		t.Error(errs)
	}
	if errs, _ := v.Validate(t.Context(), map[string]any{}, nil); len(errs) != 2 {
		t.Error(errs)
	}
}
