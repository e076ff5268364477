// Command keep adds what `go test -fuzz` has found to the packs in the packages' testdata, see package corpus.
//
//	go run ./internal/corpus/keep "$(go env GOCACHE)/fuzz/github.com/pintle-io/pintle"
//
// The argument is a folder of packages; each holds a folder a target, with a file an input.
package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
		if err := pack(filepath.Join(pkg, "testdata", "corpus", filepath.Base(dir)+".zip"), files); err != nil {
			return err
		}
		fmt.Println(strings.TrimPrefix(pkg, "internal/"), filepath.Base(dir), len(files))
	}
	return nil
}

// pack adds files to those of a pack. Their names are made of what is in them.
func pack(to string, files []string) error {
	inputs := map[string][]byte{}
	switch old, err := zip.OpenReader(to); {
	case err == nil:
		defer old.Close()
		for _, f := range old.File {
			if inputs[f.Name], err = fs.ReadFile(old, f.Name); err != nil {
				return err
			}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		inputs[filepath.Base(file)] = data
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		out, err := w.Create(name)
		if err != nil {
			return err
		}
		if _, err := out.Write(inputs[name]); err != nil {
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
