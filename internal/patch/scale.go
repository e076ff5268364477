package patch

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The scale subresource is an object of its own kind, whose managedFields are those of its parent that concern the
// number of replicas. ReplicasPaths says where each version of the parent (a group/version) keeps that: at
// {"spec", "replicas"}, mostly. A version that has no scale has an empty path; one that is not there is unknown.
type ReplicasPaths map[string][]string

const scaleVersion = "autoscaling/v1"

var replicasInScale = []string{"spec", "replicas"}

// ToScale returns the managedFields of the scale of a parent.
func ToScale(parent []metav1.ManagedFieldsEntry, paths ReplicasPaths) ([]metav1.ManagedFieldsEntry, error) {
	in, err := decodeEntries(&arena{}, listed{entries: parent}, listed{})
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, e := range in {
		if path := steps(paths[e.version]); len(path) > 0 && has(e.set, path) {
			e.version = scaleVersion
			e.become(setOf(steps(replicasInScale)))
			out = append(out, e)
		}
	}
	return encodeEntries(out), nil
}

// FromScale returns the managedFields of a parent, of version, whose scale now has the managedFields scale.
func FromScale(parent, scale []metav1.ManagedFieldsEntry, version string, paths ReplicasPaths) ([]metav1.ManagedFieldsEntry, error) {
	in, err := decodeEntries(&arena{}, listed{entries: parent}, listed{entries: parent})
	if err != nil {
		return nil, err
	}
	left, err := decodeEntries(&arena{}, listed{entries: scale}, listed{})
	if err != nil {
		return nil, err
	}
	var out []entry
	times := func(of *entry) *metav1.Time {
		if i := slices.IndexFunc(in, func(e entry) bool { return e.same(of) }); i >= 0 {
			return in[i].time
		}
		return nil
	}
	for _, e := range in {
		path, known := paths[e.version]
		if !known {
			continue
		}
		if len(path) > 0 && has(e.set, steps(path)) {
			// An updater's identity has its version in it: it is another one in the scale, and loses the path here.
			if i := slices.IndexFunc(left, func(o entry) bool { return o.same(&e) }); i >= 0 {
				left = slices.Delete(left, i, i+1)
			} else if e.become(subtract(nil, e.set, setOf(steps(path)), member)); len(e.set) == 0 {
				continue
			}
		}
		out = append(out, e)
	}
	for _, e := range left {
		if has(e.set, steps(replicasInScale)) {
			e.time = times(&e)
			at := slices.IndexFunc(out, func(o entry) bool { return o.same(&e) })
			e.version = version
			e.become(setOf(steps(paths[version])))
			if at >= 0 {
				out[at] = e
			} else {
				out = append(out, e)
			}
		}
	}
	return encodeEntries(out), nil
}

func steps(path []string) []elem {
	out := make([]elem, len(path))
	for i, name := range path {
		out[i] = fieldElem(name)
	}
	return out
}

func setOf(path []elem) []node {
	out := make([]node, len(path))
	for i, e := range path {
		out[i] = node{elem: e, size: int32(len(path) - i - 1)}
	}
	if len(path) > 0 {
		out[len(path)-1].mark = member
	}
	return out
}
