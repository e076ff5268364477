package cel_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cel"
	"github.com/pintle-io/pintle/internal/corpus"
	"github.com/pintle-io/pintle/internal/schema"
)

// The comparison with the reference is in reference/cel_oracle_test.go; these are the cases to read.

func tree(t testing.TB, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v map[string]any
	if err := utiljson.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func props(t testing.TB, text string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	var p apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestValidate(t *testing.T) {
	const list = `{"type": "object", "properties": {"l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
		"items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": {"type": "integer"}},
		"x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "must not shrink", "fieldPath": ".v"}]}}}}`
	spec := func(rule string) string {
		return `{"type": "object", "properties": {"spec": {"type": "object", "properties": {"i": {"type": "integer"}, "name-space": {"type": "string"}},
			"x-kubernetes-validations": [` + rule + `]}}}`
	}
	for _, c := range []struct {
		name, schema, obj, old string
		errs, warnings         []string
	}{
		{name: "holds", schema: spec(`{"rule": "self.i > 1"}`), obj: `{"spec": {"i": 2}}`},
		{name: "fails", schema: spec(`{"rule": "self.i > 1"}`), obj: `{"spec": {"i": 1}}`,
			errs: []string{`spec: Invalid value: failed rule: self.i > 1`}},
		{name: "message, path and reason", schema: spec(`{"rule": "self.i > 1", "messageExpression": "'got ' + string(self.i)", "fieldPath": ".i", "reason": "FieldValueForbidden"}`),
			obj: `{"spec": {"i": 1}}`, errs: []string{`spec.i: Forbidden: got 1`}},
		{name: "fails on what does not change", schema: spec(`{"rule": "self.i > 1"}`), obj: `{"spec": {"i": 1}}`, old: `{"spec": {"i": 1}}`,
			warnings: []string{`spec: Invalid value: failed rule: self.i > 1`}},
		{name: "a missing field", schema: spec(`{"rule": "self.i > 1"}`), obj: `{"spec": {}}`,
			errs: []string{`spec: Invalid value: "object": no such key: i evaluating rule: self.i > 1`}},
		{name: "an escaped name", schema: spec(`{"rule": "self.name__dash__space == 'a'"}`), obj: `{"spec": {"name-space": "a"}}`},
		{name: "transition without a past", schema: spec(`{"rule": "self.i > oldSelf.i"}`), obj: `{"spec": {"i": 1}}`},
		{name: "optionalOldSelf", schema: spec(`{"rule": "oldSelf.hasValue()", "optionalOldSelf": true}`), obj: `{"spec": {"i": 1}}`,
			errs: []string{`spec: Invalid value: failed rule: oldSelf.hasValue()`}},
		{name: "elements correspond by key", schema: list, obj: `{"l": [{"k": "b", "v": 1}, {"k": "a", "v": 1}]}`, old: `{"l": [{"k": "a", "v": 2}, {"k": "b", "v": 1}]}`,
			errs: []string{`l[1].v: Invalid value: must not shrink`}},
		{name: "a bomb", schema: spec(`{"rule": "` + bomb + `"}`), obj: `{"spec": {"i": 1}}`,
			errs: []string{`spec: Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ` + bomb}},
	} {
		t.Run(c.name, func(t *testing.T) {
			errs, warnings := validatorOf(t, c.schema).Validate(t.Context(), tree(t, c.obj), tree(t, c.old))
			var got []string
			for _, e := range errs {
				got = append(got, e.Error())
			}
			if !slices.Equal(got, c.errs) || !slices.Equal(warnings, c.warnings) {
				t.Errorf("errors %q, warnings %q", got, warnings)
			}
		})
	}
}

var bomb = func() string {
	b := "a + b + c + d + e + f >= 0"
	for _, v := range []string{"f", "e", "d", "c", "b", "a"} {
		b = "[0,1,2,3,4,5,6,7,8,9].all(" + v + ", " + b + ")"
	}
	return b
}()

func TestCheck(t *testing.T) {
	at := func(rule string) string {
		return `{"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string", "x-kubernetes-validations": [` + rule + `]}}}}`
	}
	const path = `properties[l].items.x-kubernetes-validations[0]`
	for _, c := range []struct {
		name, schema string
		errs         []string // what they begin with
	}{
		{name: "good", schema: at(`{"rule": "self.size() < 3", "message": "short"}`)},
		{name: "no bool", schema: at(`{"rule": "self"}`), errs: []string{path + `.rule: Invalid value: {"Rule":"self","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool`}},
		{name: "no expression", schema: at(`{"rule": "self.("}`), errs: []string{path + `.rule: Invalid value: {"Rule":"self.(",`}},
		{name: "dear", schema: at(`{"rule": "self.contains('x')"}`), errs: []string{
			path + `.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
			path + `.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
			`s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x`}},
		{name: "nothing to compare with", schema: at(`{"rule": "self == oldSelf"}`), errs: []string{
			path + `.rule: Forbidden: estimated rule cost exceeds budget`,
			path + `.rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[l]`}},
		{name: "optional for nothing", schema: at(`{"rule": "true", "optionalOldSelf": true}`), errs: []string{path + `.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`}},
		{name: "deep", schema: at(`{"rule": "` + strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000) + `"}`), errs: []string{path + `.rule: Invalid value: {"Rule":"((((`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := props(t, c.schema)
			errs := schema.CheckRules(t.Context(), field.NewPath("s"), p, nil, nil)
			if len(errs) < len(c.errs) || len(c.errs) == 0 && len(errs) > 0 {
				t.Fatal(errs)
			}
			for i, want := range c.errs {
				if got := strings.TrimPrefix(errs[i].Error(), "s."); !strings.HasPrefix(got, want) {
					t.Errorf("%s\nwant %s", got, want)
				}
			}
			for _, e := range schema.CheckRules(t.Context(), field.NewPath("s"), p, p, nil) {
				if strings.Contains(e.Error(), "estimated rule cost exceeds") {
					t.Errorf("although nothing changes: %v", e)
				}
			}
		})
	}
}

// TestConcurrent is for the race detector: a validator compiles while others run it.
func TestConcurrent(t *testing.T) {
	v, obj := validatorOf(t, benchSchema), tree(t, benchObject)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if errs, _ := v.Validate(t.Context(), obj, obj); len(errs) > 0 {
				t.Error(errs)
			}
		})
	}
	all.Wait()
}

// FuzzRule admits an expression and runs it: neither panics, and the limits end what would not end.
func FuzzRule(f *testing.F) {
	for text := range strings.Lines(fuzzSeeds) {
		f.Add(strings.TrimSpace(text), `{"i": 1, "s": "a", "l": ["a"], "m": {"k": "v"}, "x": {"y": 1}}`)
	}
	corpus.Add(f)
	f.Fuzz(func(t *testing.T, rule, object string) {
		quoted, _ := json.Marshal(rule)
		doc := `{"type": "object", "properties": {"i": {"type": "integer"}, "s": {"type": "string", "maxLength": 10},
			"l": {"type": "array", "maxItems": 10, "x-kubernetes-list-type": "set", "items": {"type": "string", "maxLength": 10}},
			"m": {"type": "object", "maxProperties": 10, "additionalProperties": {"type": "string", "maxLength": 10}},
			"x": {"x-kubernetes-preserve-unknown-fields": true, "type": "object"}, "o": {"x-kubernetes-int-or-string": true}},
			"x-kubernetes-validations": [{"rule": ` + string(quoted) + `, "messageExpression": ` + string(quoted) + `, "fieldPath": ` + string(quoted) + `}]}`
		p := props(t, doc)
		errs := schema.CheckRuleTexts(nil, p)
		if schema.CheckRules(t.Context(), nil, p, nil, errs); len(rule) > 1000 {
			return
		}
		var obj map[string]any
		if utiljson.Unmarshal([]byte(object), &obj) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		v := cel.NewValidator(schema.PropsNode(p))
		v.Validate(ctx, obj, nil)
		v.Validate(ctx, obj, obj)
	})
}

const fuzzSeeds = `self.i > 1 && self.s.startsWith('a')
self.l.all(x, x in oldSelf.l) || has(self.m)
self.m.exists(k, self.m[k] == "v") && self.x == oldSelf.x
type(self.o) == int ? self.o > 1 : self.o.matches("[0-9]+%")
self.l + oldSelf.l == self.l && self.?s.orValue("") != ""
[1, 2].map(x, x * 2).sum() == 6 ? quantity("1k").isInteger() : url("http://a").getHost() == "a"
"%s".format([self.s]) == self.s && timestamp("2020-01-01T00:00:00Z") > timestamp("2019-01-01T00:00:00Z")
'got ' + self.s
.m['a.b']`
