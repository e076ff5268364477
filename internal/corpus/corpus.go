// Package corpus keeps what fuzzing has found worth keeping: the inputs of each fuzz target, packed into one file of its
// package's testdata, which every run of the tests replays and every run of the fuzzer starts from.
//
// Nouns: an input is one file of Go's fuzz corpus ("go test fuzz v1", then a value a line); a pack is a zip archive of them,
// testdata/corpus/TARGET.zip. internal/corpus/keep packs what `go test -fuzz` has left in the build cache.
//
// Invariants: none of the product imports this. Concurrency: none of its own.
package corpus

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Add adds the inputs of the target's pack, if there is one. They must be of the target's types, which are []byte, string, bool or
// int64.
func Add(f *testing.F) {
	f.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "corpus", f.Name()+".zip"))
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		f.Fatal(err)
	}
	pack, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range pack.File {
		in, err := read(file)
		if err != nil {
			f.Fatalf("%s: %v", file.Name, err)
		}
		f.Add(in...)
	}
}

func read(file *zip.File) ([]any, error) {
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return parse(string(text))
}

// parse reads one input as Go's fuzzer writes it.
func parse(text string) (values []any, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "go test fuzz v1" {
		return nil, fmt.Errorf("not an input: %q", lines[0])
	}
	for _, line := range lines[1:] {
		typ, literal, _ := strings.Cut(strings.TrimSuffix(line, ")"), "(")
		var v any
		switch typ {
		case "string":
			v, err = strconv.Unquote(literal)
		case "[]byte":
			var s string
			s, err = strconv.Unquote(literal)
			v = []byte(s)
		case "bool":
			v, err = strconv.ParseBool(literal)
		case "int64":
			v, err = strconv.ParseInt(literal, 10, 64)
		default:
			err = errors.New("values of this type are not known here")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		values = append(values, v)
	}
	return values, nil
}
