.PHONY: build test vet bench reference-test verify-recordings

build:
	go build -o bin/pintle ./cmd/pintle

test:
	go test ./...

vet:
	gofmt -l . | (! grep .)
	go vet ./...

# Side by side with the real kube-apiserver and etcd; writes the table and the plot to docs/.
bench:
	go run ./bench -o docs/bench

# What the real programs do, and definitions that others wrote against the recorded answers.
reference-test:
	cd reference && go test ./...
	cd reference/crds && go test -timeout 20m .

# Records all behaviour scripts anew from the reference and shows whether anything changed.
verify-recordings:
	cd reference && go run ./cmd/record -verify
