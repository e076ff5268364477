package engine

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestInvalid holds the errors of many findings to the library's, which takes minutes for as many as an object of a
// megabyte can have.
func TestInvalid(t *testing.T) {
	kind := schema.GroupKind{Group: "g", Kind: "K"}
	list := func(n, distinct int) (errs field.ErrorList) {
		for i := range n {
			switch at := field.NewPath("spec").Index(i % distinct); i % 4 {
			case 0:
				errs = append(errs, field.Invalid(at, i%distinct, "wrong"))
			case 1:
				errs = append(errs, field.Required(at, ""))
			case 2:
				errs = append(errs, field.InternalError(nil, fmt.Errorf("e%d", i%distinct)))
			default:
				errs = append(errs, field.TooMany(at, 3, 2))
			}
		}
		return errs
	}
	same := list(4, 1)[:1]
	for range 150 {
		same = append(same, same[0])
	}
	for name, errs := range map[string]field.ErrorList{"few": list(3, 3), "many": list(400, 400), "twice": list(400, 40), "same": same} {
		if got, want := invalid(kind, "n", errs), apierrors.NewInvalid(kind, "n", errs); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
	began := time.Now()
	if got := invalid(kind, "n", list(100000, 100000)); len(got.ErrStatus.Details.Causes) != 100000 {
		t.Error(len(got.ErrStatus.Details.Causes))
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Error(d)
	}
}
