package apiextensions

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// The whole of validation is compared with the reference in the module reference; these are its landmarks.

const good = `{"metadata":{"name":"foos.ex.com"},"spec":{"group":"ex.com","names":{"plural":"foos","kind":"Foo"},"scope":"Namespaced",
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`

// read is a definition as a request brings it, with defaults, in the stored version.
func read(t testing.TB, text string) *v1beta1.CustomResourceDefinition {
	t.Helper()
	crd := &v1.CustomResourceDefinition{}
	if err := json.Unmarshal([]byte(text), crd); err != nil {
		t.Fatal(err)
	}
	setDefaults(crd)
	out, err := convert(context.Background(), []object.Object{crd}, "apiextensions.k8s.io/v1beta1")
	if err != nil {
		t.Fatal(err)
	}
	return out[0].(*v1beta1.CustomResourceDefinition)
}

// edited is good with some of its text replaced.
func edited(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(good) }

func errorsOf(t *testing.T, text, old string) []string {
	t.Helper()
	c := &resource.Change{Op: resource.OpCreate, New: read(t, text), Now: time.Unix(100, 0)}
	if old != "" {
		was := read(t, old)
		c.Op, c.Old = resource.OpUpdate, was
		c.New.(*v1beta1.CustomResourceDefinition).Status = was.Status
	}
	if err := prepare(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range validate(context.Background(), c) {
		out = append(out, e.Error())
	}
	return out
}

func TestDefaults(t *testing.T) {
	crd := read(t, edited(`"scope"`, `"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"service":{"name":"s","namespace":"n"}}}},"scope"`))
	if n := crd.Spec.Names; n.Singular != "foo" || n.ListKind != "FooList" {
		t.Errorf("names %+v", n)
	}
	if p := crd.Spec.Conversion.WebhookClientConfig.Service.Port; p == nil || *p != 443 {
		t.Errorf("port %v", p)
	}
	if c := read(t, good).Spec.Conversion; c == nil || c.Strategy != v1beta1.NoneConverter {
		t.Errorf("conversion %+v", c)
	}
	if got := crd.Status.StoredVersions; !reflect.DeepEqual(got, []string{"v1"}) {
		t.Errorf("stored versions %v", got)
	}
}

func TestValidate(t *testing.T) {
	const root = "spec.validation.openAPIV3Schema"
	schema := func(s string) string { return edited(`{"type":"object"}`, s) }
	for _, tc := range []struct {
		name, crd string
		want      []string
	}{
		{"good", good, nil},
		{"group", edited("ex.com", "com"), []string{`spec.group: Invalid value: "com": should be a domain with at least one dot`}},
		{"scope", edited("Namespaced", ""), []string{"spec.scope: Required value"}},
		{"no schema", edited(`,"schema":{"openAPIV3Schema":{"type":"object"}}`, ""), []string{"spec.versions[0].schema.openAPIV3Schema: Required value"}},
		{"one name twice", edited(`"versions":[`, `"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}},`), []string{
			`spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must contain unique version names`,
			`spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version`,
			`status.storedVersions: Invalid value: ["v1"]: must have the storage version v1`}},
		{"no type", schema(`{"type":"object","properties":{"a":{}}}`), []string{root + ".properties[a].type: Required value: must not be empty for specified object fields"}},
		{"reference", schema(`{"type":"object","properties":{"a":{"$ref":"#"}}}`), []string{root + ".properties[a].$ref: Forbidden: $ref is not supported"}},
		{"dialect", schema(`{"type":"object","$schema":"x"}`), []string{root + `: Invalid value: "": OpenAPIV3Schema 'schema' is not supported`}},
		{"pattern", schema(`{"type":"object","properties":{"a":{"type":"string","pattern":"(a"}}}`), []string{
			root + ".properties[a].pattern: Invalid value: \"(a\": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(a`"}},
		{"key without value", schema(`{"type":"object","properties":{"a":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object","properties":{"k":{"type":"string"}}}}}}`), []string{
			root + ".properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"}},
		{"selected list", edited(`{"type":"object"}}`, `{"type":"object"}},"selectableFields":[{"jsonPath":".a[0]"}]`), []string{
			`spec.selectableFields[0].jsonPath: Invalid value: ".a[0]": is an invalid path: does not refer to a valid field`}},
		{"community", edited("ex.com", "x.k8s.io"), []string{
			`metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111`}},
	} {
		if got := errorsOf(t, tc.crd, ""); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
}

func TestNameFits(t *testing.T) {
	if msgs := nameFits(read(t, good), "foos.ex.com"); msgs != nil {
		t.Error(msgs)
	}
	if msgs := nameFits(read(t, good), "foos"); len(msgs) != 1 {
		t.Error(msgs)
	}
}

func TestRatchet(t *testing.T) {
	bad := edited(`{"type":"object"}`, `{"type":"object","properties":{"a":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"object"}}}}`)
	if errs := errorsOf(t, bad, ""); len(errs) == 0 {
		t.Error("a set of granular objects is created")
	}
	if errs := errorsOf(t, bad, bad); errs != nil {
		t.Errorf("what was stored may stay: %q", errs)
	}
	// Names may change until the definition is established; the storage version may not go.
	want := "status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions"
	if errs := errorsOf(t, edited("Foo", "Bar", `"v1"`, `"v2"`), good); !reflect.DeepEqual(errs, []string{want}) {
		t.Errorf("got %q", errs)
	}
}

func TestWarn(t *testing.T) {
	text := edited(`{"type":"object"}`, `{"type":"object","properties":{"a":{"type":"string","format":"wat"},"b":{"type":"string","format":"date-time"},"c":{"type":"integer","format":"wat"}}}`)
	c := &resource.Change{Op: resource.OpCreate, New: read(t, text)}
	if got := warn(context.Background(), c); !reflect.DeepEqual(got, []string{`unrecognized format "wat"`}) {
		t.Errorf("got %q", got)
	}
	c.Op, c.Old = resource.OpUpdate, read(t, text)
	if got := warn(context.Background(), c); got != nil {
		t.Errorf("got %q for what was there", got)
	}
}

func TestDeleting(t *testing.T) {
	old := read(t, good)
	old.Finalizers = []string{"a"}
	crd := old.DeepCopy()
	crd.Finalizers = append(crd.Finalizers, "orphan")
	c := &resource.Change{Op: resource.OpDelete, Old: old, New: crd, Now: time.Unix(100, 0)}
	if keep, err := deleting(context.Background(), c); !keep || err != nil {
		t.Fatal(keep, err)
	}
	if !reflect.DeepEqual(crd.Finalizers, []string{"a", v1beta1.CustomResourceCleanupFinalizer}) {
		t.Errorf("finalizers %v", crd.Finalizers)
	}
	if len(crd.Status.Conditions) != 1 || crd.Status.Conditions[0].Type != v1beta1.Terminating || crd.Status.Conditions[0].LastTransitionTime.Unix() != 100 {
		t.Errorf("conditions %+v", crd.Status.Conditions)
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{`1.0`: `1`, ` {"b":1e3, "a":"<"}`: `{"a":"\u003c","b":1000}`, `"x"`: `"x"`, `12`: `12`, `[]`: `[]`, `12345678901234567890`: `12345678901234567000`, `"\u0041"`: `"A"`, `-0`: `0`} {
		v := v1beta1.JSON{Raw: []byte(in)}
		if err := canonicalValue(&v); err != nil || string(v.Raw) != want {
			t.Errorf("%s: %s, %v, want %s", in, v.Raw, err, want)
		}
	}
}

// TestBadInput bounds what a hostile definition may cost.
func TestBadInput(t *testing.T) {
	nest := func(open, inner, end string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(end, depth)
	}
	var wide, versions strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&wide, `"p%d":{"type":"string","pattern":"^(a+)+$","anyOf":[{"minLength":1},{"maxLength":%d}]},`, i, i)
	}
	for i := range 500 {
		fmt.Fprintf(&versions, `{"name":"v%d","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","properties":{"f%d":{"type":"string"}}}}},`, i+2, i)
	}
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	list := `{"type":"object","properties":{"a":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":[` + many(200000, `"k%d",`) + many(200000, `"k%d",`) + `"k"],"items":{"type":"object","required":[` + many(200000, `"k%d",`) + `"k"],"properties":{"k":{"type":"string"}}}}}}`
	for name, text := range map[string]string{
		"keys":      edited(`{"type":"object"}`, list),
		"formats":   edited(`{"type":"object"}`, `{"type":"object","properties":{`+many(60000, `"p%[1]d":{"type":"string","format":"f%[1]d"},`)+`"z":{"type":"string"}}}`),
		"patterns":  edited(`{"type":"object"}`, `{"type":"object","properties":{`+many(20000, `"p%[1]d":{"type":"string","pattern":"(((a{10}){10}){5})b"},`)+`"z":{"type":"string"}}}`),
		"stored":    edited(`"versions":[`, `"versions":[`+many(30000, `{"name":"v%d","served":true,"storage":true,"subresources":{"status":{}}},`)),
		"shown":     edited(`{"type":"object"}}`, `{"type":"object","nullable":true,"x-kubernetes-int-or-string":true,"properties":{`+many(100000, `"p%d":{},`)+`"z":{}}}},"subresources":{"status":{}}`),
		"deep":      edited(`{"type":"object"}`, nest(`{"type":"object","properties":{"a":`, `{"type":"object"}`, `}}`, 2000)),
		"deep not":  edited(`{"type":"object"}`, `{"type":"object","not":`+nest(`{"allOf":[{"anyOf":[`, `{}`, `]}]}`, 1000)+`}`),
		"wide":      edited(`{"type":"object"}`, `{"type":"object","properties":{`+wide.String()+`"z":{"type":"string"}}}`),
		"versions":  edited(`"versions":[`, `"versions":[`+versions.String()),
		"bad depth": edited(`{"type":"object"}`, nest(`{"properties":{"a":`, `{}`, `}}`, 4000)),
	} {
		began := time.Now()
		errs := errorsOf(t, text, "")
		warn(context.Background(), &resource.Change{New: read(t, text)})
		size := 0
		for _, e := range errs {
			size += len(e)
		}
		if size > 64<<20 {
			t.Errorf("%s has %d bytes of errors", name, size)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		t.Logf("%s: %d bytes, %d errors of %d bytes in %v", name, len(text), len(errs), size, time.Since(began))
	}
}

func definition60() string {
	var b strings.Builder
	for i := range 60 {
		if i > 0 {
			b.WriteByte(',')
		}
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, `"f%d":{"type":"string","description":"a field","default":"x","pattern":"^[a-z]+$"}`, i)
		case 1:
			fmt.Fprintf(&b, `"f%d":{"type":"integer","format":"int32","minimum":0,"description":"a field"}`, i)
		case 2:
			fmt.Fprintf(&b, `"f%d":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set","description":"a field"}`, i)
		case 3:
			fmt.Fprintf(&b, `"f%d":{"type":"object","properties":{"a":{"type":"string"},"b":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]}}}`, i)
		}
	}
	return edited(`{"type":"object"}`, `{"type":"object","properties":{"spec":{"type":"object","properties":{`+b.String()+`}},"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}`)
}

// BenchmarkValidate60 is all that these hooks do for a definition of 60 fields, after it was decoded.
func BenchmarkValidate60(b *testing.B) {
	text := []byte(definition60())
	src := &v1.CustomResourceDefinition{}
	if err := json.Unmarshal(text, src); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		crd := src.DeepCopy()
		setDefaults(crd)
		out, err := convert(context.Background(), []object.Object{crd}, "apiextensions.k8s.io/v1beta1")
		if err != nil {
			b.Fatal(err)
		}
		c := &resource.Change{Op: resource.OpCreate, New: out[0]}
		if err := prepare(context.Background(), c); err != nil {
			b.Fatal(err)
		}
		if errs := validate(context.Background(), c); len(errs) > 0 {
			b.Fatal(errs)
		}
		warn(context.Background(), c)
	}
}

// BenchmarkCodec60 is reading and writing the same definition, as it is stored.
func BenchmarkCodec60(b *testing.B) {
	v := Resources(resource.Deps{})[0].Storage()
	crd := &v1beta1.CustomResourceDefinition{}
	if err := json.Unmarshal([]byte(definition60()), crd); err != nil {
		b.Fatal(err)
	}
	stored, _, err := v.Codec.EncodeStored(crd)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Codec.DecodeStored(stored, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := v.Codec.EncodeStored(crd); err != nil {
				b.Fatal(err)
			}
		}
	})
}
