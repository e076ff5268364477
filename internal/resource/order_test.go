package resource

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	upstream "k8s.io/apimachinery/pkg/version"
)

func TestSortVersions(t *testing.T) {
	want := strings.Fields("v10 v2 v1 v11beta2 v10beta3 v3beta1 v12alpha1 v11alpha2 foo1 foo10")
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortStableFunc(got, CompareVersions)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestCompareVersions compares with the library that clients sort with, whose signs are the other way round.
func TestCompareVersions(t *testing.T) {
	names := strings.Fields("v v0 v1 v01 v2 v10 v1beta v1beta0 v1beta1 v1beta01 v1beta1x v2beta10 v1alpha1 v1alpha2 valpha1 v1gamma1 V1 v-1 v1.2 foo foo1 v99999999999999999999 v1beta99999999999999999999 vbeta1 beta1")
	for range 100 {
		b := make([]byte, rand.IntN(6))
		for i := range b {
			b[i] = "v1290ab-"[rand.IntN(8)]
		}
		names = append(names, "v"+string(b))
	}
	for _, a := range names {
		for _, b := range names {
			if got, want := CompareVersions(a, b), -upstream.CompareKubeAwareVersionStrings(a, b); got < 0 != (want < 0) || got > 0 != (want > 0) {
				t.Errorf("CompareVersions(%q, %q) is %d, want %d", a, b, got, want)
			}
		}
	}
}
