package schema

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var update = flag.Bool("update", false, "write builtin.bin anew from the recorded OpenAPI documents")

// recordedOpenAPI is what the reference answered below /openapi/v3, a file a document: as it comes, and what it has
// beside that with all its versions switched on.
var recordedOpenAPI = []string{"../../reference/testdata/openapi/openapi-v3.txtar.gz", "../../reference/testdata/openapi/openapi-v3-all.txtar.gz"}

// TestBuiltinFile makes builtin.bin from the recorded documents and wants the same bytes (or, with -update, writes
// them).
func TestBuiltinFile(t *testing.T) {
	made, err := generate(recordedComponents(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("builtin.bin", made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("builtin.bin")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, made) {
		t.Fatalf("builtin.bin (%d bytes) is not what the recorded documents give (%d bytes): run go generate ./internal/schema", len(have), len(made))
	}
	t.Logf("%d bytes", len(made))
}

// component is one of components.schemas: its schema, and the kinds that it is in every document that has it
// (DeleteOptions and WatchEvent are also a kind of each document's own group).
type component struct {
	schema node
	kinds  []schema.GroupVersionKind
}

// node is a schema as OpenAPI v3 writes it, with every field that the reference uses.
type node struct {
	Description string          `json:"description"`
	Ref         string          `json:"$ref"`
	AllOf       []node          `json:"allOf"`
	OneOf       []node          `json:"oneOf"`
	Type        string          `json:"type"`
	Format      string          `json:"format"`
	Properties  map[string]node `json:"properties"`
	Required    []string        `json:"required"`
	Additional  *node           `json:"additionalProperties"`
	Items       *node           `json:"items"`
	Default     json.RawMessage `json:"default"`
	Enum        []string        `json:"enum"`

	ListType      string                    `json:"x-kubernetes-list-type"`
	ListMapKeys   []string                  `json:"x-kubernetes-list-map-keys"`
	MapType       string                    `json:"x-kubernetes-map-type"`
	PatchStrategy string                    `json:"x-kubernetes-patch-strategy"`
	PatchMergeKey string                    `json:"x-kubernetes-patch-merge-key"`
	Unions        json.RawMessage           `json:"x-kubernetes-unions"`
	Kinds         []schema.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
}

func recordedDocuments(t *testing.T) map[string][]byte {
	out := map[string][]byte{}
	for _, name := range recordedOpenAPI {
		for _, f := range readArchive(t, name) {
			out[f.Name] = f.Data
		}
	}
	return out
}

func readArchive(t *testing.T, name string) []txtar.File {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return txtar.Parse(text).Files
}

func recordedComponents(t *testing.T) map[string]component {
	out := map[string]component{}
	for name, data := range recordedDocuments(t) {
		var doc struct {
			Components struct {
				Schemas map[string]node `json:"schemas"`
			} `json:"components"`
		}
		d := json.NewDecoder(bytes.NewReader(data))
		if name != "openapi/v3" {
			if err := d.Decode(&doc); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for ref, s := range doc.Components.Schemas {
			kinds := s.Kinds
			if c, ok := out[ref]; ok {
				kinds = slices.DeleteFunc(c.kinds, func(k schema.GroupVersionKind) bool { return !slices.Contains(kinds, k) })
			}
			out[ref] = component{s, kinds}
		}
	}
	return out
}

// writer makes the data file. Strings and nodes that are equal are written once.
type writer struct {
	strings, nodes table
	components     map[string]int
}

type table struct {
	all    []string
	number map[string]int
}

func (t *table) add(s string) int {
	if i, ok := t.number[s]; ok {
		return i
	}
	if t.number == nil {
		t.number = map[string]int{}
	}
	t.number[s] = len(t.all)
	t.all = append(t.all, s)
	return len(t.all) - 1
}

func generate(components map[string]component) ([]byte, error) {
	w := &writer{components: map[string]int{}}
	names := slices.Sorted(maps.Keys(components))
	var kinds []schema.GroupVersionKind
	kindOf := map[schema.GroupVersionKind]int{}
	for i, name := range names {
		w.components[name] = i
		w.nodes.all = append(w.nodes.all, "") // components are not shared with inline nodes
		for _, k := range components[name].kinds {
			kinds = append(kinds, k)
			kindOf[k] = i
		}
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Kind, b.Kind))
	})
	if len(kindOf) != len(kinds) {
		return nil, fmt.Errorf("two components are the same kind")
	}
	for i, name := range names {
		n, err := w.encode(components[name].schema, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		w.nodes.all[i] = n
	}

	var head []byte
	u32 := func(v int) { head = binary.LittleEndian.AppendUint32(head, uint32(v)) }
	var componentNames, kindRows []int
	for _, name := range names {
		componentNames = append(componentNames, w.strings.add(name))
	}
	for _, k := range kinds {
		kindRows = append(kindRows, w.strings.add(k.Group), w.strings.add(k.Version), w.strings.add(k.Kind), kindOf[k])
	}
	head = append(head, magic...)
	u32(len(w.strings.all))
	u32(len(w.nodes.all))
	u32(len(names))
	u32(len(kinds))
	for _, t := range []table{w.strings, w.nodes} {
		at := 0
		for _, s := range t.all {
			u32(at)
			at += len(s)
		}
		u32(at)
	}
	for _, v := range append(componentNames, kindRows...) {
		u32(v)
	}
	return []byte(string(head) + strings.Join(w.strings.all, "") + strings.Join(w.nodes.all, "")), nil
}

// encode writes a node; name is the component's name, or empty for an inline node.
func (w *writer) encode(n node, name string) (string, error) {
	type field struct {
		bit  uint64
		data []byte
	}
	var fields []field
	add := func(bit uint64, values ...int) {
		var b []byte
		for _, v := range values {
			b = binary.AppendUvarint(b, uint64(v))
		}
		fields = append(fields, field{bit, b})
	}
	str := func(bit uint64, s string) {
		if s != "" {
			add(bit, w.strings.add(s))
		}
	}
	list := func(bit uint64, ss []string) {
		if len(ss) > 0 {
			vs := []int{len(ss)}
			for _, s := range ss {
				vs = append(vs, w.strings.add(s))
			}
			add(bit, vs...)
		}
	}

	ref := n.Ref
	if len(n.AllOf) == 1 {
		ref = n.AllOf[0].Ref
	}
	if ref != "" {
		if name != "" || n.Type != "" || n.Properties != nil || n.Items != nil || n.Additional != nil {
			return "", fmt.Errorf("a reference with a schema beside it")
		}
		c, ok := w.components[strings.TrimPrefix(ref, "#/components/schemas/")]
		if !ok {
			return "", fmt.Errorf("unknown component %s", ref)
		}
		add(hasRef, c)
	} else {
		typ, format, items, err := shape(n, name)
		if err != nil {
			return "", err
		}
		if typ != Any {
			add(hasType, int(typ))
		}
		str(hasFormat, format)
		if typ == Object {
			vs := []int{len(n.Properties)}
			for _, p := range slices.Sorted(maps.Keys(n.Properties)) {
				b, err := w.inline(n.Properties[p])
				if err != nil {
					return "", fmt.Errorf("%s: %w", p, err)
				}
				vs = append(vs, w.strings.add(p), b)
			}
			add(hasProperties, vs...)
		}
		list(hasRequired, n.Required)
		if items != nil {
			if name != "" {
				return "", fmt.Errorf("a component with items: the decoder's copies would miss them")
			}
			b, err := w.inline(*items)
			if err != nil {
				return "", fmt.Errorf("items: %w", err)
			}
			add(hasItems, b)
		}
	}

	declared := false
	switch n.ListType {
	case "atomic":
		declared = true
	case "set":
		add(hasListType, int(ListSet))
	case "map":
		add(hasListType, int(ListMap))
	case "":
		if n.Type == "array" && n.PatchStrategy != "" {
			return "", fmt.Errorf("a patch strategy without a list type")
		}
	default:
		return "", fmt.Errorf("list type %q", n.ListType)
	}
	list(hasKeys, n.ListMapKeys)
	switch {
	case n.MapType == "atomic" || name == "io.k8s.apimachinery.pkg.runtime.RawExtension":
		add(hasAtomic, 1)
	case n.MapType == "granular":
		add(hasAtomic, 0)
		declared = true
	case n.MapType != "":
		return "", fmt.Errorf("map type %q", n.MapType)
	}
	if declared {
		add(isDeclared)
	}
	var strategy PatchStrategy
	for s := range strings.SplitSeq(n.PatchStrategy, ",") {
		switch s {
		case "merge":
			strategy |= PatchMerge
		case "retainKeys":
			strategy |= PatchRetainKeys
		case "replace":
			strategy |= PatchReplace
		case "":
		default:
			return "", fmt.Errorf("patch strategy %q", s)
		}
	}
	if strategy != 0 {
		add(hasPatchStrategy, int(strategy))
	}
	str(hasPatchMergeKey, n.PatchMergeKey)
	str(hasDefault, string(n.Default))
	list(hasEnum, n.Enum)
	str(hasUnions, string(n.Unions))

	var has uint64
	var body []byte
	for _, f := range fields {
		if f.bit <= has {
			return "", fmt.Errorf("fields out of order")
		}
		has |= f.bit
		body = append(body, f.data...)
	}
	return string(append(binary.AppendUvarint(nil, has), body...)), nil
}

func (w *writer) inline(n node) (int, error) {
	s, err := w.encode(n, "")
	return w.nodes.add(s), err
}

// shape is the type of a node that is no reference.
func shape(n node, name string) (typ Type, format string, items *node, err error) {
	var one []string
	for _, o := range n.OneOf {
		one = append(one, o.Type)
	}
	switch oneOf := strings.Join(one, "|"); {
	case oneOf == "integer|string" && n.Type == "" && n.Format == "int-or-string":
		return IntOrString, "", nil, nil
	case oneOf == "string|number" && n.Type == "" && name == "io.k8s.apimachinery.pkg.api.resource.Quantity":
		return String, "quantity", nil, nil
	case oneOf != "":
		return 0, "", nil, fmt.Errorf("oneOf %s", oneOf)
	}
	switch n.Type {
	case "":
		if n.Format == "" && n.Properties == nil && n.Items == nil && n.Additional == nil {
			return Any, "", nil, nil
		}
	case "object":
		switch {
		case n.Additional != nil && n.Properties == nil:
			return Map, n.Format, n.Additional, nil
		case n.Additional == nil && len(n.Properties) > 0:
			return Object, n.Format, nil, nil
		case n.Additional == nil:
			return Any, "object", nil, nil
		}
	case "array":
		return List, n.Format, n.Items, nil
	case "string":
		return String, n.Format, nil, nil
	case "integer":
		return Integer, n.Format, nil, nil
	case "number":
		return Number, n.Format, nil, nil
	case "boolean":
		return Boolean, n.Format, nil, nil
	}
	return 0, "", nil, fmt.Errorf("a schema of a shape that no built-in kind had: %+v", n)
}
