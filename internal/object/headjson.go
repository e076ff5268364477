package object

import (
	gojson "encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// afterSorted says whether a metadata member follows resourceVersion in a tree, whose members are sorted.
func afterSorted(key []byte) bool { return string(key) > "resourceVersion" }

// afterStruct says the same of a struct, whose members stand in the order of ObjectMeta's fields.
func afterStruct(key []byte) bool {
	switch string(key) {
	case "name", "generateName", "namespace", "selfLink", "uid":
		return false
	}
	return true
}

// readJSON scans to the metadata, and over its members. What follows is not looked at: metadata comes before
// all that is big, in structs and in trees.
func (h *Head) readJSON(stored []byte, after func(key []byte) bool) bool {
	meta := 0
	if !eachMember(stored, 0, func(key []byte, value, end int) bool {
		if string(key) != "metadata" {
			return true
		}
		meta = value
		return false
	}) || meta == 0 || stored[meta] != '{' {
		return false
	}
	placed, good := false, true
	at := meta + 1
	ok := eachMember(stored, meta, func(key []byte, value, end int) bool {
		if !placed && after(key) {
			placed = true
			h.rvAt = uint32(at)
		}
		at = end
		content := stored[value:end]
		switch string(key) {
		case "uid":
			h.UID = types.UID(quoted(content))
		case "resourceVersion":
			good = false
		case "creationTimestamp":
			h.Created = jsonSeconds(content)
		case "deletionTimestamp":
			if string(content) != "null" {
				h.flags |= headDeleting
			}
		case "finalizers":
			if first := skipSpace(content, 1); content[0] == '[' && content[first] != ']' {
				h.flags |= headFinalizers
			}
		case "labels":
			h.Labels, good = jsonLabels(content)
		case "ownerReferences":
			h.Owners, good = jsonOwners(content)
		}
		return good
	})
	if !ok || !good {
		return false
	}
	if !placed {
		h.rvAt = uint32(at)
	}
	return true
}

// quoted is the string in quotes, or "".
func quoted(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	inner := value[1 : len(value)-1]
	if slices.Contains(inner, '\\') {
		var s string
		if gojson.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	}
	return alias(inner)
}

func jsonLabels(value []byte) (Labels, bool) {
	if value[0] != '{' {
		return "", string(value) == "null"
	}
	b := make([]byte, 0, len(value)+8)
	last, sorted := "", true
	ok := eachMember(value, 0, func(key []byte, from, to int) bool {
		k := alias(key)
		sorted = sorted && !slices.Contains(key, '\\') && (len(b) == 0 || last < k) && value[from] == '"'
		last = k
		if sorted {
			b = appendLabel(b, k, quoted(value[from:to]))
		}
		return sorted
	})
	if ok && sorted {
		return Labels(b), true
	}
	var m map[string]string
	if gojson.Unmarshal(value, &m) != nil {
		return "", false
	}
	return MakeLabels(m), true
}

func jsonOwners(value []byte) ([]types.UID, bool) {
	if value[0] != '[' {
		return nil, string(value) == "null"
	}
	var owners []types.UID
	for at := skipSpace(value, 1); at < len(value) && value[at] != ']'; {
		uid := ""
		end := skipValue(value, at)
		if end < 0 || value[at] != '{' || !eachMember(value[:end], at, func(key []byte, from, to int) bool {
			if string(key) == "uid" {
				uid = quoted(value[from:to])
			}
			return true
		}) {
			return nil, false
		}
		owners = append(owners, types.UID(uid))
		if at = skipSpace(value, end); at < len(value) && value[at] == ',' {
			at = skipSpace(value, at+1)
		}
	}
	return owners, true
}
