package discovery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/pintle-io/pintle/internal/resource"
)

// v2Document is the document that a handler serves.
func v2Document(t testing.TB, o *OpenAPI, protobuf bool) []byte {
	accept := "application/json"
	if protobuf {
		accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
	}
	w := ask(o, "GET", "/openapi/v2", "Accept", accept)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// TestOpenAPIV2Recorded compares the document with the recorded one, and its protobuf form with what the reference's
// library makes of the JSON. It differs only where the v3 documents do.
func TestOpenAPIV2Recorded(t *testing.T) {
	f, err := os.Open("../../reference/testdata/openapi/openapi-v2.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := json.NewDecoder(z).Decode(&want); err != nil {
		t.Fatal(err)
	}
	s, o := builtinSnapshot(t), testOpenAPI()
	o.Snapshot = func() *resource.Snapshot { return s }
	ours := v2Document(t, o, false)
	if err := json.Unmarshal(ours, &got); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	differences("", nil, want, got, found)
	known := readDifferences(t)
	for d := range found {
		if !known[strings.TrimPrefix(d, " definitions ")] {
			t.Errorf("differs: %s", d)
		}
	}
	sameProtobuf(t, ours, v2Document(t, o, true))
}

// sameProtobuf compares the protobuf form of a v2 document with the one in JSON.
func sameProtobuf(t *testing.T, j, protobuf []byte) {
	t.Helper()
	want, err := openapi_v2.ParseDocument(j)
	if err != nil {
		t.Fatal(err)
	}
	var got openapi_v2.Document
	if err := proto.Unmarshal(protobuf, &got); err != nil {
		t.Fatal(err)
	}
	if proto.Equal(want, &got) {
		return
	}
	w, g := strings.Split(prototext.Format(want), "\n"), strings.Split(prototext.Format(&got), "\n")
	for i := range w {
		if i >= len(g) || strings.ReplaceAll(w[i], " ", "") != strings.ReplaceAll(g[i], " ", "") {
			t.Errorf("protobuf differs first in line %d: want %s", i, w[i])
			t.Errorf("got %s", strings.Join(g[max(0, i-8):min(i+2, len(g))], "\n"))
			break
		}
	}
}

// TestOpenAPIV2Plain wants the same document with and without compression, and from the middle.
func TestOpenAPIV2Plain(t *testing.T) {
	s, o := builtinSnapshot(t), testOpenAPI()
	o.Snapshot = func() *resource.Snapshot { return s }
	plain := ask(o, "GET", "/openapi/v2")
	packed := ask(o, "GET", "/openapi/v2", "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("ETag") != plain.Header().Get("ETag") {
		t.Errorf("%v", packed.Header())
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || !bytes.Equal(b, plain.Body.Bytes()) {
		t.Errorf("%d bytes, want %d: %v", len(b), plain.Body.Len(), err)
	}
	part := ask(o, "GET", "/openapi/v2", "Range", "bytes=100000-100099")
	if part.Code != 206 || !bytes.Equal(part.Body.Bytes(), plain.Body.Bytes()[100000:100100]) {
		t.Errorf("a part: %d, %d bytes", part.Code, part.Body.Len())
	}
	if w := ask(o, "GET", "/openapi/v2", "If-None-Match", plain.Header().Get("ETag")); w.Code != 304 {
		t.Errorf("again: %d", w.Code)
	}
}

// TestOpenAPIV2PlainIsKept: who does not take gzip gets the document from memory, until it is another one.
func TestOpenAPIV2PlainIsKept(t *testing.T) {
	o, s := testOpenAPI(), builtinSnapshot(t)
	o.Snapshot = func() *resource.Snapshot { return s }
	first := ask(o, "GET", "/openapi/v2").Body.Bytes()
	kept := o.v2[0].text
	if again := ask(o, "GET", "/openapi/v2").Body.Bytes(); !bytes.Equal(again, first) || &o.v2[0].text[0] != &kept[0] {
		t.Errorf("%d bytes, want the same %d", len(again), len(first))
	}
	var c resource.Catalog
	c.Set(slices.Clone(s.Groups[:2]))
	s = c.Load()
	if less := ask(o, "GET", "/openapi/v2").Body.Bytes(); len(less) >= len(first) || !bytes.Equal(less, o.v2[0].text) {
		t.Errorf("%d bytes of two groups, %d of all", len(less), len(first))
	}
}

func BenchmarkOpenAPIV2(b *testing.B) {
	s := builtinSnapshot(b)
	for _, protobuf := range []bool{false, true} {
		b.Run(fmt.Sprintf("protobuf=%v", protobuf), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o := testOpenAPI()
				o.Snapshot = func() *resource.Snapshot { return s }
				doc, _, err := (&v2{protobuf: protobuf}).get(o, o.current())
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(doc.held()), "B-kept")
			}
		})
	}
}
