package schema

import (
	"context"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pintle-io/pintle/internal/corpus"
	"github.com/pintle-io/pintle/internal/object"
)

// FuzzCustom takes any schema and any object: nothing panics, what was pruned and defaulted stays as it is when that is
// done again, and the walk that counts findings agrees with the one that names them. (That the findings are the
// reference's is FuzzSchemaOracle's to see, in the module reference.)
func FuzzCustom(f *testing.F) {
	for _, obj := range []string{`{"spec":{"size":1}}`, `{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"a","labels":{"a":1}},"spec":{"size":11,"color":"x","ports":[{"name":"a"},{"name":"a"}],
		"tags":["a","a",null],"free":{"known":{"b":1}},"template":{"metadata":{"x":1}},"when":"x","port":true,"labels":{"a":null}},"status":null}`} {
		f.Add([]byte(widgetSchema), []byte(obj), obj == "")
	}
	f.Add([]byte(`{"items":{"default":1},"properties":{"a":{"additionalProperties":false},"metadata":{"default":{"name":1}}},"not":{"anyOf":[{"enum":[null]}]},"multipleOf":0}`), []byte(`{"a":{"b":[null]}}`), true)
	corpus.Add(f)
	f.Fuzz(func(t *testing.T, doc, in []byte, preserve bool) {
		c, err := Compile(doc, preserve)
		if err != nil {
			return
		}
		v, err := object.DecodeValue(in)
		obj, ok := v.(map[string]any)
		if err != nil || !ok {
			return
		}
		old := runtime.DeepCopyJSON(obj)
		if _, err := c.Prune(obj, true); err != nil {
			_ = c.PruneStored(old)
			return
		}
		c.Default(obj)
		again := runtime.DeepCopyJSON(obj)
		c.Default(again)
		if !reflect.DeepEqual(obj, again) {
			t.Errorf("defaults are set again: %v, %v", obj, again)
		}
		for _, before := range []map[string]any{nil, old} {
			quiet := checker{ctx: t.Context(), quiet: true}
			was := previous{value: before, known: before != nil, top: true}
			quiet.value(c.Root, obj, "", was)
			loud := checker{ctx: t.Context()}
			loud.value(c.Root, obj, "", was)
			if quiet.fails > 0 != (len(loud.found) > 0) {
				t.Errorf("%d findings, or %v", quiet.fails, loud.found)
			}
			c.Validate(context.Background(), obj, before)
			c.ValidateStatus(context.Background(), obj, before)
		}
		_, _ = ValidateDefaults(context.Background(), nil, doc, true)
	})
}
