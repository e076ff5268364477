package cel

import (
	apicel "k8s.io/apiserver/pkg/cel"
)

// maxRequestSize is the size in bytes of the largest request: it bounds what nothing else does.
const maxRequestSize = apicel.DefaultMaxRequestSizeBytes

// bounds are how small and how large values of nodes can be, worked out once for each node that is asked for. Nodes are
// told apart by identity.
type bounds struct {
	leasts, mosts map[Node]int64
}

func newBounds() *bounds { return &bounds{map[Node]int64{}, map[Node]int64{}} }

// least is the size in bytes of the smallest value of a declared node, as JSON.
func (b *bounds) least(n Node) int64 {
	switch {
	case n.IntOrString():
		return 1
	case n.Type() == "object" && n.Values() == nil:
		size, ok := b.leasts[n]
		if !ok {
			size = b.leastObject(n)
			b.leasts[n] = size
		}
		return size
	}
	return leastOf(n)
}

// leastObject counts the fields that are required and that nobody fills in.
func (b *bounds) leastObject(n Node) int64 {
	size := int64(2) // { and }
	required := n.Required()
	seen := make(map[string]bool, len(required))
	for _, name := range required {
		if seen[name] {
			continue
		}
		seen[name] = true
		p := n.Property(name)
		if p == nil || p.HasDefault() {
			continue
		}
		if p = asResource(p); declared(p) {
			size += int64(len(name)) + b.least(p) + 4
		}
	}
	return size
}

func leastOf(n Node) int64 {
	switch n.Type() {
	case "array", "object":
		return 2
	case "boolean":
		return apicel.MinBoolSize
	case "number", "integer":
		return apicel.MinNumberSize
	}
	switch n.Format() {
	case "duration":
		return apicel.MinDurationSizeJSON
	case "date":
		return apicel.JSONDateSize
	case "date-time":
		return apicel.MinDatetimeSizeJSON
	}
	return apicel.MinStringSize
}

// most is how many elements, entries or bytes the largest value of a declared node has; 0 for what has no such.
func (b *bounds) most(n Node) int64 {
	size, ok := b.mosts[n]
	if !ok {
		size = b.mostOf(n)
		b.mosts[n] = size
	}
	return size
}

func (b *bounds) mostOf(n Node) int64 {
	if n.IntOrString() {
		return maxBytes(n, maxRequestSize-2)
	}
	switch n.Type() {
	case "array":
		if most, ok := limit(n.MaxItems()); ok {
			return most
		}
		// [ and ], and a comma after each
		return (maxRequestSize - 2) / (b.least(asResource(n.Items())) + 1)
	case "object":
		if n.Values() == nil {
			return 0
		}
		if most, ok := limit(n.MaxProperties()); ok {
			return most
		}
		// { and }, and for each the quotes of its key, a colon, a comma and a key of two bytes
		return (maxRequestSize - 2) / (b.least(asResource(n.Values())) + 6)
	case "string":
		return mostString(n)
	}
	return 0
}

func mostString(n Node) int64 {
	switch n.Format() {
	case "byte":
		if most, ok := limit(n.MaxLength()); ok {
			return most
		}
		return maxRequestSize - 2
	case "duration":
		return apicel.MaxDurationSizeJSON
	case "date":
		return apicel.JSONDateSize
	case "date-time":
		return apicel.MaxDatetimeSizeJSON
	}
	most := int64(maxRequestSize - 2)
	if l := n.LongestEnum(); l >= 0 {
		most = int64(l)
	}
	return maxBytes(n, most)
}

// maxBytes is the length in bytes of the longest string that maxLength, which counts characters, allows, and otherwise
// what is given.
func maxBytes(n Node, otherwise int64) int64 {
	if l := n.MaxLength(); l != nil {
		return max(*l, 0) * 4
	}
	return otherwise
}
