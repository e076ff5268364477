// Command keep packs what `go test -fuzz` has found into the packages' testdata, see package corpus.
//
//	go run ./internal/corpus/keep "$(go env GOCACHE)/fuzz/github.com/pintle-io/pintle"
//
// The argument is a folder of packages; each holds a folder a target, with a file an input.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: keep FOLDER")
		os.Exit(2)
	}
	if err := keep(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func keep(root string) error {
	inputs := map[string][]string{} // by target's folder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			inputs[filepath.Dir(path)] = append(inputs[filepath.Dir(path)], path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for dir, files := range inputs {
		pkg, err := filepath.Rel(root, filepath.Dir(dir))
		if err != nil {
			return err
		}
		slices.Sort(files)
		if err := pack(filepath.Join(pkg, "testdata", "corpus", filepath.Base(dir)+".zip"), files); err != nil {
			return err
		}
		fmt.Println(strings.TrimPrefix(pkg, "internal/"), filepath.Base(dir), len(files))
	}
	return nil
}

func pack(to string, files []string) error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		out, err := w.Create(filepath.Base(file))
		if err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}
