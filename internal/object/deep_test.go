package object

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestDeepSchema reads and writes a schema of lists in lists around much text, for which encoding/json looks through all of it
// on each level, and gives up on one that has to be read that way.
func TestDeepSchema(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1beta1", Kind: "CustomResourceDefinition"}
	doc := func(more string) []byte {
		return []byte(`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","spec":{"validation":{"openAPIV3Schema":` +
			strings.Repeat(`{"items":`, 4500) + `{"description":"` + strings.Repeat("x", 2<<20) + `"` + more + `}` + strings.Repeat(`}`, 4500) + `}}}`)
	}
	began := time.Now()
	var crd v1beta1.CustomResourceDefinition
	if _, err := DecodeAny(JSON, doc(""), kind, &crd, true); err != nil {
		t.Fatal(err)
	}
	depth := 0
	for s := crd.Spec.Validation.OpenAPIV3Schema; s.Items != nil; s = s.Items.Schema {
		depth++
	}
	if depth != 4500 {
		t.Error(depth)
	}
	if _, err := DecodeAny(JSON, doc(`,"description":"twice"`), kind, new(v1beta1.CustomResourceDefinition), true); err == nil || !strings.Contains(err.Error(), errTooDeep.Error()) {
		t.Errorf("%v", err)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Error(d)
	}
}
