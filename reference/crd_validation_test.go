package reference

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/builtin"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// crdOracle judges definitions as the reference does.
type crdOracle struct {
	scheme *runtime.Scheme
	codecs serializer.CodecFactory
}

func newCRDOracle() *crdOracle {
	s := runtime.NewScheme()
	install.Install(s)
	return &crdOracle{s, serializer.NewCodecFactory(s)}
}

func (o *crdOracle) decode(data []byte) (*apiextensions.CustomResourceDefinition, error) {
	obj, err := runtime.Decode(o.codecs.UniversalDecoder(apiextensions.SchemeGroupVersion), data)
	if err != nil {
		return nil, err
	}
	return obj.(*apiextensions.CustomResourceDefinition), nil
}

// crdVerdict is what becomes of a request: the errors, or else the warnings and what is stored.
type crdVerdict struct {
	errs     []string
	warnings []string
	stored   string
}

// differs says where two verdicts differ.
func (v crdVerdict) differs(w crdVerdict) string {
	out := ""
	for _, d := range []struct {
		name   string
		v, not []string
	}{{"too much", v.errs, w.errs}, {"missing", w.errs, v.errs}, {"too much", v.warnings, w.warnings}, {"missing", w.warnings, v.warnings}} {
		for _, e := range d.v {
			if !slices.Contains(d.not, e) {
				out += "\n " + d.name + ": " + e
			}
		}
	}
	if out == "" && !slices.Equal(v.errs, w.errs) {
		out = fmt.Sprintf("\n %q\n %q", v.errs, w.errs)
	}
	if !sameDocument(v.stored, w.stored) {
		out += "\n stored " + v.stored + "\n not    " + w.stored
	}
	return out
}

// noType is the finding that a value is of none of the mutants' types that do not exist.
var noType = regexp.MustCompile(` in body must be of type (Bad Word|[A-Z]+|[a-z]+x{70}|file|null): `)

// crdSelfType is what CEL calls the type of an object, with a number at random.
var crdSelfType = regexp.MustCompile(`selfType\d+`)

// sortedErrors lists errors in an order that does not depend on that of maps.
func sortedErrors(errs field.ErrorList) []string {
	var out []string
	for _, e := range errs {
		out = append(out, string(e.Type)+" "+crdSelfType.ReplaceAllString(e.Error(), "selfType"))
	}
	slices.Sort(out)
	return out
}

func (o *crdOracle) judge(data, oldData []byte, established bool) (v crdVerdict, err error) {
	ctx := context.Background()
	crd, err := o.decode(data)
	if err != nil {
		return v, err
	}
	s := customresourcedefinition.NewStrategy(o.scheme)
	var errs field.ErrorList
	if oldData == nil {
		s.PrepareForCreate(ctx, crd)
		errs = s.Validate(ctx, crd)
		v.warnings = s.WarningsOnCreate(ctx, crd)
	} else {
		old, err := o.decode(oldData)
		if err != nil {
			return v, err
		}
		s.PrepareForCreate(ctx, old)
		if established {
			old.Status.Conditions = []apiextensions.CustomResourceDefinitionCondition{{Type: apiextensions.Established, Status: apiextensions.ConditionTrue}}
		}
		old.ResourceVersion, crd.ResourceVersion = "1", "1"
		crd.Generation = 1
		s.PrepareForUpdate(ctx, crd, old)
		errs = s.ValidateUpdate(ctx, crd, old)
		v.warnings = s.WarningsOnUpdate(ctx, crd, old)
	}
	if v.errs = sortedErrors(errs); v.errs != nil {
		v.warnings = nil
		return v, nil
	}
	slices.Sort(v.warnings)
	v.warnings = slices.Compact(v.warnings)
	crd.ResourceVersion = ""
	text, err := runtime.Encode(o.codecs.LegacyCodec(v1beta1.SchemeGroupVersion), crd)
	v.stored = string(text)
	return v, err
}

// crdSubject judges them as pintle does.
type crdSubject struct{ r *resource.Resource }

func newCRDSubject(t testing.TB) crdSubject {
	for _, r := range builtin.All(resource.Deps{}) {
		if r.Names.Kind == "CustomResourceDefinition" {
			return crdSubject{r}
		}
	}
	t.Fatal("no CustomResourceDefinition")
	return crdSubject{}
}

func (s crdSubject) decode(data []byte) (object.Object, error) {
	v := &s.r.Versions[0]
	obj, _, err := v.Codec.Decode(object.JSON, data, false)
	if err != nil {
		return nil, err
	}
	v.Default(obj)
	return resource.Convert(context.Background(), obj, v, s.r.Storage())
}

func (s crdSubject) judge(data, oldData []byte, established bool) (v crdVerdict, err error) {
	ctx := context.Background()
	obj, err := s.decode(data)
	if err != nil {
		return v, err
	}
	c := &resource.Change{Req: &request.Request{}, Op: resource.OpCreate, Resource: s.r, Version: &s.r.Versions[0], New: obj, Now: time.Now()}
	resource.ClearPaths(obj, s.r.Rules.CreateReset)
	obj.SetGeneration(1)
	var errs field.ErrorList
	if oldData != nil {
		old, err := s.decode(oldData)
		if err != nil {
			return v, err
		}
		oldCRD := old.(*v1beta1.CustomResourceDefinition)
		resource.ClearPaths(old, s.r.Rules.CreateReset)
		oldCRD.Generation = 1
		if err := s.r.Prepare(ctx, &resource.Change{Op: resource.OpCreate, New: old}); err != nil {
			return v, err
		}
		if established {
			oldCRD.Status.Conditions = []v1beta1.CustomResourceDefinitionCondition{{Type: v1beta1.Established, Status: v1beta1.ConditionTrue}}
		}
		oldCRD.ResourceVersion = "1"
		obj.SetResourceVersion("1")
		c.Op, c.Old = resource.OpUpdate, old
		resource.CopyPaths(obj, old, s.r.Rules.Reset)
		errs = apivalidation.ValidateObjectMetaAccessorUpdate(obj, old, field.NewPath("metadata"))
		if !resource.EqualPaths(obj, old, s.r.Rules.Generation) {
			obj.SetGeneration(2)
		}
	} else {
		errs = apivalidation.ValidateObjectMetaAccessor(obj, false, func(name string, prefix bool) []string {
			return append(apivalidation.NameIsDNSSubdomain(name, prefix), s.r.Rules.NameFits(obj, name)...)
		}, field.NewPath("metadata"))
	}
	if err := s.r.Prepare(ctx, c); err != nil {
		return v, err
	}
	errs = append(errs, s.r.Validate(ctx, c)...)
	if v.errs = sortedErrors(errs); v.errs != nil {
		return v, nil
	}
	v.warnings = s.r.Warn(ctx, c)
	slices.Sort(v.warnings)
	obj.SetResourceVersion("")
	text, _, err := s.r.Storage().Codec.EncodeStored(obj)
	v.stored = string(text)
	return v, err
}

// same compares two verdicts, and a request that cannot be decoded at all.
func (v crdVerdict) same(w crdVerdict) bool {
	return slices.Equal(v.errs, w.errs) && slices.Equal(v.warnings, w.warnings) && sameDocument(v.stored, w.stored)
}

func sameDocument(a, b string) bool {
	if strings.TrimSpace(a) == strings.TrimSpace(b) {
		return true
	}
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// crdMutants yields a document again and again with one thing wrong with it, and what that is.
func crdMutants(doc any, yield func(what string, doc any)) {
	var visit func(v any, path string, set func(any))
	visit = func(v any, path string, set func(any)) {
		for what, with := range map[string]any{"null": nil, "empty": "", "word": "Bad Word", "number": json.Number("7"), "negative": json.Number("-1"),
			"true": true, "false": false, "list": []any{}, "object": map[string]any{}, "schema": map[string]any{"type": "object", "nullable": true}} {
			set(with)
			yield(path+" = "+what, doc)
		}
		set(v)
		switch v := v.(type) {
		case map[string]any:
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				old := v[k]
				delete(v, k)
				yield(path+" without "+k, doc)
				v[k] = old
				visit(old, path+"."+k, func(x any) { v[k] = x })
			}
			for k, with := range crdAdditions {
				if _, has := v[k]; has {
					continue
				}
				for i, w := range with {
					v[k] = w
					yield(fmt.Sprintf("%s with %s %d", path, k, i), doc)
				}
				delete(v, k)
			}
		case []any:
			for i := range v {
				rest := append(slices.Clone(v[:i]), v[i+1:]...)
				set(rest)
				yield(fmt.Sprintf("%s without [%d]", path, i), doc)
				set(append(slices.Clone(v), v[i]))
				yield(fmt.Sprintf("%s with [%d] twice", path, i), doc)
				set(v)
				visit(v[i], fmt.Sprintf("%s[%d]", path, i), func(x any) { v[i] = x })
			}
		case string:
			set(strings.ToUpper(v))
			yield(path+" in capitals", doc)
			set(v + strings.Repeat("x", 70))
			yield(path+" long", doc)
			set(v)
		}
	}
	top := doc.(map[string]any)
	for _, k := range []string{"metadata", "spec"} {
		visit(top[k], k, func(x any) { top[k] = x })
	}
}

func crdFields(kv ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1]
	}
	return m
}

// crdAdditions are fields that are tried wherever they are not.
var crdAdditions = map[string][]any{
	"id": {"x"}, "$schema": {"x"}, "$ref": {"#/x", ""}, "default": {"x", json.Number("1"), crdFields("a", "b"), []any{"x"}}, "uniqueItems": {true}, "nullable": {true},
	"patternProperties": {crdFields("a", crdFields("type", "string")), crdFields()}, "definitions": {crdFields("a", crdFields("type", "string"))}, "dependencies": {crdFields("a", []any{"b"}), crdFields()},
	"additionalItems": {true}, "format": {"int32", "wat", "date-time", "k8s-short-name"}, "pattern": {"(", "a{1001}", "^a+$"},
	"additionalProperties": {true, false, crdFields("type", "string"), crdFields("default", "x", "type", "string")}, "properties": {crdFields("metadata", crdFields("type", "object")), crdFields("kind", crdFields("type", "integer")), crdFields()},
	"items": {crdFields("type", "string"), []any{crdFields("type", "string")}}, "x-kubernetes-preserve-unknown-fields": {true, false}, "x-kubernetes-embedded-resource": {true},
	"x-kubernetes-int-or-string": {true}, "x-kubernetes-list-type": {"atomic", "set", "map", "bag"}, "x-kubernetes-list-map-keys": {[]any{"name"}, []any{"nope", "nope"}},
	"x-kubernetes-map-type": {"atomic", "granular", "none"}, "not": {crdFields("type", "string"), crdFields("required", []any{"x"})},
	"anyOf": {[]any{crdFields("type", "integer"), crdFields("type", "string")}, []any{crdFields("properties", crdFields("zzz", crdFields("pattern", "[")))}, []any{}},
	"allOf": {[]any{crdFields("anyOf", []any{crdFields("type", "integer"), crdFields("type", "string")}, "description", "x")}, []any{crdFields("items", crdFields("minimum", json.Number("1")))}},
	"oneOf": {[]any{crdFields("additionalProperties", true), crdFields("additionalProperties", false), crdFields("title", "x", "nullable", true)}},
	"enum":  {[]any{nil, json.Number("1.0"), "<&>"}, []any{}}, "deprecationWarning": {"w", "", "bell\a", strings.Repeat("x", 300)}, "deprecated": {true},
	"selectableFields":      {[]any{crdFields("jsonPath", ".spec.color"), crdFields("jsonPath", ".spec.color")}, []any{crdFields("jsonPath", "spec")}, []any{crdFields("jsonPath", ".metadata.name"), crdFields("jsonPath", ".spec"), crdFields("jsonPath", ".spec.list[0]"), crdFields("jsonPath", ".a.")}},
	"preserveUnknownFields": {true}, "conversion": {crdFields("strategy", "Webhook"), crdFields("strategy", "Webhook", "webhook", crdFields("conversionReviewVersions", []any{"v9", "v9", "V"}, "clientConfig", crdFields("url", "http://u:p@/x?y#z")))},
	"shortNames": {[]any{"ok", "Not ok"}}, "categories": {[]any{"ok", "not_ok"}}, "scale": {crdFields("specReplicasPath", ".x", "statusReplicasPath", "y", "labelSelectorPath", ".z")},
	"annotations":  {crdFields("api-approved.kubernetes.io", "https://x/y"), crdFields("api-approved.kubernetes.io", "unapproved, really"), crdFields("api-approved.kubernetes.io", "maybe")},
	"generateName": {"foos-"}, "type": {"string", "object", "array", "null", "file"}, "required": {[]any{"name"}, []any{}},
}

func (o *crdOracle) compare(t *testing.T, s crdSubject, what string, data, old []byte, established bool) bool {
	want, wantErr := o.safely(data, old, established)
	got, gotErr := s.judge(data, old, established)
	if wantErr != nil || gotErr != nil {
		if wantErr == errPanic {
			return true
		}
		if (wantErr == nil) != (gotErr == nil) {
			t.Errorf("%s: decoded %v, reference %v\n%s", what, gotErr, wantErr, data)
		}
		return false
	}
	// What the reference calls an internal error is a rule below a type that does not exist, which is refused anyway.
	if slices.ContainsFunc(want.errs, func(e string) bool { return strings.HasPrefix(e, string(field.ErrorTypeInternal)) }) && len(got.errs) > 0 {
		return true
	}
	// That a default is not of a type that does not exist is told by the reference alone.
	if n := len(want.errs); n > 0 {
		want.errs = slices.DeleteFunc(want.errs, noType.MatchString)
		if len(want.errs) < n && len(want.errs) == 0 {
			return true
		}
	}
	if !got.same(want) {
		t.Errorf("%s:%s\n%s\nold %s", what, got.differs(want), data, old)
	}
	return true
}

var errPanic = fmt.Errorf("the reference panics")

// safely survives those definitions at which the reference does not.
func (o *crdOracle) safely(data, old []byte, established bool) (v crdVerdict, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errPanic
		}
	}()
	return o.judge(data, old, established)
}

func crdDocs(t *testing.T) []any {
	var docs []any
	for _, text := range crdExamples {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	return docs
}

// crdEvery thins the mutants out: all of them take minutes.
var crdEvery = flag.Int("crd-every", 7, "judge every n-th of the mutants of definitions")

func TestCRDValidationCreate(t *testing.T) {
	o, s := newCRDOracle(), newCRDSubject(t)
	n, i := 0, 0
	for _, doc := range crdDocs(t) {
		crdMutants(doc, func(what string, doc any) {
			if i++; i%*crdEvery != 0 {
				return
			}
			data, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if o.compare(t, s, what, data, nil, false) {
				n++
			}
		})
	}
	t.Logf("%d definitions", n)
}

func TestCRDValidationUpdate(t *testing.T) {
	o, s := newCRDOracle(), newCRDSubject(t)
	n := 0
	for _, doc := range crdDocs(t) {
		good, _ := json.Marshal(doc)
		i := 0
		crdMutants(doc, func(what string, doc any) {
			if i++; i%*crdEvery != 0 {
				return
			}
			bad, _ := json.Marshal(doc)
			again := bytes.Replace(bad, []byte(`"metadata":{`), []byte(`"metadata":{"labels":{"a":"b"},`), 1)
			for _, e := range []bool{false, true} {
				o.compare(t, s, "to "+what, bad, good, e)
				o.compare(t, s, "from "+what, good, bad, e)
				if o.compare(t, s, "stays "+what, again, bad, e) {
					n += 3
				}
			}
		})
	}
	t.Logf("%d updates", n)
}
