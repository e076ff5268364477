package object

import (
	"errors"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// There is a Head for every record in memory.
func TestHeadIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Head{}); n > 72 {
		t.Errorf("%d bytes", n)
	}
}

// Reading a head allocates nothing but the list of owners.
func TestHeadAllocations(t *testing.T) {
	c := codecFor(corev1.SchemeGroupVersion.WithKind("Pod"))
	stored, _, err := c.EncodeStored(usualPod())
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Head(stored) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestLabelsMatchSelectors(t *testing.T) {
	l := MakeLabels(map[string]string{"app": "web", "tier": "", "app.kubernetes.io/name": "x"})
	for selector, want := range map[string]bool{
		"app=web": true, "app!=web": false, "tier": true, "!tier": false, "tier=": true, "app in (a,web),!zone": true, "zone": false, "": true,
	} {
		s, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		if s.Matches(l) != want {
			t.Errorf("%q: %v", selector, !want)
		}
	}
	if MakeLabels(nil) != "" || Labels("").Has("a") || Labels("").Map() != nil {
		t.Error("no labels are something")
	}
}

// Bytes of another form are refused, never misread.
func TestHeadRefuses(t *testing.T) {
	c := codecFor(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	stored, _, err := c.EncodeStored(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{
		"", "k8s\x00", "{}", `{"metadata":[]}`, `{"metadata":{"resourceVersion":"1"}}`, "null", string(stored[:len(stored)-5]), string(stored) + "x",
		"k8s\x00\x0a\x00\x12\x00\x1a\x00\x22\x00",
	} {
		if _, err := c.Head([]byte(b)); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", b, err)
		}
	}
}
