package schema

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/object"
)

func compileJSON(t testing.TB, doc string) *Custom {
	t.Helper()
	c, err := Compile([]byte(doc), false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func decode(t testing.TB, doc string) map[string]any {
	t.Helper()
	v, err := object.DecodeValue([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

const widgetSchema = `{"type":"object","properties":{"spec":{"type":"object","required":["size"],"properties":{
	"size":{"type":"integer","minimum":1,"maximum":10,"default":3},
	"color":{"type":"string","enum":["red","green"],"nullable":true},
	"name":{"type":"string","pattern":"^[a-z]+$","maxLength":5},
	"port":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]},
	"free":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"known":{"type":"object","properties":{"a":{"type":"string"}}}}},
	"labels":{"type":"object","additionalProperties":{"type":"string"}},
	"tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
	"ports":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],"items":{"type":"object","required":["name"],"properties":{
		"name":{"type":"string"},"protocol":{"type":"string","default":"TCP"}}}},
	"when":{"type":"string","format":"date-time"},
	"template":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}
	}},"status":{"type":"object","properties":{"ready":{"type":"boolean"}}}}}`

func widget(t testing.TB, spec string) map[string]any {
	return decode(t, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":`+spec+`}`)
}

func TestPruneAndDefault(t *testing.T) {
	c := compileJSON(t, widgetSchema)
	for _, tt := range []struct{ name, in, out, unknown, err string }{
		{"empty", `{}`, `{"size":3}`, ``, ``},
		{"unknown", `{"size":1,"x":1,"ports":[{"name":"a","y":{}}]}`, `{"size":1,"ports":[{"name":"a","protocol":"TCP"}]}`, `spec.ports[0].y spec.x`, ``},
		{"nulls", `{"size":null,"color":null,"name":null}`, `{"size":3,"color":null}`, ``, ``},
		{"preserved", `{"size":1,"free":{"b":{"c":1},"known":{"a":"x","b":1}}}`, `{"size":1,"free":{"b":{"c":1},"known":{"a":"x"}}}`, `spec.free.known.b`, ``},
		{"embedded", `{"size":1,"template":{"apiVersion":"v1","kind":"X","metadata":{"name":"a","foo":1,"labels":{}},"spec":{"y":1}}}`,
			`{"size":1,"template":{"apiVersion":"v1","kind":"X","metadata":{"name":"a"},"spec":{"y":1}}}`, `spec.template.metadata.foo`, ``},
		{"embedded wrong", `{"template":{"kind":1}}`, ``, ``, `spec.template.kind: Invalid value: 1: must be a string`},
		{"labels", `{"size":1,"labels":{"a":"b"}}`, `{"size":1,"labels":{"a":"b"}}`, ``, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			obj := widget(t, tt.in)
			unknown, err := c.Prune(obj, true)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("error is %v", err)
				}
				return
			}
			if err != nil || strings.Join(unknown, " ") != tt.unknown {
				t.Errorf("unknown %q, %v", unknown, err)
			}
			if c.Default(obj); !reflect.DeepEqual(obj, widget(t, tt.out)) {
				t.Errorf("it is %v", obj["spec"])
			}
		})
	}
}

func TestValidate(t *testing.T) {
	c := compileJSON(t, widgetSchema)
	for _, tt := range []struct{ name, old, in, found string }{
		{"fine", ``, `{"size":1,"color":"red","port":"a","tags":["a","b"],"ports":[{"name":"a"},{"name":"b"}],"when":"2020-01-01T00:00:00Z"}`, ``},
		{"type", ``, `{"size":"a"}`, `spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"`},
		{"missing", ``, `{}`, `spec.size: Required value`},
		{"range", ``, `{"size":11}`, `spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10`},
		{"null in an enum", ``, `{"size":1,"color":null}`, `spec.color: Unsupported value: null: supported values: "red", "green"`},
		{"enum", ``, `{"size":1,"color":"x"}`, `spec.color: Unsupported value: "x": supported values: "red", "green"`},
		{"long", ``, `{"size":1,"name":"abcdef"}`, `spec.name: Too long: may not be more than 5 bytes`},
		{"pattern", ``, `{"size":1,"name":"A"}`, `spec.name: Invalid value: "A": spec.name in body should match '^[a-z]+$'`},
		{"junctor", ``, `{"size":1,"port":true}`, `spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"; <nil>: Invalid value: "": "spec.port" must validate at least one schema (anyOf); spec.port: Invalid value: "boolean": spec.port in body must be of type integer: "boolean"`},
		{"format", ``, `{"size":1,"when":"x"}`, `spec.when: Invalid value: "x": spec.when in body must be of type date-time: "x"`},
		{"map value", ``, `{"size":1,"labels":{"a":1}}`, `spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"`},
		{"set", ``, `{"size":1,"tags":["a","b","a","a"]}`, `spec.tags[2]: Duplicate value: "a"`},
		{"map", ``, `{"size":1,"ports":[{"name":"a"},{"name":"a"}]}`, `spec.ports[1]: Duplicate value: {"name":"a"}`},
		{"embedded", ``, `{"size":1,"template":{}}`, `spec.template.apiVersion: Required value; spec.template.kind: Required value`},
		{"ratcheted", `{"size":11,"name":"A","ports":[{"name":"a"}]}`, `{"size":11,"name":"B","ports":[{"name":"a"}]}`, `spec.name: Invalid value: "B": spec.name in body should match '^[a-z]+$'`},
		{"ratcheted lists", `{"size":1,"tags":["a","a"]}`, `{"size":2,"tags":["b","b"]}`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var old map[string]any
			if tt.old != "" {
				old = widget(t, tt.old)
			}
			var found []string
			for _, e := range c.Validate(context.Background(), widget(t, tt.in), old) {
				found = append(found, e.Error())
			}
			if got := strings.Join(found, "; "); got != tt.found {
				t.Errorf("found %s", got)
			}
		})
	}
}

func TestCompileTracks(t *testing.T) {
	c := compileJSON(t, widgetSchema)
	if s := c.Root.Property("metadata").Property("ownerReferences"); s == nil || s.ListType != ListMap {
		t.Errorf("owner references are %+v", s)
	}
	spec := c.Root.Property("spec")
	if s := spec.Property("template"); !s.Embedded || !s.PreserveUnknown || s.Property("metadata").Property("labels") == nil || s.Own("metadata") != nil {
		t.Errorf("template is %+v", s)
	}
	if s := spec.Property("free"); !s.KeepUnknown || !s.Property("known").PreserveUnknown || s.Property("known").KeepUnknown {
		t.Errorf("free is %+v", s)
	}
	if s := spec.Property("labels"); s.Type != Map || s.Items.Type != String {
		t.Errorf("labels are %+v", s)
	}
	if s := spec.Property("ports"); s.ListType != ListMap || s.Keys[0] != "name" || string(s.Items.Property("protocol").Default) != `"TCP"` {
		t.Errorf("ports are %+v", s)
	}
	free, err := Compile(nil, true)
	if obj := decode(t, `{"a":{"b":1}}`); err != nil || len(free.Validate(context.Background(), obj, nil)) > 0 {
		t.Error(err)
	} else if unknown, err := free.Prune(obj, true); len(unknown) > 0 || err != nil || len(obj) != 1 {
		t.Errorf("%v, %v, %v", unknown, err, obj)
	}
}

func TestValidateDefaults(t *testing.T) {
	for _, tt := range []struct{ name, doc, found string }{
		{"fine", widgetSchema, ``},
		{"wrong type", `{"type":"object","properties":{"a":{"type":"integer","default":"x"}}}`, `s.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"`},
		{"unknown field", `{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string"}},"default":{"c":1}}}}`, `s.properties[a].default: Invalid value: {"c":1}: must not have unknown fields`},
		{"in an element", `{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","maxLength":1,"default":"xy"}}}}`, `s.properties[a].items.default: Too long: may not be more than 1 byte`},
		{"rule", `{"type":"object","properties":{"a":{"type":"integer","default":1,"x-kubernetes-validations":[{"rule":"self > 1","message":"too few"}]}}}`, `s.properties[a].default: Invalid value: 1: too few`},
		{"rule for what is new", `{"type":"object","properties":{"a":{"type":"integer","default":1,"x-kubernetes-validations":[{"rule":"oldSelf.hasValue()","optionalOldSelf":true,"message":"too new"}]}}}`, `s.properties[a].default: Invalid value: 1: too new`},
		{"rule that holds", `{"type":"object","properties":{"a":{"type":"object","default":{"b":1},"properties":{"b":{"type":"integer"}},"x-kubernetes-validations":[{"rule":"self.b == 1"}]}}}`, ``},
		{"in metadata", `{"type":"object","properties":{"a":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"metadata":{"type":"object","properties":{"name":{"type":"string","default":"A/b"}}}}}}}`,
			`s.properties[a].properties[metadata].properties[name].default: Invalid value: "A/b": must result in valid metadata: metadata.name: Invalid value: "A/b": may not contain '/'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			errs, err := ValidateDefaults(context.Background(), field.NewPath("s"), []byte(tt.doc), true)
			var found []string
			for _, e := range errs {
				found = append(found, e.Error())
			}
			if got := strings.Join(found, "; "); err != nil || got != tt.found {
				t.Errorf("found %s, %v", got, err)
			}
		})
	}
}

// TestSharedDefaults wants a default's value to be fresh each time.
func TestSharedDefaults(t *testing.T) {
	c := compileJSON(t, `{"type":"object","properties":{"a":{"type":"object","additionalProperties":{"type":"string"},"default":{"b":"c"}}}}`)
	one, two := map[string]any{}, map[string]any{}
	c.Default(one)
	one["a"].(map[string]any)["b"] = "d"
	if c.Default(two); two["a"].(map[string]any)["b"] != "c" {
		t.Error(two)
	}
}

func TestAllocations(t *testing.T) {
	doc, obj := sixtyFields()
	c := compileJSON(t, string(doc))
	c.Default(obj)
	for name, do := range map[string]func(){
		"prune":    func() { _, _ = c.Prune(obj, false) },
		"default":  func() { c.Default(obj) },
		"validate": func() { c.Validate(context.Background(), obj, obj) },
	} {
		if n := testing.AllocsPerRun(10, do); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
