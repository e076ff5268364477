package builtin

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/pintle-io/pintle/internal/resource"
)

func TestConfigure(t *testing.T) {
	served := func(config map[string]string) (map[string]bool, error) {
		all := All(resource.Deps{})
		err := Configure(all, config)
		out := map[string]bool{}
		for _, g := range Groups(all) {
			for _, v := range g.Versions {
				for _, row := range v.Rows {
					out[fmt.Sprintf("%s/%s/%s", g.Name, v.Name, row.Resource.Names.Plural)] = true
				}
			}
		}
		return out, err
	}
	usual, err := served(nil)
	if err != nil || len(usual) != 68 {
		t.Fatalf("%d served, %v", len(usual), err)
	}
	type m = map[string]string
	for _, tc := range []struct {
		config    m
		more, few []string // what is served beyond the usual, and what is not
		n         int      // how many are served, where the lists would be long
		err       string
	}{
		{config: m{"api/beta": "true"}, more: []string{
			"networking.k8s.io/v1beta1/ipaddresses", "networking.k8s.io/v1beta1/servicecidrs", "storage.k8s.io/v1beta1/volumeattributesclasses",
			"admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies", "admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings",
			"coordination.k8s.io/v1beta1/leasecandidates",
			"resource.k8s.io/v1beta2/deviceclasses", "resource.k8s.io/v1beta2/devicetaintrules", "resource.k8s.io/v1beta2/resourceclaims",
			"resource.k8s.io/v1beta2/resourceclaimtemplates", "resource.k8s.io/v1beta2/resourceslices",
			"resource.k8s.io/v1beta1/deviceclasses", "resource.k8s.io/v1beta1/resourceclaims",
			"resource.k8s.io/v1beta1/resourceclaimtemplates", "resource.k8s.io/v1beta1/resourceslices",
		}},
		{config: m{"api/alpha": "true"}, more: []string{
			"admissionregistration.k8s.io/v1alpha1/mutatingadmissionpolicies", "admissionregistration.k8s.io/v1alpha1/mutatingadmissionpolicybindings",
			"coordination.k8s.io/v1alpha2/leasecandidates", "resource.k8s.io/v1alpha3/devicetaintrules",
			"resource.k8s.io/v1alpha3/resourcepoolstatusrequests", "internal.apiserver.k8s.io/v1alpha1/storageversions",
		}},
		{config: m{"internal.apiserver.k8s.io/v1alpha1": ""}, more: []string{"internal.apiserver.k8s.io/v1alpha1/storageversions"}},
		{config: m{"internal.apiserver.k8s.io/v1alpha1": "1"}, more: []string{"internal.apiserver.k8s.io/v1alpha1/storageversions"}},
		{config: m{"networking.k8s.io/v1beta1/ipaddresses": "true"}, more: []string{"networking.k8s.io/v1beta1/ipaddresses"}},
		{config: m{"networking.k8s.io/v1beta1": "true", "networking.k8s.io/v1beta1/ipaddresses": "false"}, more: []string{"networking.k8s.io/v1beta1/servicecidrs"}},
		{config: m{"policy/v1": "false"}, few: []string{"policy/v1/poddisruptionbudgets"}},
		{config: m{"apps/v1/daemonsets": "false"}, few: []string{"apps/v1/daemonsets"}},
		{config: m{"/v1/configmaps": "false"}, few: []string{"/v1/configmaps"}},
		{config: m{"autoscaling/v2": "false"}, few: []string{"autoscaling/v2/horizontalpodautoscalers"}},
		{config: m{"events.k8s.io/v1": "false"}, few: []string{"events.k8s.io/v1/events"}},
		{config: m{"api/beta": "true", "api/all": "false", "api/ga": "true", "api/alpha": "true"}, n: 68 + 21},
		{config: m{"api/all": "false", "/v1": "true"}, n: 17},
		{config: m{"batch/v1beta1": "true"}}, {config: m{"apps/v1/nosuch": "false"}}, {config: m{"apiextensions.k8s.io/v1beta1": "true"}},
		{config: m{"api/all": "false"}, err: "invalid runtime-config with only api/all=false"},
		{config: m{"api/beta": "maybe"}, err: "invalid value api/beta=maybe"}, {config: m{"api/beta": ""}, err: "invalid value api/beta="},
		{config: m{"apps/v9": "true"}, err: "group version apps/v9 that has not been registered"},
		{config: m{"apps/v1": "maybe"}, err: `invalid value of apps/v1: maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax`},
		{config: m{"nosuch/v1": "true", "a.b/v1": "", "apps/v9": "true"}, err: "unknown api groups a.b/v1,nosuch/v1"},
		{config: m{"v1": "true"}, err: "runtime-config invalid key v1"}, {config: m{"api/v1": "true"}, err: "unknown api groups api/v1"},
		{config: m{"apps/v1/Deployments": "true"}, err: `invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not "Deployments"`},
	} {
		got, err := served(tc.config)
		if tc.err != "" {
			if err == nil || err.Error() != tc.err || !maps.Equal(got, usual) {
				t.Errorf("%v: %v, want %s (and nothing changed)", tc.config, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", tc.config, err)
			continue
		}
		if tc.n != 0 {
			if len(got) != tc.n {
				t.Errorf("%v: %d served, want %d", tc.config, len(got), tc.n)
			}
			continue
		}
		want := maps.Clone(usual)
		for _, x := range tc.more {
			want[x] = true
		}
		for _, x := range tc.few {
			delete(want, x)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%v: served %v, want %v", tc.config, differ(got, want), differ(want, got))
		}
	}
}

func differ(a, b map[string]bool) (out []string) {
	for k := range a {
		if !b[k] {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func BenchmarkAll(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Groups(All(resource.Deps{}))
	}
}
