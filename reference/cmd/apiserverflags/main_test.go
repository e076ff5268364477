package main

import (
	"os"
	"testing"
)

// The table that pintle's command line is made from is the reference's own.
func TestTableIsCurrent(t *testing.T) {
	const path = "../../../cmd/pintle/apiserver_flags.tsv"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != table() {
		t.Errorf("%s differs from the reference's flags: go run ./cmd/apiserverflags >../cmd/pintle/apiserver_flags.tsv", path)
	}
}
