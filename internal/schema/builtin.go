package schema

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

//go:generate go test -run TestBuiltinFile -update .

// builtin.bin holds facts only, no descriptions. It is read where it lies: strings of decoded nodes point into
// it, so that a schema costs its nodes and nothing else.
//
//	"pintle schema 1\n"
//	u32 strings, nodes, components, kinds     how many of each; every u32 is little-endian
//	u32 [strings+1]                           where each string starts in the string bytes; the last: where they end
//	u32 [nodes+1]                             the same for nodes
//	u32 [components]                          string: the name of component i, which is node i; sorted by name
//	u32 [kinds][4]                            strings group, version, kind, and the component; sorted by group, version, kind
//	string bytes, node bytes
//
// A node is uvarints: a set of fields (see the has constants), then each field that is in it, in the order of the
// constants. A string is its number; a list its length and its elements; a schema its node's number. A node with
// hasRef is a copy of that component whose other fields, where there are any, replace the component's.
//
//go:embed builtin.bin
var builtinData string

const magic = "pintle schema 1\n"

// The fields of a node, in the order they are written in.
const (
	hasRef = 1 << iota
	hasType
	hasFormat
	hasProperties // count, then name and node of each
	hasRequired
	hasItems
	hasListType
	hasKeys
	hasAtomic  // 0 or 1
	isDeclared // no value
	hasPatchStrategy
	hasPatchMergeKey
	hasDefault
	hasEnum
	hasUnions
)

// Builtin is the schemas of the built-in kinds. Nodes are decoded when asked for, with what they lead to, and kept:
// asking for ConfigMap builds no part of Pod. Any number of goroutines may use one.
type Builtin struct {
	open sync.Once
	file
	done []atomic.Pointer[Schema] // by component: finished, for readers without the lock

	mu    sync.Mutex
	nodes []*Schema // by node: begun under mu
}

// NewBuiltin returns the schemas of the built-in kinds. It costs nothing until one is asked for.
func NewBuiltin() *Builtin { return &Builtin{} }

// Kind returns the schema of a group, version and kind (lists among them), or nil when there is none.
func (b *Builtin) Kind(group, version, kind string) *Schema {
	b.open.Do(b.start)
	if i := b.findKind(group, version, kind); i >= 0 {
		return b.component(int(b.kind(i, 3)))
	}
	return nil
}

// Component returns the schema called ref ("io.k8s.api.core.v1.PodSpec"), or nil when there is none.
func (b *Builtin) Component(ref string) *Schema {
	b.open.Do(b.start)
	if i := b.findComponent(ref); i >= 0 {
		return b.component(i)
	}
	return nil
}

// Components lists the names of all components in alphabetical order.
func (b *Builtin) Components() []string {
	b.open.Do(b.start)
	out := make([]string, b.componentCount)
	for i := range out {
		out[i] = b.string(b.componentName(i))
	}
	return out
}

// KindsOf lists the kinds that the component called ref is, as x-kubernetes-group-version-kind does.
func (b *Builtin) KindsOf(ref string) []schema.GroupVersionKind {
	b.open.Do(b.start)
	c := b.findComponent(ref)
	var out []schema.GroupVersionKind
	for i := range b.kindCount {
		if int(b.kind(i, 3)) == c {
			out = append(out, schema.GroupVersionKind{Group: b.string(b.kind(i, 0)), Version: b.string(b.kind(i, 1)), Kind: b.string(b.kind(i, 2))})
		}
	}
	return out
}

// Digest tells one set of schemas from another.
func (b *Builtin) Digest() [sha256.Size]byte { return sha256.Sum256([]byte(builtinData)) }

func (b *Builtin) start() {
	b.file = openFile(builtinData)
	b.done = make([]atomic.Pointer[Schema], b.componentCount)
	b.nodes = make([]*Schema, b.nodeCount)
}

func (b *Builtin) component(i int) *Schema {
	if s := b.done[i].Load(); s != nil {
		return s
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.node(i)
	b.done[i].Store(s)
	return s
}

// node decodes node i and all that it leads to; b.mu is held. A node is entered in b.nodes before its fields are
// followed, which ends recursion, and has its Properties slice by then, which lets a copy of an unfinished
// component share what is still to be filled in.
func (b *Builtin) node(i int) *Schema {
	if s := b.nodes[i]; s != nil {
		return s
	}
	s := &Schema{}
	b.nodes[i] = s
	r := b.nodeReader(i)
	has := r.uint()
	if has&hasRef != 0 {
		*s = *b.node(r.uint())
	}
	if i < b.componentCount {
		s.Ref = b.string(b.componentName(i))
	}
	if has&hasType != 0 {
		s.Type = Type(r.uint())
	}
	if has&hasFormat != 0 {
		s.Format = r.string()
	}
	var properties reader
	if has&hasProperties != 0 {
		s.Properties = make([]Property, r.uint())
		properties = r
		r.skip(2 * len(s.Properties))
	}
	if has&hasRequired != 0 {
		s.Required = r.strings()
	}
	items := -1
	if has&hasItems != 0 {
		items = r.uint()
	}
	if has&hasListType != 0 {
		s.ListType = ListType(r.uint())
	}
	if has&hasKeys != 0 {
		s.Keys = r.strings()
	}
	if has&hasAtomic != 0 {
		s.Atomic = r.uint() == 1
	}
	s.Declared = has&isDeclared != 0
	if has&hasPatchStrategy != 0 {
		s.PatchStrategy = PatchStrategy(r.uint())
	}
	if has&hasPatchMergeKey != 0 {
		s.PatchMergeKey = r.string()
	}
	if has&hasDefault != 0 {
		s.Default = []byte(r.string())
	}
	if has&hasEnum != 0 {
		s.Enum = r.strings()
	}
	if has&hasUnions != 0 {
		s.Unions = []byte(r.string())
	}

	for p := range s.Properties {
		if has&hasProperties == 0 {
			break // the component's own
		}
		s.Properties[p].Name = properties.string()
		s.Properties[p].Schema = b.node(properties.uint())
	}
	if items >= 0 {
		s.Items = b.node(items)
	}
	return s
}

// file is the data file, opened: where its tables start.
type file struct {
	data                                              string
	stringCount, nodeCount, componentCount, kindCount int
	stringTable, nodeTable, componentTable, kindTable int
	stringBytes, nodeBytes                            int
}

func openFile(data string) file {
	f := file{data: data}
	at := len(magic)
	if len(data) < at || data[:at] != magic {
		panic("schema: builtin.bin is not a schema file")
	}
	for _, n := range []*int{&f.stringCount, &f.nodeCount, &f.componentCount, &f.kindCount} {
		*n = int(f.u32(at))
		at += 4
	}
	f.stringTable = at
	f.nodeTable = f.stringTable + 4*(f.stringCount+1)
	f.componentTable = f.nodeTable + 4*(f.nodeCount+1)
	f.kindTable = f.componentTable + 4*f.componentCount
	f.stringBytes = f.kindTable + 16*f.kindCount
	f.nodeBytes = f.stringBytes + int(f.u32(f.stringTable+4*f.stringCount))
	return f
}

func (f *file) u32(at int) uint32 {
	d := f.data[at : at+4]
	return uint32(d[0]) | uint32(d[1])<<8 | uint32(d[2])<<16 | uint32(d[3])<<24
}

func (f *file) string(i uint32) string {
	at := f.stringTable + 4*int(i)
	return f.data[f.stringBytes+int(f.u32(at)) : f.stringBytes+int(f.u32(at+4))]
}

func (f *file) componentName(i int) uint32 { return f.u32(f.componentTable + 4*i) }

// kind returns column 0 to 3 of row i of the kinds: group, version, kind, component.
func (f *file) kind(i, column int) uint32 { return f.u32(f.kindTable + 16*i + 4*column) }

func (f *file) findComponent(name string) int {
	return find(f.componentCount, func(i int) int { return strings.Compare(f.string(f.componentName(i)), name) })
}

func (f *file) findKind(group, version, kind string) int {
	return find(f.kindCount, func(i int) int {
		if c := strings.Compare(f.string(f.kind(i, 0)), group); c != 0 {
			return c
		}
		if c := strings.Compare(f.string(f.kind(i, 1)), version); c != 0 {
			return c
		}
		return strings.Compare(f.string(f.kind(i, 2)), kind)
	})
}

// find is a binary search of 0..n-1: cmp(i) compares row i with what is looked for. It returns -1 for not found.
func find(n int, cmp func(int) int) int {
	lo, hi := 0, n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := cmp(mid); {
		case c == 0:
			return mid
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return -1
}

// reader walks the bytes of a node.
type reader struct {
	f    *file
	rest string
}

func (f *file) nodeReader(i int) reader {
	at := f.nodeTable + 4*i
	return reader{f, f.data[f.nodeBytes+int(f.u32(at)) : f.nodeBytes+int(f.u32(at+4))]}
}

func (r *reader) uint() int {
	var v uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return int(v)
		}
	}
	panic(fmt.Sprintf("schema: builtin.bin is cut short: %q", r.rest))
}

func (r *reader) skip(n int) {
	for range n {
		r.uint()
	}
}

func (r *reader) string() string { return r.f.string(uint32(r.uint())) }

func (r *reader) strings() []string {
	out := make([]string, r.uint())
	for i := range out {
		out[i] = r.string()
	}
	return out
}
