package builtin

import (
	"testing"

	"github.com/pintle-io/pintle/internal/resource"
)

// Clients of a deprecated version are told so, in the reference's words.
func TestDeprecated(t *testing.T) {
	want := map[string]string{
		"v1/ComponentStatus": "v1 ComponentStatus is deprecated in v1.19+",
		"v1/Endpoints":       "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
	}
	for _, r := range All(resource.Deps{}) {
		for i := range r.Versions {
			v := &r.Versions[i]
			if !v.Served {
				continue
			}
			name := v.GV().String() + "/" + v.Codec.Kind.Kind
			if v.Warning != want[name] || v.Deprecated != (want[name] != "") {
				t.Errorf("%s: deprecated %v, %q", name, v.Deprecated, v.Warning)
			}
			delete(want, name)
		}
	}
	for name := range want {
		t.Errorf("%s is not served", name)
	}
}
