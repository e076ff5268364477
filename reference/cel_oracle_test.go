package reference

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/warning"
	"sigs.k8s.io/yaml"

	"github.com/pintle-io/pintle/internal/cel"
	pintle "github.com/pintle-io/pintle/internal/schema"
)

// celCorpus is testdata/cel.yaml: a schema, rules to put into it, and objects to run them on.
type celCorpus struct {
	Schema  apiextensionsv1.JSONSchemaProps
	Objects []celObject
	Rules   []celRule
	Schemas []apiextensionsv1.JSONSchemaProps // to be admitted or not, as they are
}

// celObject is an object, and the one that it replaces.
type celObject struct{ New, Old any }

// celRule are rules, and the path of properties ([]: items, {}: additionalProperties, &: the first of allOf) where they go.
type celRule struct {
	At      string
	Objects int // how many of the objects are enough, 0: all
	apiextensionsv1.ValidationRule
	Rules []apiextensionsv1.ValidationRule
}

func readCELCorpus(t testing.TB) *celCorpus {
	text, err := os.ReadFile("testdata/cel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c celCorpus
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

// with returns the corpus's schema with one entry of rules.
func (c *celCorpus) with(t testing.TB, r celRule) *apiextensionsv1.JSONSchemaProps {
	root := c.Schema.DeepCopy()
	rules := r.Rules
	if len(rules) == 0 {
		rules = []apiextensionsv1.ValidationRule{r.ValidationRule}
	}
	insertRules(t, root, r.At, rules)
	return root
}

func insertRules(t testing.TB, s *apiextensionsv1.JSONSchemaProps, at string, rules []apiextensionsv1.ValidationRule) {
	step, rest, _ := strings.Cut(at, ".")
	switch step {
	case "":
		s.XValidations = rules
	case "[]":
		insertRules(t, s.Items.Schema, rest, rules)
	case "{}":
		insertRules(t, s.AdditionalProperties.Schema, rest, rules)
	case "&":
		insertRules(t, &s.AllOf[0], rest, rules)
	default:
		p, ok := s.Properties[step]
		if !ok {
			t.Fatalf("no property %s", step)
		}
		insertRules(t, &p, rest, rules)
		s.Properties[step] = p
	}
}

func toTree(t testing.TB, v any) map[string]any {
	if v == nil {
		return nil
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	text, err = yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := utiljson.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// celSelfType is a name that is another one with each compilation.
var celSelfType = regexp.MustCompile(`selfType[0-9]+`)

// findings are errors as clients see them, sorted: the reference walks maps in any order.
func findings(errs field.ErrorList) []string {
	var out []string
	for _, e := range errs {
		out = append(out, celSelfType.ReplaceAllString(string(e.Type)+" "+e.Error(), "selfType"))
	}
	slices.Sort(out)
	return out
}

func internalProps(t testing.TB, p *apiextensionsv1.JSONSchemaProps) *apiextensions.JSONSchemaProps {
	var in apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(p, &in, nil); err != nil {
		t.Fatal(err)
	}
	return &in
}

type warnings []string

func (w *warnings) AddWarning(_, text string) { *w = append(*w, text) }

// TestCELRules runs each rule of the corpus on each object and compares errors and warnings with the reference's.
func TestCELRules(t *testing.T) {
	c := readCELCorpus(t)
	var objects [][2]map[string]any
	for _, o := range c.Objects {
		objects = append(objects, [2]map[string]any{toTree(t, o.New), toTree(t, o.Old)})
	}
	cases, failing := 0, 0
	for _, r := range c.Rules {
		p := c.with(t, r)
		s, err := schema.NewStructural(internalProps(t, p))
		if err != nil {
			t.Fatal(err)
		}
		want := schemacel.NewValidator(s, true, celconfig.PerCallLimit)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		custom, err := pintle.Compile(text, false)
		if err != nil {
			t.Fatal(err)
		}
		got := cel.NewValidator(pintle.RuleNode(custom.Root))
		for i, o := range objects {
			if r.Objects > 0 && i >= r.Objects {
				break
			}
			w, ww := referenceRules(want, s, o[0], o[1])
			errs, warned := got.Validate(context.Background(), o[0], o[1])
			slices.Sort(warned)
			g := findings(errs)
			cases++
			if len(w) > 0 {
				failing++
			}
			if d := cmp.Diff(w, g); d != "" {
				t.Errorf("%s: %s: object %d\n%s", r.At, r.Rule, i, d)
			}
			if d := cmp.Diff([]string(ww), warned); d != "" {
				t.Errorf("%s: %s: object %d: warnings\n%s", r.At, r.Rule, i, d)
			}
		}
	}
	t.Logf("%d cases, %d of them with errors", cases, failing)
}

func referenceRules(v *schemacel.Validator, s *schema.Structural, obj, old map[string]any) ([]string, warnings) {
	var w warnings
	ctx := warning.WithWarningRecorder(context.Background(), &w)
	if v == nil {
		return nil, nil
	}
	var opts []schemacel.Option
	var oldObj any
	if old != nil {
		opts = append(opts, schemacel.WithRatcheting(common.NewCorrelatedObject(obj, old, &model.Structural{Structural: s})))
		oldObj = old
	}
	errs, _ := v.Validate(ctx, nil, s, obj, oldObj, celconfig.RuntimeCELCostBudget, opts...)
	slices.Sort(w)
	return findings(errs), w
}

// TestCELAdmission compares what is said of rules when they are admitted.
func TestCELAdmission(t *testing.T) {
	c := readCELCorpus(t)
	refused := 0
	check := func(p *apiextensionsv1.JSONSchemaProps, what string) {
		crd := &apiextensions.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: "things.example.com"},
			Spec: apiextensions.CustomResourceDefinitionSpec{
				Group: "example.com", Version: "v1", Scope: apiextensions.NamespaceScoped,
				Names:      apiextensions.CustomResourceDefinitionNames{Plural: "things", Singular: "thing", Kind: "Thing", ListKind: "ThingList"},
				Versions:   []apiextensions.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true}},
				Validation: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: internalProps(t, p)},
			},
			Status: apiextensions.CustomResourceDefinitionStatus{StoredVersions: []string{"v1"}},
		}
		path := field.NewPath("spec", "validation", "openAPIV3Schema")
		var rules, others field.ErrorList
		structural := true
		for _, e := range validation.ValidateCustomResourceDefinition(context.Background(), crd) {
			switch {
			case !strings.HasPrefix(e.Field, path.String()):
			case strings.HasSuffix(e.Detail, "to be structural"):
				structural = false
			case strings.Contains(e.Field, "x-kubernetes-validations"), strings.Contains(e.Detail, "estimated rule cost total"):
				rules = append(rules, e)
			default:
				others = append(others, e)
			}
		}
		texts := ruleTexts(path, p)
		got := texts
		if structural {
			got = append(got, pintle.CheckRules(t.Context(), path, p, nil, slices.Concat(others, texts))...)
		}
		if len(rules) > 0 {
			refused++
		}
		if d := cmp.Diff(findings(rules), findings(got)); d != "" {
			t.Errorf("%s\n%s", what, d)
		}
	}
	for _, r := range c.Rules {
		check(c.with(t, r), r.At+": "+r.Rule)
	}
	for i := range c.Schemas {
		text, _ := yaml.Marshal(c.Schemas[i])
		check(&c.Schemas[i], string(text))
	}
	t.Logf("%d schemas, %d of them refused", len(c.Rules)+len(c.Schemas), refused)
}

// ruleTexts walks a schema as the validation of CustomResourceDefinitions does.
func ruleTexts(path *field.Path, s *apiextensionsv1.JSONSchemaProps) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := pintle.CheckRuleTexts(path, s)
	for name := range s.Properties {
		p := s.Properties[name]
		errs = append(errs, ruleTexts(path.Child("properties").Key(name), &p)...)
	}
	if s.AdditionalProperties != nil {
		errs = append(errs, ruleTexts(path.Child("additionalProperties"), s.AdditionalProperties.Schema)...)
	}
	if s.Items != nil {
		errs = append(errs, ruleTexts(path.Child("items"), s.Items.Schema)...)
	}
	for i := range s.AllOf {
		errs = append(errs, ruleTexts(path.Child("allOf").Index(i), &s.AllOf[i])...)
	}
	return errs
}

// TestCELEnvironments is for the day on which a release's new expressions may not use all that its stored ones may: as
// long as they may, one environment does for both.
func TestCELEnvironments(t *testing.T) {
	set := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	fresh, stored := set.NewExpressionsEnv(), set.StoredExpressionsEnv()
	ours, err := cel.Environment()
	if err != nil {
		t.Fatal(err)
	}
	for name := range stored.Functions() {
		if !fresh.HasFunction(name) {
			t.Errorf("new expressions have no %s", name)
		}
		if !ours.HasFunction(name) {
			t.Errorf("there is no %s", name)
		}
		var a, b []string
		for _, o := range stored.Functions()[name].OverloadDecls() {
			a = append(a, o.ID())
		}
		for _, o := range ours.Functions()[name].OverloadDecls() {
			b = append(b, o.ID())
		}
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if a, b := len(stored.Functions()), len(ours.Functions()); a != b {
		t.Errorf("%d functions, the reference has %d", b, a)
	}
	if a, b := len(stored.Macros()), len(ours.Macros()); a != b {
		t.Errorf("%d macros, the reference has %d", b, a)
	}
}
