package patch

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pintle-io/pintle/internal/object"
)

// In a tree, managedFields are trees too, their sets among them. They are read and written here without going by
// way of structs and JSON.

// listed are an object's managedFields. Sets of trees are in trees, beside entries that have none.
type listed struct {
	entries []metav1.ManagedFieldsEntry
	trees   []map[string]any
}

func (l *listed) tree(i int) map[string]any {
	if l.trees == nil {
		return nil
	}
	return l.trees[i]
}

// isReset recognizes how a client empties managedFields: an empty list, or one empty entry.
func (l *listed) isReset() bool {
	return l.entries != nil && len(l.entries) == 0 || len(l.entries) == 1 && l.entries[0] == metav1.ManagedFieldsEntry{} && l.tree(0) == nil
}

// list reads the managedFields of an object that may be nil.
func list(o object.Object) listed {
	if o == nil {
		return listed{}
	}
	if u, ok := o.(*unstructured.Unstructured); ok {
		if l, ok := listTree(u); ok {
			return l
		}
	}
	return listed{entries: o.GetManagedFields()}
}

// listTree reads what the server writes; ok is false for anything else.
func listTree(u *unstructured.Unstructured) (l listed, ok bool) {
	meta, _ := u.Object["metadata"].(map[string]any)
	items, isList := meta["managedFields"].([]any)
	if !isList {
		return l, meta["managedFields"] == nil
	}
	l.entries = make([]metav1.ManagedFieldsEntry, len(items))
	l.trees = make([]map[string]any, len(items))
	for i, item := range items {
		m, ok := item.(map[string]any)
		if !ok {
			return l, false
		}
		e := &l.entries[i]
		for k, v := range m {
			s, isString := v.(string)
			switch k {
			case "manager":
				e.Manager = s
			case "operation":
				e.Operation = metav1.ManagedFieldsOperationType(s)
			case "apiVersion":
				e.APIVersion = s
			case "fieldsType":
				e.FieldsType = s
			case "subresource":
				e.Subresource = s
			case "time":
				t, err := time.Parse(time.RFC3339, s)
				if err != nil {
					return l, false
				}
				e.Time = &metav1.Time{Time: t.Local()}
			case "fieldsV1":
				l.trees[i], isString = v.(map[string]any)
			}
			if !isString {
				return l, false
			}
		}
	}
	return l, true
}

// setOfTree reads a set.
func setOfTree(mem *arena, tree map[string]any) ([]node, error) {
	r := treeReader{mem.begin()}
	if _, err := r.object(tree, 0); err != nil {
		return nil, err
	}
	return mem.keep(r.out), nil
}

type treeReader struct{ out []node }

func (r *treeReader) object(m map[string]any, depth int) (isMember bool, err error) {
	if depth > maxDepth {
		return false, errTooDeep
	}
	var room [16]item[any]
	children := room[:0]
	for k, v := range m {
		if k == "." {
			isMember = true
			continue
		}
		e, known, err := parseElem(k)
		if err != nil {
			return false, err
		}
		if known {
			children = append(children, item[any]{e, v})
		}
	}
	slices.SortFunc(children, func(a, b item[any]) int { return a.elem.compare(b.elem) })
	for i, c := range children {
		if i > 0 && c.elem.compare(children[i-1].elem) == 0 {
			continue
		}
		sub, ok := c.val.(map[string]any)
		if !ok && c.val != nil {
			return false, errFieldsSyntax
		}
		at := len(r.out)
		r.out = append(r.out, node{elem: c.elem})
		isMember, err := r.object(sub, depth+1)
		if err != nil {
			return false, err
		}
		var mk mark
		if isMember {
			mk = member
		}
		r.out = closeNode(r.out, at, mk)
	}
	return isMember || len(children) == 0, nil
}

// treeOfSet writes a set.
func treeOfSet(s []node) map[string]any {
	out := map[string]any{}
	for i := 0; i < len(s); i = next(s, i) {
		sub := treeOfSet(below(s, i))
		if s[i].mark != 0 && s[i].size > 0 {
			sub["."] = map[string]any{}
		}
		out[s[i].elem.fieldsKey()] = sub
	}
	return out
}

// setEntries writes entries into an object.
func setEntries(o object.Object, entries []entry) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok || len(entries) == 0 {
		o.SetManagedFields(encodeEntries(entries))
		return
	}
	sortEntries(entries)
	items := make([]any, len(entries))
	for i := range entries {
		e := &entries[i]
		m := make(map[string]any, 7)
		m["operation"], m["apiVersion"], m["fieldsType"] = string(e.operation), e.version, "FieldsV1"
		if e.manager != "" {
			m["manager"] = e.manager
		}
		if e.subresource != "" {
			m["subresource"] = e.subresource
		}
		if e.time != nil {
			m["time"] = e.time.ToUnstructured()
		}
		if m["fieldsV1"] = e.tree; e.tree == nil {
			m["fieldsV1"] = treeOfSet(e.set)
		}
		items[i] = m
	}
	meta, ok := u.Object["metadata"].(map[string]any)
	if !ok {
		if u.Object == nil {
			u.Object = map[string]any{}
		}
		meta = map[string]any{}
		u.Object["metadata"] = meta
	}
	meta["managedFields"] = items
}

// sortEntries orders entries: appliers first, then by time.
func sortEntries(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		if a.operation != b.operation {
			return strings.Compare(string(a.operation), string(b.operation))
		}
		if x, y := seconds(a.time), seconds(b.time); x != y {
			return int(max(-1, min(1, x-y)))
		}
		if c := strings.Compare(a.manager, b.manager); c != 0 {
			return c
		}
		if c := strings.Compare(a.version, b.version); c != 0 {
			return c
		}
		return strings.Compare(a.subresource, b.subresource)
	})
}
