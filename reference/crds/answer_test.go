package crds

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// An answer is what came back from one exchange.
type answer struct {
	id       string
	code     int
	warnings []string
	body     []byte
	// Both are made by settle: what is compared, and what of it a recording shows.
	text, note string
}

// normal makes the text of the answer, without what no two servers share: uids, revisions and times. Parts whose order
// is a map's on the reference are sorted.
func (a answer) normal(id string) answer {
	a.id = id
	var b strings.Builder
	slices.Sort(a.warnings)
	for _, w := range a.warnings {
		fmt.Fprintln(&b, w)
	}
	if o, err := decode(a.body); err != nil {
		b.Write(a.body)
	} else {
		if o["kind"] == "Status" {
			a.note = normalStatus(o)
		}
		strip(o)
		stripTable(o)
		// Descriptions are the types' own; this type has none that a program can read.
		delete(object(o, "components", "schemas", "io.k8s.apimachinery.pkg.apis.meta.v1.Time"), "description")
		write(&b, o)
	}
	a.text = b.String()
	return a
}

func write(b *strings.Builder, o any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	_ = e.Encode(o) // it was decoded from JSON
}

// strip takes the volatile parts out of an object, or a list of them.
func strip(o map[string]any) {
	for _, item := range list(o, "items") {
		if item, ok := item.(map[string]any); ok {
			strip(item)
		}
	}
	meta := object(o, "metadata")
	for _, k := range []string{"uid", "resourceVersion", "creationTimestamp", "selfLink"} {
		delete(meta, k)
	}
	for _, m := range list(meta, "managedFields") {
		if m, ok := m.(map[string]any); ok {
			delete(m, "time")
		}
	}
	sortByJSON(list(meta, "managedFields")) // by time, otherwise
	if o["kind"] == "APIResourceList" {
		sortByJSON(list(o, "resources")) // in a map's order, otherwise
	}
	if o["kind"] == "CustomResourceDefinition" {
		stripConditions(o)
	}
}

// stripConditions takes the times out of a definition's conditions, and out of their order what only time decides.
func stripConditions(o map[string]any) {
	conditions := list(o, "status", "conditions")
	if strings.HasSuffix(text(o, "spec", "group"), ".k8s.io") {
		// Two controllers of the reference race for the first place.
		slices.SortStableFunc(conditions, func(a, b any) int {
			return strings.Compare(text(a.(map[string]any), "type"), text(b.(map[string]any), "type"))
		})
	}
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok {
			delete(c, "lastTransitionTime")
		}
	}
}

// stripTable takes the volatile cells and objects out of a table.
func stripTable(o map[string]any) {
	if o["kind"] != "Table" {
		return
	}
	columns := list(o, "columnDefinitions")
	for _, row := range list(o, "rows") {
		row, _ := row.(map[string]any)
		if item := object(row, "object"); item != nil {
			strip(item)
		}
		cells := list(row, "cells")
		for i, c := range columns {
			if c, _ := c.(map[string]any); i < len(cells) && (text(c, "type") == "date" || text(c, "name") == "Age") {
				cells[i] = "age"
			}
		}
	}
}

var volatileUID = regexp.MustCompile(`(UID in object meta: )[0-9a-f-]{36}`)

func sortByJSON(l []any) {
	slices.SortFunc(l, func(a, b any) int {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return bytes.Compare(x, y)
	})
}

// normalStatus sorts the causes and the parts of the message, and returns the message.
func normalStatus(o map[string]any) string {
	delete(object(o, "details"), "uid")
	sortByJSON(list(o, "details", "causes"))
	message := volatileUID.ReplaceAllString(text(o, "message"), "$1(uid)")
	o["message"] = message
	if head, tail, ok := strings.Cut(message, ": ["); ok && strings.HasSuffix(tail, "]") {
		parts := strings.Split(strings.TrimSuffix(tail, "]"), ", ")
		slices.Sort(parts)
		message = head + ": [" + strings.Join(parts, ", ") + "]"
		o["message"] = message
	}
	return message
}

func (a answer) hash() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(a.text)))[:12] }

// A line is what a recording keeps of an answer: code, hash, id, and what a person may want to read.
func (a answer) line() string {
	note := a.note
	if len(note) > 240 {
		note = strings.ToValidUTF8(note[:240], "") + "…"
	}
	return strings.Join([]string{fmt.Sprint(a.code), a.hash(), a.id, strings.Join(strings.Fields(note), " ")}, "\t")
}

// A recording is the answers of a stage, as far as they are known: of a live reference all is, of a file the lines.
type recording struct {
	ids   []string
	lines map[string]string
	texts map[string]string
}

func newRecording() *recording {
	return &recording{lines: map[string]string{}, texts: map[string]string{}}
}

func (r *recording) add(a answer) {
	if _, ok := r.lines[a.id]; ok {
		panic("two exchanges are called " + a.id)
	}
	r.ids, r.lines[a.id], r.texts[a.id] = append(r.ids, a.id), a.line(), a.text
}

// same tells whether the answer is the recorded one.
func (r *recording) same(a answer) bool {
	want := strings.SplitN(r.lines[a.id], "\t", 3)
	return len(want) == 3 && want[0] == fmt.Sprint(a.code) && want[1] == a.hash()
}

func (r *recording) code(id string) string { code, _, _ := strings.Cut(r.lines[id], "\t"); return code }

func (r *recording) note(id string) string {
	f := strings.SplitN(r.lines[id], "\t", 4)
	return f[len(f)-1]
}

func recordingFile(stage string) string { return filepath.Join("testdata", stage+".txt") }

func readRecording(stage string) (*recording, error) {
	data, err := os.ReadFile(recordingFile(stage))
	if err != nil {
		return nil, err
	}
	r := newRecording()
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.SplitN(line, "\t", 4)
		if len(f) != 4 {
			return nil, fmt.Errorf("%s: %q", recordingFile(stage), line)
		}
		r.ids, r.lines[f[2]] = append(r.ids, f[2]), line
	}
	return r, nil
}

func (r *recording) write(stage string) error {
	var b bytes.Buffer
	for _, id := range r.ids {
		b.WriteString(r.lines[id] + "\n")
	}
	return os.WriteFile(recordingFile(stage), b.Bytes(), 0o644)
}

// diff shows how two texts differ, by lines; it is for people, so it stops after some.
func diff(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out strings.Builder
	for i, l := range a {
		if i == 12 {
			fmt.Fprintf(&out, "  -… %d more\n", len(a)-i)
			break
		}
		fmt.Fprintf(&out, "  -%s\n", clip(l))
	}
	for i, l := range b {
		if i == 12 {
			fmt.Fprintf(&out, "  +… %d more\n", len(b)-i)
			break
		}
		fmt.Fprintf(&out, "  +%s\n", clip(l))
	}
	return out.String()
}

func clip(s string) string {
	if len(s) > 1500 {
		return s[:1500] + "…"
	}
	return s
}
