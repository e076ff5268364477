// Command customise makes scripts about a custom resource from those of testdata/script that are about ConfigMaps, so
// that both kinds of resource are asked the same. What it makes new or anew has no answers yet: record them.
//
//	go run ./cmd/customise && go run ./cmd/record -run '^custom-verbs-'
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pintle-io/pintle/internal/script"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "customise:", err)
		os.Exit(1)
	}
}

func run() error {
	dir := flag.String("dir", "../testdata/script", "the scripts")
	flag.Parse()
	all, err := script.LoadAll(*dir)
	if err != nil {
		return err
	}
	made, changed := 0, 0
	for _, s := range all {
		if strings.HasPrefix(s.Name, script.CustomPrefix) {
			continue
		}
		path := filepath.Join(*dir, script.CustomPrefix+s.Name+".txtar")
		before, err := script.Load(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		custom, ok := script.Customise(s, before)
		if !ok {
			continue
		}
		made++
		if custom == before {
			continue
		}
		changed++
		custom.Path = path
		if err := custom.Record(nil); err != nil {
			return err
		}
	}
	fmt.Printf("%d scripts, %d of them to be recorded\n", made, changed)
	return nil
}
