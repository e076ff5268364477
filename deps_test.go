package pintle_test

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pintle-io/pintle"

// The rooms of the house and which may open onto which: "a < b" means that b may import a, and with it all that
// a may import. ARCHITECTURE.md draws them.
const rooms = `
NONE < object request store store/tree store/alarm proxy metric cert invariants history corpus corpus/keep
object < script
store < store/eventlog
store/tree store/alarm store/eventlog < store/embed store/etcd store/memory store/storetest
object < cel < schema < patch
resource < crd/definition < builtin/* crd
schema request < resource < builtin/describe < builtin/* < builtin
resource < discovery
resource store store/tree < cache
cache < authn authz audit flowcontrol
cache patch < admission
admission cel proxy < admission/plugin
admission patch < engine
engine proxy < crd
engine proxy discovery < aggregate
engine authn authz < system
engine discovery proxy authn authz audit flowcontrol metric < rest
`

// Imports from outside that only some rooms may have, and why.
var outside = []struct{ path, only, why string }{
	{"k8s.io/kubernetes", "nobody", "pintle is what replaces it"},
	{"k8s.io/component-base", "nobody", "its feature gates are process-wide"},
	{"k8s.io/apiserver/pkg/cel", "internal/cel", "the CEL libraries stand behind one door"},
	{"github.com/google/cel-go", "internal/cel", "the CEL libraries stand behind one door"},
	{"k8s.io/apiserver", "nobody", "pintle is what replaces it"},
	{"sigs.k8s.io/structured-merge-diff", "nobody", "it is the oracle of internal/patch's tests, not its engine"},
	{"github.com/cockroachdb/pebble", "internal/store/embed", "one store knows its medium"},
	{"go.etcd.io/etcd", "internal/store/etcd", "one store knows its medium"},
	{"k8s.io/client-go/util/jsonpath", "internal/crd", "its answers are the rule for printer columns; it imports nothing else of client-go"},
	{"k8s.io/client-go", "pintletest internal/script", "the server is not its own client"},
	{"net/http/httptest", "internal/script", "it belongs in tests"},
	{"testing", "pintletest internal/store/storetest internal/corpus", "it belongs in tests"},
}

func TestImports(t *testing.T) {
	allowed := readRooms(t)
	for dir, imports := range importsOf(t) {
		for path, file := range imports {
			if in, ok := strings.CutPrefix(path, module+"/"); ok {
				checkRoom(t, allowed, dir, in, file)
				continue
			}
			for _, o := range outside {
				if path != o.path && !strings.HasPrefix(path, o.path+"/") {
					continue
				}
				if !slices.ContainsFunc(strings.Fields(o.only), func(p string) bool { return under(dir, p) }) {
					t.Errorf("%s imports %s, which only %s may: %s", file, path, o.only, o.why)
				}
				break
			}
		}
	}
}

// checkRoom says whether the package in dir may import the package in.
func checkRoom(t *testing.T, allowed map[string]map[string]bool, dir, in, file string) {
	switch {
	case dir == "." || under(dir, "cmd") || under(dir, "pintletest") || under(dir, "bench"):
		return // everything is below them
	case !strings.HasPrefix(in, "internal/"):
		t.Errorf("%s imports %s: the rooms do not look up at the house", file, in)
		return
	}
	from, to := room(strings.TrimPrefix(dir, "internal/")), room(strings.TrimPrefix(in, "internal/"))
	if from == to || isTool(dir) {
		return
	}
	below, known := allowed[from]
	if !known {
		t.Errorf("%s: the room %s has no place in the plan of deps_test.go", dir, from)
		return
	}
	if !below[to] {
		t.Errorf("%s imports %s, but %s is not below %s", file, in, to, from)
	}
}

// isTool is for generators, which no product imports.
func isTool(dir string) bool { return strings.HasSuffix(dir, "/gen") }

// room is the name under which the plan knows a package.
func room(pkg string) string {
	if rest, ok := strings.CutPrefix(pkg, "builtin/"); ok && rest != "describe" {
		return "builtin/*"
	}
	return pkg
}

func under(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// readRooms returns for each room all rooms below it.
func readRooms(t *testing.T) map[string]map[string]bool {
	below := map[string]map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(rooms)) {
		var lower []string
		for part := range strings.SplitSeq(strings.TrimSpace(line), "<") {
			names := strings.Fields(part)
			for _, n := range names {
				if below[n] == nil {
					below[n] = map[string]bool{}
				}
				for _, l := range lower {
					if l != "NONE" {
						below[n][l] = true
					}
				}
			}
			lower = names
		}
	}
	for changed := true; changed; {
		changed = false
		for n, set := range below {
			for l := range maps.Clone(set) {
				for ll := range below[l] {
					if !set[ll] {
						set[ll], changed = true, true
					}
				}
			}
			if set[n] {
				t.Fatalf("the plan has a circle at %s", n)
			}
		}
	}
	return below
}

// importsOf returns for each folder with product code the paths it imports, and a file that does.
func importsOf(t *testing.T) map[string]map[string]string {
	out := map[string]map[string]string{}
	for path, f := range files(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if out[dir] == nil {
			out[dir] = map[string]string{}
		}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			out[dir][p] = path
		}
	}
	return out
}

// files parses every Go file of this module.
func files(t *testing.T) map[string]*ast.File {
	out := map[string]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path == "reference" || d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, parser.ImportsOnly|parser.ParseComments)
		out[path] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPackageComments(t *testing.T) {
	has := map[string]bool{}
	for path, f := range files(t) {
		dir := filepath.Dir(path)
		if !strings.HasSuffix(path, "_test.go") {
			has[dir] = has[dir] || f.Doc != nil
		}
	}
	for dir, ok := range has {
		if !ok {
			t.Errorf("%s: the package has no comment", dir)
		}
	}
}

func TestGofmt(t *testing.T) {
	for path := range files(t) {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := format.Source(src); err != nil || string(want) != string(src) {
			t.Errorf("%s is not formatted by gofmt (%v)", path, err)
		}
	}
}
