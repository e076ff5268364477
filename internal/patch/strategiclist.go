package patch

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"

	"k8s.io/apimachinery/pkg/util/mergepatch"
)

// strategicLists merges patch into doc, in doc's own memory: the reference does, and the order of elements comes to
// depend on it (see orderedList).
func strategicLists(s strategy, doc, patch []any, isDelete bool) ([]any, error) {
	if s.how != "merge" && !isDelete {
		return patch, nil
	}
	if len(doc) == 0 && len(patch) == 0 {
		return doc, nil
	}
	kind, err := elementKind(doc, patch)
	if err != nil {
		return nil, err
	}
	var merged []any
	if kind != kindMap {
		if isDelete {
			return slices.DeleteFunc(doc, func(v any) bool { return indexOf(patch, v, "", kind) >= 0 }), nil
		}
		merged = dedup(append(doc, patch...))
	} else {
		if s.mergeKey == "" {
			return nil, fmt.Errorf("cannot merge lists without merge key for %s", s.typ.Kind())
		}
		if doc, patch, err = elementDirectives(doc, patch, s.mergeKey); err != nil {
			return nil, err
		}
		if merged, err = mergeElements(s, doc, patch); err != nil {
			return nil, err
		}
	}
	mine, theirs, err := partition(merged, patch, s.mergeKey)
	if err != nil {
		return nil, err
	}
	return ordered(mine, theirs, patch, doc, s.mergeKey, kind)
}

// elementKind is what all elements of the lists are: maps or scalars of one type.
func elementKind(lists ...[]any) (valueKind, error) {
	var first reflect.Type
	for _, l := range lists {
		for _, v := range l {
			t := reflect.TypeOf(v)
			if first == nil {
				if t == nil {
					return 0, errors.New("list elements may not be null")
				}
				first = t
				if t.Kind() == reflect.Slice {
					return 0, mergepatch.ErrNoListOfLists
				}
			} else if t != first {
				return 0, fmt.Errorf("list element types are not identical: %v", fmt.Sprint(lists))
			}
		}
	}
	if first == nil {
		return 0, errors.New("no elements in any of the given slices")
	}
	if first.Kind() == reflect.Map {
		return kindMap, nil
	}
	return kindScalar, nil
}

// same compares two keys or scalars; lists and maps are never the same.
func same(a, b any) bool {
	if k := kindOf(a); k == kindMap || k == kindList {
		return false
	}
	return a == b
}

// dedup drops later duplicates; the last element takes the place of each.
func dedup(l []any) []any {
	for i := 0; i < len(l); i++ {
		for j := i + 1; j < len(l); j++ {
			if same(l[i], l[j]) {
				l[j] = l[len(l)-1]
				l = l[:len(l)-1]
				j--
			}
		}
	}
	return l
}

// findElement looks for the map whose mergeKey has the value.
func findElement(l []any, mergeKey string, value any) (int, error) {
	for i, v := range l {
		m, ok := v.(map[string]any)
		if !ok {
			return -1, fmt.Errorf("value for key %v is not a map", i)
		}
		if x, ok := m[mergeKey]; ok && same(x, value) {
			return i, nil
		}
	}
	return -1, nil
}

// elementDirectives carries out the directives among a patch's elements and returns the others.
func elementDirectives(doc, patch []any, mergeKey string) (left, rest []any, err error) {
	rest = make([]any, 0, len(patch))
	replace := false
	for _, v := range patch {
		m := v.(map[string]any)
		directive, ok := m[patchDirective]
		if !ok {
			rest = append(rest, v)
			continue
		}
		switch directive {
		case "delete":
			value, ok := m[mergeKey]
			if !ok {
				return nil, nil, mergepatch.ErrNoMergeKey(m, mergeKey)
			}
			for {
				i, err := findElement(doc, mergeKey, value)
				if err != nil {
					return nil, nil, err
				}
				if i < 0 {
					break
				}
				doc = append(doc[:i], doc[i+1:]...)
			}
		case "replace":
			replace = true
		case "merge":
			return nil, nil, errors.New("merging lists cannot yet be specified in the patch")
		default:
			return nil, nil, mergepatch.ErrBadPatchType(directive, m)
		}
	}
	if replace {
		return rest, nil, nil
	}
	return doc, rest, nil
}

func mergeElements(s strategy, doc, patch []any) ([]any, error) {
	for _, v := range patch {
		m := v.(map[string]any)
		value, ok := m[s.mergeKey]
		if !ok {
			return nil, mergepatch.ErrNoMergeKey(m, s.mergeKey)
		}
		i, err := findElement(doc, s.mergeKey, value)
		if err != nil {
			return nil, err
		}
		if i < 0 {
			doc = append(doc, v)
			continue
		}
		merged, err := strategicMaps(s.typ, doc[i].(map[string]any), m)
		if err != nil {
			return nil, err
		}
		doc[i] = merged
	}
	return doc, nil
}

// partition splits a list into the elements that by has too, and the others.
func partition(l, by []any, mergeKey string) (in, out []any, err error) {
	for _, v := range l {
		i := -1
		if mergeKey == "" {
			i = indexOf(by, v, "", kindScalar)
		} else {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, nil, mergepatch.ErrBadArgType(m, v)
			}
			value, ok := m[mergeKey]
			if !ok {
				return nil, nil, mergepatch.ErrNoMergeKey(m, mergeKey)
			}
			if i, err = findElement(by, mergeKey, value); err != nil {
				return nil, nil, err
			}
		}
		if i >= 0 {
			in = append(in, v)
		} else {
			out = append(out, v)
		}
	}
	return in, out, nil
}

// indexOf finds an element by its merge key, or a scalar by itself.
func indexOf(l []any, v any, mergeKey string, kind valueKind) int {
	key := func(v any) any {
		if kind != kindMap {
			return v
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		return m[mergeKey]
	}
	want := key(v)
	return slices.IndexFunc(l, func(x any) bool { return same(key(x), want) })
}

// ordered puts a patch's elements in the patch's order, the others in the live list's, and interleaves both by the
// live list's order as well as that goes.
func ordered(mine, theirs, patchOrder, liveOrder []any, mergeKey string, kind valueKind) ([]any, error) {
	mine, err := sortBy(mine, patchOrder, mergeKey, kind)
	if err != nil {
		return nil, err
	}
	if theirs, err = sortBy(theirs, liveOrder, mergeKey, kind); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(mine)+len(theirs))
	for len(mine) > 0 && len(theirs) > 0 {
		i, j := indexOf(liveOrder, theirs[0], mergeKey, kind), indexOf(liveOrder, mine[0], mergeKey, kind)
		if i >= 0 && j >= 0 && i < j {
			out, theirs = append(out, theirs[0]), theirs[1:]
		} else {
			out, mine = append(out, mine[0]), mine[1:]
		}
	}
	return append(append(out, mine...), theirs...), nil
}

func sortBy(l, order []any, mergeKey string, kind valueKind) ([]any, error) {
	var deletes []any
	if kind == kindMap {
		for _, list := range [][]any{l, order} {
			for _, v := range list {
				m, ok := v.(map[string]any)
				if !ok {
					return nil, mergepatch.ErrBadArgType(m, v)
				}
				if _, ok := m[mergeKey]; !ok {
					return nil, mergepatch.ErrNoMergeKey(m, mergeKey)
				}
			}
		}
		l, deletes = splitDeletes(l)
	}
	sort.SliceStable(l, func(i, j int) bool {
		a := indexOf(order, l[i], mergeKey, kind)
		if a < 0 {
			return true
		}
		b := indexOf(order, l[j], mergeKey, kind)
		return b < 0 || a < b
	})
	return append(l, deletes...), nil
}

func splitDeletes(l []any) (rest, deletes []any) {
	for _, v := range l {
		if m, _ := v.(map[string]any); m[patchDirective] == "delete" {
			deletes = append(deletes, v)
		} else {
			rest = append(rest, v)
		}
	}
	return rest, deletes
}

// orderedList merges the list that a $setElementOrder is for, and takes both out of the patch.
func orderedList(t reflect.Type, doc, patch map[string]any, key string) error {
	directive := patch[key]
	delete(patch, key)
	order, ok := directive.([]any)
	if !ok {
		return mergepatch.ErrBadArgType(order, directive)
	}
	field, err := directiveField(key, orderPrefix, mergepatch.ErrBadPatchFormatForSetElementOrderList)
	if err != nil {
		return err
	}
	oldValue, inDoc := doc[field]
	newValue, inPatch := patch[field]
	var old, new []any
	if inDoc {
		if old, ok = oldValue.([]any); !ok {
			return mergepatch.ErrBadArgType(old, oldValue)
		}
	}
	if inPatch {
		if new, ok = newValue.([]any); !ok {
			return mergepatch.ErrBadArgType(new, newValue)
		}
	}
	s, err := listStrategy(t, field)
	if err != nil {
		return err
	}
	if err := checkOrder(new, order, directive, s.mergeKey); err != nil {
		return err
	}
	live := old // whose elements the merge below moves: where one was deleted, the next ones and new ones close up
	var merged []any
	switch {
	case !inDoc && !inPatch:
		return nil
	case !inPatch:
		merged = old
	case !inDoc:
		v, _ := dropDirectives(new)
		merged = v.([]any)
	default:
		if merged, err = strategicLists(s, old, new, false); err != nil {
			return err
		}
	}
	mine, theirs, err := partition(merged, order, s.mergeKey)
	if err != nil {
		return err
	}
	kind, err := elementKind(live, new)
	if err != nil {
		return err
	}
	if doc[field], err = ordered(mine, theirs, order, live, s.mergeKey, kind); err != nil {
		return err
	}
	delete(patch, field)
	return nil
}

// checkOrder wants a patch's elements to be in the order that $setElementOrder says, and all of them in it.
func checkOrder(patch, order []any, directive any, mergeKey string) error {
	if len(patch) == 0 || len(order) == 0 {
		return nil
	}
	rest := patch
	if mergeKey != "" {
		for _, v := range patch {
			if m, ok := v.(map[string]any); !ok {
				return mergepatch.ErrBadArgType(m, v)
			}
		}
		rest, _ = splitDeletes(patch)
	}
	i, j := 0, 0
	for i < len(rest) && j < len(order) {
		if m, ok := rest[i].(map[string]any); ok {
			if _, ok := m[patchDirective]; ok {
				i++
				continue
			}
		}
		equal, err := sameElement(rest[i], order[j], mergeKey)
		if err != nil {
			return err
		}
		if equal {
			i++
		}
		j++
	}
	if i < len(rest) && j >= len(order) {
		return fmt.Errorf("The order in patch list:\n%v\n doesn't match %s list:\n%v\n", patch, orderPrefix, directive)
	}
	return nil
}

func sameElement(a, b any, mergeKey string) (bool, error) {
	if mergeKey == "" {
		return same(a, b), nil
	}
	var keys [2]any
	for i, v := range []any{a, b} {
		m, ok := v.(map[string]any)
		if !ok {
			return false, mergepatch.ErrBadArgType(m, v)
		}
		if keys[i], ok = m[mergeKey]; !ok {
			return false, mergepatch.ErrNoMergeKey(m, mergeKey)
		}
	}
	return same(keys[0], keys[1]), nil
}
