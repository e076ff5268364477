package discovery

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

var updateDifferences = flag.Bool("update-differences", false, "write testdata/openapi-differences.txt anew")

// recordedOpenAPI is the reference's documents, by path: those of a server as it comes, or those that one has beside
// them when all versions and features are switched on.
func recordedOpenAPI(t testing.TB, archive string) map[string][]byte {
	f, err := os.Open("../../reference/testdata/openapi/" + archive)
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
	out := map[string][]byte{}
	for _, f := range txtar.Parse(text).Files {
		if path, ok := strings.CutPrefix(f.Name, "openapi/v3/"); ok {
			out[path] = f.Data
		}
	}
	return out
}

// TestOpenAPIRecorded compares every document with the recorded one. What differs has to be in
// testdata/openapi-differences.txt, which gives the reasons, and all of that has to differ.
func TestOpenAPIRecorded(t *testing.T) {
	found := map[string]bool{}
	compare(t, builtinSnapshot(t), recordedOpenAPI(t, "openapi-v3.txtar.gz"), found)
	compare(t, everything(t), recordedOpenAPI(t, "openapi-v3-all.txtar.gz"), found)

	if *updateDifferences {
		head, _, _ := bytes.Cut(must(os.ReadFile(differencesFile)), []byte("\n\n"))
		text := string(head) + "\n\n" + strings.Join(slices.Sorted(maps.Keys(found)), "\n") + "\n"
		if err := os.WriteFile(differencesFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expected := readDifferences(t)
	for _, d := range slices.Sorted(maps.Keys(found)) {
		if !expected[d] {
			t.Errorf("differs: %s", d)
		}
	}
	for _, d := range slices.Sorted(maps.Keys(expected)) {
		if !found[d] {
			t.Errorf("differs no more, take it out of %s: %s", differencesFile, d)
		}
	}
}

const differencesFile = "testdata/openapi-differences.txt"

// readDifferences reads what is known to differ.
func readDifferences(t *testing.T) map[string]bool {
	known := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(must(os.ReadFile(differencesFile))))
	for lines.Scan() {
		if l := lines.Text(); l != "" && l[0] != '#' {
			known[l] = true
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return known
}

// TestOpenAPIProtobuf compares the protobuf form with what the reference's library makes of the JSON.
func TestOpenAPIProtobuf(t *testing.T) {
	s, o := builtinSnapshot(t), testOpenAPI()
	for _, e := range entries(s) {
		path := e.path
		d, err := o.document(s, path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		ours := (&protoWriter{yaml: map[string]string{}}).document(d)
		j, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		want, err := openapi_v3.ParseDocument(j)
		if err != nil {
			t.Fatal(err)
		}
		var got openapi_v3.Document
		if err := proto.Unmarshal(ours, &got); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !proto.Equal(want, &got) {
			w, g := strings.Split(prototext.Format(want), "\n"), strings.Split(prototext.Format(&got), "\n")
			for i := range w {
				if i >= len(g) || strings.ReplaceAll(w[i], " ", "") != strings.ReplaceAll(g[i], " ", "") {
					t.Errorf("%s differs first in line %d: want %s", path, i, w[i])
					t.Errorf("got %s", strings.Join(g[max(0, i-8):min(i+2, len(g))], "\n"))
					break
				}
			}
		}
	}
}

func testOpenAPI() *OpenAPI {
	return NewOpenAPI(OpenAPIConfig{Schemas: pschema.NewBuiltin(), Version: "1.36"})
}

func BenchmarkOpenAPI(b *testing.B) {
	s, o := builtinSnapshot(b), testOpenAPI()
	for _, protobuf := range []bool{false, true} {
		b.Run(fmt.Sprintf("protobuf=%v", protobuf), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z, err := o.make(s, docKey{path: "apis/apps/v1", protobuf: protobuf})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(z.held()), "B-kept")
			}
		})
	}
}

// compare makes each recorded document and finds what differs.
func compare(t *testing.T, s *resource.Snapshot, recorded map[string][]byte, found map[string]bool) {
	o := testOpenAPI()
	for path, data := range recorded {
		var want, got any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		d, err := o.document(s, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		differences(path, nil, want, got, found)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// differences adds a line for each place where two documents differ. A component is named without its document.
func differences(doc string, at []string, want, got any, found map[string]bool) {
	if reflect.DeepEqual(want, got) {
		return
	}
	w, ok1 := want.(map[string]any)
	g, ok2 := got.(map[string]any)
	if ok1 && ok2 {
		for k := range w {
			if strings.Contains(k, "cbor") {
				continue // recorded with all features switched on, CBOR among them
			}
			differences(doc, append(at[:len(at):len(at)], k), w[k], g[k], found)
		}
		for k := range g {
			if _, ok := w[k]; !ok {
				differences(doc, append(at[:len(at):len(at)], k), nil, g[k], found)
			}
		}
		return
	}
	where := doc + " " + strings.Join(at, " ")
	if len(at) > 2 && at[0] == "components" {
		where = strings.Join(at[2:], " ")
	}
	how := "differs"
	ws, ok1 := want.(string)
	gs, ok2 := got.(string)
	switch {
	case got == nil:
		how = "missing"
	case want == nil:
		how = "too much"
	case ok1 && ok2 && strings.HasPrefix(ws, gs) && strings.HasPrefix(strings.TrimLeft(ws[len(gs):], "\n"), "Possible enum values:"):
		how = "without the list of values"
	}
	found[fmt.Sprintf("%s: %s", where, how)] = true
}
