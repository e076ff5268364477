package crds

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"
)

// A Corpus is what the modules ship, in a fixed order.
type Corpus struct {
	Projects    int
	Definitions []Document
	Samples     []Document // objects of the definitions' kinds
}

// A Document is one YAML document of a module.
type Document struct {
	Module, File string // the module's path; the file's, in the module
	Object       map[string]any
	JSON         []byte
}

func (d Document) name() string { return text(d.Object, "metadata", "name") }

// corpus reads the modules once.
var corpus = sync.OnceValues(func() (*Corpus, error) {
	modules, err := download()
	if err != nil {
		return nil, err
	}
	c := &Corpus{Projects: len(modules)}
	r := reader{seen: map[[32]byte]bool{}}
	for _, m := range modules {
		if err := r.read(m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	c.Definitions = r.definitions
	c.Samples, err = r.samples()
	return c, err
})

// A module is one line of modules.txt, and where its zip is.
type module struct{ Path, Version, Sum, Zip, Error string }

// download asks the go command for the modules' zips. No module's requirements are looked at: the zips are data.
func download() ([]module, error) {
	lines, err := os.ReadFile("modules.txt")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pintle-crds-") // outside of any module
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"mod", "download", "-json"}
	sums := map[string]string{}
	for line := range strings.Lines(string(lines)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("modules.txt: want path, version and sum: %q", line)
		}
		args, sums[f[0]] = append(args, f[0]+"@"+f[1]), f[2]
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, runErr := cmd.Output()
	var modules []module
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go mod download: %w: %s", err, stderr.String())
		}
		if m.Error != "" {
			return nil, fmt.Errorf("go mod download %s: %s", m.Path, m.Error)
		}
		if m.Sum != sums[m.Path] {
			return nil, fmt.Errorf("%s@%s has sum %s, modules.txt %s", m.Path, m.Version, m.Sum, sums[m.Path])
		}
		modules = append(modules, m)
	}
	if runErr != nil {
		return nil, fmt.Errorf("go mod download: %w: %s", runErr, stderr.String())
	}
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	return modules, nil
}

// A reader collects documents; of equal ones it keeps the first.
type reader struct {
	seen        map[[32]byte]bool
	definitions []Document
	others      []raw // not parsed yet: most are of kinds that nobody defines
}

// A raw document is its text, and the kind that it says it is.
type raw struct {
	module, file string
	text         []byte
	apiVersion   string
	kind         string
}

var (
	separator    = regexp.MustCompile(`(?m)^---.*$`)
	kindLine     = regexp.MustCompile(`(?m)^kind: *["']?(\w+)`)
	versionLine  = regexp.MustCompile(`(?m)^apiVersion: *["']?([\w./-]+)`)
	variable     = regexp.MustCompile(`\$\{[A-Z0-9_]+(:?[=-][^}]*)?\}`)
	maxYAMLBytes = 8 << 20
)

func (r *reader) read(m module) error {
	z, err := zip.OpenReader(m.Zip)
	if err != nil {
		return err
	}
	defer z.Close()
	files := slices.Clone(z.File)
	slices.SortFunc(files, func(a, b *zip.File) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range files {
		if e := path.Ext(f.Name); e != ".yaml" && e != ".yml" || f.UncompressedSize64 > uint64(maxYAMLBytes) {
			continue
		}
		body, err := f.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		body.Close()
		_, name, _ := strings.Cut(f.Name, "@"+m.Version+"/")
		for _, part := range separator.Split(string(content), -1) {
			r.part(m.Path, name, []byte(part))
		}
	}
	return nil
}

func (r *reader) part(module, file string, text []byte) {
	kind, version := kindLine.FindSubmatch(text), versionLine.FindSubmatch(text)
	if kind == nil || version == nil {
		return
	}
	text = bytes.TrimSpace(text)
	if sum := sha256.Sum256(text); r.seen[sum] {
		return
	} else {
		r.seen[sum] = true
	}
	doc := raw{module, file, text, string(version[1]), string(kind[1])}
	if doc.kind != "CustomResourceDefinition" {
		r.others = append(r.others, doc)
	} else if d, ok := doc.parse(); ok && doc.apiVersion == "apiextensions.k8s.io/v1" && d.name() != "" && !r.same(d.JSON) {
		r.definitions = append(r.definitions, d)
	}
}

// same tells whether these bytes were met before, and notes them.
func (r *reader) same(b []byte) bool {
	sum := sha256.Sum256(b)
	defer func() { r.seen[sum] = true }()
	return r.seen[sum]
}

// parse reads the document; most templates are no YAML, those for a shell's variables are filled in.
func (d raw) parse() (Document, bool) {
	data, err := yaml.YAMLToJSON(variable.ReplaceAll(d.text, []byte("1")))
	if err != nil {
		return Document{}, false
	}
	object, err := decode(data)
	if err != nil {
		return Document{}, false
	}
	return Document{d.module, d.file, object, data}, true
}

// samples are the documents whose kind is defined: at most some of each kind from each project.
func (r *reader) samples() ([]Document, error) {
	defined := map[[2]string]bool{}
	for _, d := range r.definitions {
		for _, v := range list(d.Object, "spec", "versions") {
			v, _ := v.(map[string]any)
			defined[[2]string{text(d.Object, "spec", "group") + "/" + text(v, "name"), text(d.Object, "spec", "names", "kind")}] = true
		}
	}
	var samples []Document
	taken := map[[3]string]int{}
	for _, o := range r.others {
		key := [3]string{o.module, o.apiVersion, o.kind}
		if !defined[[2]string{o.apiVersion, o.kind}] || taken[key] == samplesEach {
			continue
		}
		if d, ok := o.parse(); ok && !r.same(d.JSON) {
			taken[key]++
			samples = append(samples, d)
		}
	}
	return samples, nil
}

// samplesEach bounds how many objects of a kind are taken from one project.
const samplesEach = 8

// decode reads a JSON object and keeps its numbers as they are written.
func decode(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var o map[string]any
	err := d.Decode(&o)
	return o, err
}

// at follows the keys; nil where there is nothing.
func at(o map[string]any, keys ...string) any {
	var v any = o
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func text(o map[string]any, keys ...string) string { s, _ := at(o, keys...).(string); return s }
func list(o map[string]any, keys ...string) []any  { l, _ := at(o, keys...).([]any); return l }
func object(o map[string]any, keys ...string) map[string]any {
	m, _ := at(o, keys...).(map[string]any)
	return m
}
