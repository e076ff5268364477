package crds

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// outdated is a document in which the reference goes on to describe a kind whose version is no longer served.
const outdated = "/openapi/v3/apis/test.cluster.x-k8s.io/v1beta1"

// documents are what the server says of the kinds: discovery and OpenAPI of their group-versions.
func documents(ctx context.Context, t *target, kinds []kind, emit func(answer)) error {
	var paths []string
	for _, k := range kinds {
		paths = append(paths, "/apis/"+k.group+"/"+k.version, "/openapi/v3/apis/"+k.group+"/"+k.version)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if path == outdated {
			continue
		}
		a, err := rested(ctx, t, path)
		if err != nil {
			return err
		}
		emit(a)
	}
	return nil
}

// rested reads a document until it stays as it is; pintle's does from the start.
func rested(ctx context.Context, t *target, path string) (answer, error) {
	last := ""
	for {
		a, err := t.do(ctx, http.MethodGet, path, nil)
		if err != nil {
			return a, err
		}
		if a = a.normal(path); a.text == last || !t.slow() {
			return a, nil
		}
		last = a.text
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
}
