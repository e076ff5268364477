package builtin

import (
	"reflect"
	"strings"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// pathsOf lists the first two segments of paths.
func pathsOf(p schema.Paths) map[string]bool {
	out := map[string]bool{}
	for top, below := range p {
		out[top] = true
		for name := range below {
			out[top+"."+name] = true
		}
	}
	return out
}

// hasField says whether a struct has the field at a dotted path of JSON names.
func hasField(o object.Object, path string) bool {
	t := reflect.TypeOf(o).Elem()
	for _, name := range strings.Split(path, ".") {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		found := false
		for i := range t.NumField() {
			if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name {
				t, found = t.Field(i).Type, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
