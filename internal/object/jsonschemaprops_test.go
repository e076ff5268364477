package object

import (
	gojson "encoding/json"
	"reflect"
	"strings"
	"testing"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	kjson "sigs.k8s.io/json"
)

// TestSchemaOr holds the plans of the places where a schema or something else may stand against the types' own methods.
func TestSchemaOr(t *testing.T) {
	const inner = `{"type":"object","properties":{"a":{"items":{"items":{"type":"string"}}}}}`
	for _, field := range []string{`"items":`, `"additionalProperties":`, `"additionalItems":`, `"dependencies":{"d":`} {
		for _, value := range []string{`{}`, `[]`, `null`, `true`, `false`, inner, `[` + inner + `,{}]`, `["a","b"]`, `[null]`, `"text"`, `1`, `{"type":1}`,
			`{"unknown":1,"type":"string"}`, `{"type":"string","type":"object"}`, `{"TYPE":"string"}`, `{"default":{"a": [1]}}`, `{`, ``} {
			doc := []byte(`{"type":"array",` + field + value + strings.Repeat("}", strings.Count(field, "{")+1))
			var want v1.JSONSchemaProps
			err := kjson.UnmarshalCaseSensitivePreserveInts(doc, &want)
			for _, strict := range []bool{false, true} {
				var got v1.JSONSchemaProps
				if !decodeStruct(doc, reflect.ValueOf(&got), strict) {
					continue // the slow way does it
				}
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s (strict %t) read as %+v, want %+v, %v", doc, strict, got, want, err)
				}
			}
			if err != nil {
				continue
			}
			text, err := gojson.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := planOf(reflect.TypeFor[v1.JSONSchemaProps]()).encode(nil, reflect.ValueOf(&want).UnsafePointer())
			if err != nil || string(got) != string(text) {
				t.Errorf("%s written as %s, want %s, %v", doc, got, text, err)
			}
			var quick v1.JSONSchemaProps
			if !decodeStruct(text, reflect.ValueOf(&quick), true) {
				t.Errorf("%s takes the slow way", text)
			}
		}
	}
}
