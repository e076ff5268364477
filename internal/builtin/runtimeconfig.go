package builtin

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/resource"
)

// The keys of --runtime-config that stand for many versions, in the order in which they are obeyed.
var sets = []set{
	{"api/all", regexp.MustCompile(``)},
	{"api/ga", regexp.MustCompile(`^v\d+$`)},
	{"api/beta", regexp.MustCompile(`^v\d+beta\d+$`)},
	{"api/alpha", regexp.MustCompile(`^v\d+alpha\d+$`)},
}

type set struct {
	key string
	has *regexp.Regexp
}

// unserved are the versions that kube-apiserver knows but serves nothing in. Naming one is no mistake, and has no
// effect.
var unserved = map[string][]string{
	"admission.k8s.io":             {"v1", "v1beta1"},
	"apiextensions.k8s.io":         {"v1beta1"},
	"apiregistration.k8s.io":       {"v1beta1"},
	"apps":                         {"v1beta1", "v1beta2"},
	"authentication.k8s.io":        {"v1beta1", "v1alpha1"},
	"authorization.k8s.io":         {"v1beta1"},
	"batch":                        {"v1beta1"},
	"discovery.k8s.io":             {"v1beta1"},
	"events.k8s.io":                {"v1beta1"},
	"extensions":                   {"v1beta1"},
	"flowcontrol.apiserver.k8s.io": {"v1beta1", "v1beta2", "v1beta3"},
	"imagepolicy.k8s.io":           {"v1alpha1"},
	"node.k8s.io":                  {"v1alpha1", "v1beta1"},
	"policy":                       {"v1beta1"},
	"rbac.authorization.k8s.io":    {"v1alpha1", "v1beta1"},
	"scheduling.k8s.io":            {"v1beta1"},
	"storage.k8s.io":               {"v1alpha1"},
}

// Configure says which versions are served, as --runtime-config does: api/all, api/ga, api/beta and api/alpha, each
// true or false, then GROUP/VERSION (the core group's is /v1), then GROUP/VERSION/RESOURCE, each of which is also on
// when it is named without a value. On an error nothing is changed.
func Configure(all []*resource.Resource, config map[string]string) error {
	if len(config) == 0 {
		return nil
	}
	if config["api/all"] == "false" && len(config) == 1 {
		return errors.New("invalid runtime-config with only api/all=false")
	}
	versions, resources, err := parse(config)
	if err != nil {
		return err
	}
	for _, set := range sets {
		if value, ok := config[set.key]; ok && value != "true" && value != "false" {
			return fmt.Errorf("invalid value %v=%v", set.key, value)
		}
	}
	for _, r := range all {
		for i := range r.Versions {
			v := &r.Versions[i]
			if !served(v.Group, v.Name) {
				continue
			}
			for _, set := range sets {
				if value, ok := config[set.key]; ok && set.has.MatchString(v.Name) {
					v.Served = value == "true"
				}
			}
			if on, ok := versions[v.GV()]; ok {
				v.Served = on
			}
			if on, ok := resources[v.GV().WithResource(r.Names.Plural)]; ok {
				v.Served = on
			}
		}
	}
	return nil
}

// parse reads the keys that name a version or a resource.
func parse(config map[string]string) (map[schema.GroupVersion]bool, map[schema.GroupVersionResource]bool, error) {
	versions, resources := map[schema.GroupVersion]bool{}, map[schema.GroupVersionResource]bool{}
	var unknown []string
	var failed error
	keys := make([]string, 0, len(config))
	for key := range config {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if slices.ContainsFunc(sets, func(s set) bool { return s.key == key }) {
			continue
		}
		parts := strings.Split(key, "/")
		if len(parts) != 2 && len(parts) != 3 {
			return nil, nil, fmt.Errorf("runtime-config invalid key %s", key)
		}
		gv := schema.GroupVersion{Group: parts[0], Version: parts[1]}
		if !knownGroup(gv.Group) {
			unknown = append(unknown, gv.String())
			continue
		}
		on, err := enabled(key, config[key])
		switch {
		case failed != nil:
		case !served(gv.Group, gv.Version) && !slices.Contains(unserved[gv.Group], gv.Version):
			failed = fmt.Errorf("group version %s that has not been registered", gv)
		case err != nil:
			failed = err
		case len(parts) == 2:
			versions[gv] = on
		case strings.ToLower(parts[2]) != parts[2]:
			failed = fmt.Errorf("invalid key %v: group/version/resource and resource is always lowercase plural, not %q", key, parts[2])
		default:
			resources[gv.WithResource(parts[2])] = on
		}
	}
	// Unknown groups are told before anything else, and all at once.
	if len(unknown) > 0 {
		return nil, nil, fmt.Errorf("unknown api groups %s", strings.Join(slices.Compact(unknown), ","))
	}
	return versions, resources, failed
}

func enabled(key, value string) (bool, error) {
	if value == "" {
		return true, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("invalid value of %s: %s, err: %v", key, value, err)
	}
	return on, nil
}

// served says whether a version may be served at all.
func served(group, version string) bool {
	for _, g := range order {
		if g.name == group {
			return slices.Contains(g.versions, version)
		}
	}
	return false
}

func knownGroup(group string) bool {
	if _, ok := unserved[group]; ok {
		return true
	}
	for _, g := range order {
		if g.name == group {
			return true
		}
	}
	return false
}
