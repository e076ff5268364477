package describe

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
)

// minor is the minor version of Kubernetes 1 that is served.
const minor = 36

// deprecate marks a version that its API type calls deprecated by now, and words what its clients are told.
func deprecate(v *resource.Version) {
	o := v.Codec.New()
	d, ok := o.(interface{ APILifecycleDeprecated() (major, minor int) })
	if !ok {
		return
	}
	since, sinceMinor := d.APILifecycleDeprecated()
	if since == 0 && sinceMinor == 0 || since > 1 || since == 1 && sinceMinor > minor {
		return
	}
	v.Deprecated = true
	v.Warning = fmt.Sprintf("%s %s is deprecated in v%d.%d+", v.GV(), v.Codec.Kind.Kind, since, sinceMinor)
	if r, ok := o.(interface{ APILifecycleRemoved() (major, minor int) }); ok {
		if gone, goneMinor := r.APILifecycleRemoved(); gone != 0 || goneMinor != 0 {
			v.Warning += fmt.Sprintf(", unavailable in v%d.%d+", gone, goneMinor)
		}
	}
	if r, ok := o.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); ok {
		if k := r.APILifecycleReplacement(); !k.Empty() {
			v.Warning += fmt.Sprintf("; use %s %s", k.GroupVersion(), k.Kind)
		}
	}
}
