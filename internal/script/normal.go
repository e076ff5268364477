package script

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A normaliser replaces what differs from run to run by placeholders that are
// numbered in order of first appearance, so that equality between steps is
// still visible: <uid-1>, <rv-2>. It serves one run of one script, in one
// goroutine. What the script itself says (written) is never replaced.
//
// The resourceVersion of an object is an identity. That of a list or a bookmark
// is only a point in time, which other writers move on, so it is <rv-list> or
// <rv-bookmark>, but where the request pins it: an exact list says
// <rv-N> again, and the pages of one list share <rv-page-N>.
type normaliser struct {
	written   string
	ids       map[string]string // volatile value -> placeholder
	counts    map[string]int    // by class
	generated []*regexp.Regexp  // names made from a generateName
	unordered bool              // causes are sorted
	hook      *strings.Replacer // of what tells of the run's webhook; nil: there is none
}

func newNormaliser(written string) *normaliser {
	return &normaliser{written: written, ids: map[string]string{}, counts: map[string]int{}}
}

var (
	uidPattern  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	agePattern  = regexp.MustCompile(`^(\d+[smhdy])+$`)
	ipPattern   = regexp.MustCompile(`\b10\.0\.\d+\.\d+\b`)
	hashPattern = regexp.MustCompile(`hash=[0-9A-F]{64,}`)
	// Revisions in messages: only behind words that announce them, because any
	// small number may be one.
	rvPatterns = []*regexp.Regexp{
		regexp.MustCompile(`(?i)(too old resource version: )(\d+)( \()(\d+)(\))`),
		regexp.MustCompile(`(Too large resource version: )(\d+)(, current: )(\d+)()`),
		regexp.MustCompile(`(ResourceVersion in precondition: )(\d+)(, ResourceVersion in object meta: )(\d+)()`),
		regexp.MustCompile(`(ResourceVersion in record \()(\d+)(\))()()`),
		regexp.MustCompile(`("resourceVersion\\*":\\*")(\d+)(\\*")()()`), // an object inside of a message
	}
)

// asked says what a tree is the answer to.
type asked struct {
	exact bool // resourceVersionMatch=Exact: the list's revision is the one asked for
	paged bool // continue: the pages of one list share a revision
}

// id is the placeholder of a value within its class.
func (n *normaliser) id(class, value string) string {
	if value == "" || value == "0" {
		return value
	}
	key := class + " " + value
	p, ok := n.ids[key]
	if !ok {
		n.counts[class]++
		p = fmt.Sprintf("<%s-%d>", class, n.counts[class])
		n.ids[key] = p
	}
	return p
}

// text normalises a string.
func (n *normaliser) text(s string) string {
	keep := func(f func(string) string) func(string) string {
		return func(m string) string {
			if strings.Contains(n.written, m) {
				return m
			}
			return f(m)
		}
	}
	if n.hook != nil {
		s = n.hook.Replace(s)
	}
	for _, p := range n.generated {
		s = p.ReplaceAllStringFunc(s, keep(func(m string) string { return m[:len(m)-5] + n.id("generated", m) }))
	}
	s = uidPattern.ReplaceAllStringFunc(s, keep(func(m string) string { return n.id("uid", m) }))
	s = timePattern.ReplaceAllStringFunc(s, keep(func(m string) string {
		if strings.HasPrefix(m, "2006-01-02T15:04:05") { // Go's layout, in an error message
			return m
		}
		if strings.Contains(m, ".") {
			return "<time.micro>"
		}
		return "<time>"
	}))
	s = ipPattern.ReplaceAllStringFunc(s, keep(func(m string) string { return n.id("ip", m) }))
	s = hashPattern.ReplaceAllString(s, "hash=<hash>")
	for _, p := range rvPatterns {
		s = p.ReplaceAllStringFunc(s, func(m string) string {
			g := p.FindStringSubmatch(m)
			for _, i := range []int{2, 4} {
				if g[i] != "" && !regexp.MustCompile(`\b`+g[i]+`\b`).MatchString(n.written) {
					g[i] = "<rv>"
				}
			}
			return strings.Join(g[1:], "")
		})
	}
	return shorten(s)
}

// shorten keeps recordings small: of a very long string, the start, and a sum of the rest.
func shorten(s string) string {
	const start, most = 100, 4000
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s<%d bytes more, sha256 %.8x>", s[:start], len(s)-start, sha256.Sum256([]byte(s[start:])))
}

// tree normalises a decoded body; it changes the tree in place.
func (n *normaliser) tree(v any, c asked) any {
	return n.walk(v, c)
}

// generates tells of a generateName that the script sends: names made from it
// are volatile wherever they show up.
func (n *normaliser) generates(base string) {
	// The suffix has five of the characters that spell no words; the whole has
	// 63 at most.
	base = base[:min(len(base), 58)]
	n.generated = append(n.generated, regexp.MustCompile(regexp.QuoteMeta(base)+`([bcdfghjklmnpqrstvwxz2456789]{5})\b`))
}

func (n *normaliser) walk(v any, c asked) any {
	switch t := v.(type) {
	case map[string]any:
		if meta, ok := t["metadata"].(map[string]any); ok {
			n.metadata(t, meta, c)
		}
		if n.unordered && t["kind"] == "Status" {
			sortCauses(t)
		}
		n.ages(t)
		out := make(map[string]any, len(t))
		for _, k := range slices.Sorted(maps.Keys(t)) {
			out[n.text(k)] = n.walk(t[k], c)
		}
		return out
	case []any:
		for i := range t {
			t[i] = n.walk(t[i], c)
		}
		return t
	case string:
		return n.text(t)
	}
	return v
}

// metadata replaces the resourceVersion and the continue token of an object or a list.
func (n *normaliser) metadata(parent, meta map[string]any, c asked) {
	if token, ok := meta["continue"].(string); ok && token != "" {
		meta["continue"] = n.id("continue", token)
		c.paged = true
	}
	if entries, ok := meta["managedFields"].([]any); ok {
		meta["managedFields"] = byManager(entries)
	}
	rv, ok := meta["resourceVersion"].(string)
	if !ok || rv == "" {
		return
	}
	switch {
	case bookmark(parent, meta):
		rv = "<rv-bookmark>"
	case !isList(parent):
		rv = n.id("rv", rv)
	case c.exact:
		rv = n.id("rv", rv)
	case c.paged:
		rv = n.id("rv-page", rv)
	default:
		rv = n.listRevision(parent, rv)
	}
	meta["resourceVersion"] = rv
}

// byManager puts managedFields into an order that does not depend on when a
// second ended: servers sort by operation, time, manager and so on, and here the
// time is left out. Entries that are not in the servers' order stay, and say so.
func byManager(entries []any) []any {
	key := func(e any, fields ...string) string {
		m, _ := e.(map[string]any)
		var b strings.Builder
		for _, f := range fields {
			s, _ := m[f].(string)
			b.WriteString(s + "\x00")
		}
		return b.String()
	}
	served := func(a, b any) int {
		all := []string{"operation", "time", "manager", "apiVersion", "subresource"}
		return strings.Compare(key(a, all...), key(b, all...))
	}
	if !slices.IsSortedFunc(entries, served) {
		return append([]any{"<out of order>"}, entries...)
	}
	slices.SortStableFunc(entries, func(a, b any) int {
		rest := []string{"operation", "manager", "apiVersion", "subresource"}
		return strings.Compare(key(a, rest...), key(b, rest...))
	})
	return entries
}

// listRevision says whether a list is at least as new as what it holds.
func (n *normaliser) listRevision(list map[string]any, rv string) string {
	at, err := strconv.ParseUint(rv, 10, 64)
	if err != nil {
		return rv
	}
	for _, key := range []string{"items", "rows"} {
		items, _ := list[key].([]any)
		for _, item := range items {
			o, _ := item.(map[string]any)
			if key == "rows" {
				o, _ = o["object"].(map[string]any)
			}
			meta, _ := o["metadata"].(map[string]any)
			s, _ := meta["resourceVersion"].(string)
			if r, err := strconv.ParseUint(s, 10, 64); err == nil && r > at {
				return "<rv-list, older than its items>"
			}
		}
	}
	return "<rv-list>"
}

func isList(o map[string]any) bool {
	kind, _ := o["kind"].(string)
	_, items := o["items"]
	return items || strings.HasSuffix(kind, "List") || kind == "Table" || kind == "Status"
}

// bookmark: an object with nothing but a revision.
func bookmark(o, meta map[string]any) bool {
	if isList(o) {
		return false
	}
	_, named := meta["name"]
	return !named
}

// ages replaces the cells of a table's Age columns.
func (n *normaliser) ages(t map[string]any) {
	columns, _ := t["columnDefinitions"].([]any)
	rows, _ := t["rows"].([]any)
	for i, c := range columns {
		if def, _ := c.(map[string]any); def["name"] != "Age" {
			continue
		}
		for _, r := range rows {
			row, _ := r.(map[string]any)
			cells, _ := row["cells"].([]any)
			if i < len(cells) {
				if s, ok := cells[i].(string); ok && agePattern.MatchString(s) {
					cells[i] = "<age>"
				}
			}
		}
	}
}

// render prints a tree as JSON with sorted keys, short things on one line.
func render(v any) string {
	var b strings.Builder
	printTree(&b, v, "", 0)
	return b.String()
}

const lineWidth = 120

func printTree(b *strings.Builder, v any, indent string, used int) {
	if line := oneLine(v); len(indent)+used+len(line) <= lineWidth {
		b.WriteString(line)
		return
	}
	switch t := v.(type) {
	case map[string]any:
		b.WriteString("{\n")
		for i, k := range slices.Sorted(maps.Keys(t)) {
			if i > 0 {
				b.WriteString(",\n")
			}
			key := oneLine(k) + ": "
			b.WriteString(indent + "  " + key)
			if k == "fieldsV1" {
				b.WriteString(oneLine(t[k]))
			} else {
				printTree(b, t[k], indent+"  ", len(key))
			}
		}
		b.WriteString("\n" + indent + "}")
	case []any:
		b.WriteString("[\n")
		for i, e := range t {
			if i > 0 {
				b.WriteString(",\n")
			}
			b.WriteString(indent + "  ")
			printTree(b, e, indent+"  ", 0)
		}
		b.WriteString("\n" + indent + "]")
	default:
		b.WriteString(oneLine(v))
	}
}

// oneLine is JSON with a space behind commas and colons.
func oneLine(v any) string {
	switch t := v.(type) {
	case map[string]any:
		parts := make([]string, 0, len(t))
		for _, k := range slices.Sorted(maps.Keys(t)) {
			parts = append(parts, oneLine(k)+": "+oneLine(t[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, 0, len(t))
		for _, e := range t {
			parts = append(parts, oneLine(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("<%v>", err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
