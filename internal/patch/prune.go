package patch

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/schema"
)

// prune removes from the merged tree what the manager applied last and does not now, unless another entry has it.
func (a *applier) prune(merged map[string]any, entries []entry, last entry) (map[string]any, error) {
	tree, s, err := a.treeIn(merged, last.version)
	if err != nil {
		if errors.Is(err, ErrMissingVersion) {
			return merged, nil
		}
		return nil, fmt.Errorf("failed to convert merged object to last applied version: %w", err)
	}
	lastNamed := a.named(last.set, s)
	pruned := asMap(removePaths(s, tree, lastNamed))

	// Give back what any entry has: first those of this version, which others may need to be converted.
	versions := []string{last.version}
	for _, e := range entries {
		if !slices.Contains(versions, e.version) {
			versions = append(versions, e.version)
		}
	}
	now, nowVersion := pruned, last.version
	full, fullVersion := tree, last.version
	for _, v := range versions {
		var managed []node
		any := false
		for _, e := range entries {
			if e.version == v {
				managed, any = a.mem.keep(union(a.mem.begin(), managed, e.set)), true
			}
		}
		if !any {
			continue
		}
		f, sv, err := a.convertTree(full, fullVersion, v)
		if errors.Is(err, ErrMissingVersion) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("failed add back owned items: failed to convert merged object at version %v: %w", v, err)
		}
		n, _, err := a.convertTree(now, nowVersion, v)
		if err != nil {
			return nil, fmt.Errorf("failed add back owned items: failed to convert pruned object at version %v: %w", v, err)
		}
		have, managed := a.named(a.set(sv, n), sv), a.named(managed, sv)
		keep := a.mem.keep(union(a.mem.begin(), have, managed))
		all := a.named(a.set(sv, f), sv)
		drop := a.mem.keep(subtract(a.mem.begin(), all, keep, member))
		now, nowVersion = asMap(removePaths(sv, f, drop)), v
		full, fullVersion = f, v
	}

	// And what nobody has, but the manager did not have either.
	n, _, err := a.convertTree(now, nowVersion, last.version)
	if err != nil {
		if !errors.Is(err, ErrMissingVersion) {
			return nil, fmt.Errorf("failed add back dangling items: failed to convert pruned object to last applied version: %w", err)
		}
		n = tree
	} else {
		all, have := a.named(a.set(s, tree), s), a.named(a.set(s, n), s)
		gone := a.mem.keep(subtract(a.mem.begin(), all, have, member))
		gone = a.mem.keep(intersect(a.mem.begin(), gone, lastNamed, member))
		n = asMap(removePaths(s, tree, gone))
	}
	out, _, err := a.convertTree(n, last.version, a.manager.APIVersion)
	return out, err
}

func (a *applier) schemaIn(version string) (*schema.Schema, error) {
	if version == a.manager.APIVersion {
		return a.schema, nil
	}
	if a.conv == nil {
		return nil, ErrMissingVersion
	}
	o, s, err := a.conv(a.live, version)
	if err == nil {
		err = a.tracker.valid(s, o)
	}
	return s, err
}

// treeIn converts a tree of the request's version.
func (a *applier) treeIn(tree map[string]any, version string) (map[string]any, *schema.Schema, error) {
	return a.convertTree(tree, a.manager.APIVersion, version)
}

func (a *applier) convertTree(tree map[string]any, from, to string) (map[string]any, *schema.Schema, error) {
	if from == to {
		s, err := a.schemaIn(to)
		return tree, s, err
	}
	o, s, err := a.convTree(&unstructured.Unstructured{Object: tree}, to)
	if err != nil {
		return nil, nil, err
	}
	return o.(*unstructured.Unstructured).Object, s, nil
}

// convTree is the converter for trees of any kind.
func (a *applier) convTree(obj object.Object, version string) (object.Object, *schema.Schema, error) {
	if a.conv == nil {
		return nil, nil, ErrMissingVersion
	}
	tree := obj.(*unstructured.Unstructured)
	full := object.Object(tree)
	if _, ok := a.live.(*unstructured.Unstructured); !ok && tree.GetAPIVersion() == a.manager.APIVersion {
		var err error
		if full, err = fromTree(a.live, tree.Object); err != nil {
			return nil, nil, err
		}
	}
	out, s, err := a.conv(full, version)
	if err != nil {
		return nil, nil, err
	}
	u := &unstructured.Unstructured{Object: a.tracker.Tree(out)}
	return u, s, a.tracker.valid(s, u)
}
