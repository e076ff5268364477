package engine

import (
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
)

// TestPlainIsGood: what is plain is good, by the library's rules.
func TestPlainIsGood(t *testing.T) {
	good := func(s string) {
		if plainKey(s) && len(metav1validation.ValidateLabelName(s, nil)) > 0 {
			t.Errorf("%q is no key", s)
		}
		one := map[string]string{"k": s}
		if (plainly{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: one}}}).GetLabels() == nil && len(metav1validation.ValidateLabels(one, nil)) > 0 {
			t.Errorf("%q is no value of a label", s)
		}
		one = map[string]string{s: "v"}
		if (plainly{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: one}}}).GetAnnotations() == nil && len(validation.ValidateAnnotations(one, nil)) > 0 {
			t.Errorf("%q is no key of an annotation", s)
		}
	}
	for _, s := range []string{"", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 64) + "/b", strings.Repeat("a.", 126) + "a/b",
		strings.Repeat("a.", 127) + "a/b", strings.Repeat("a", 253) + "/b", strings.Repeat("a", 254) + "/b"} {
		good(s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "Z", "0", "-", "_", ".", "/", "a", "0", " ", "é"}
	for range 100_000 {
		s := ""
		for range r.IntN(8) {
			s += letters[r.IntN(len(letters))]
		}
		good(s)
	}
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]bool{"app": true, "app.kubernetes.io/managed-by": true, "kubectl.kubernetes.io/last-applied-configuration": true, "a b": false, "": false} {
		if plainKey(s) != want {
			t.Errorf("%q: %t", s, !want)
		}
	}
	large := map[string]string{"a": strings.Repeat("x", validation.TotalAnnotationSizeLimitB)}
	if (plainly{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: large}}}).GetAnnotations() == nil {
		t.Error("annotations that are too large are not looked at")
	}
}
