package pintle_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pintle-io/pintle"
)

const definition = `{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things%[1]d.example.com"},
	"spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": "things%[1]d", "kind": "Thing%[1]d"},
	"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}`

// TestDefinitionsAreServedAtOnce: what is defined is served in the next request, and in the first one of a server that
// starts with it.
func TestDefinitionsAreServedAtOnce(t *testing.T) {
	dir := t.TempDir()
	ask := startOn(t, dir)
	for i := range 30 {
		if code, body := ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", fmt.Sprintf(definition, i)); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
		if code, body := ask("GET", fmt.Sprintf("/apis/example.com/v1/things%d", i), ""); code != 200 {
			t.Fatalf("things%d: %d %s", i, code, body)
		}
	}
	ask("STOP", "", "")
	ask = startOn(t, dir)
	if code, body := ask("GET", "/apis/example.com/v1/things29", ""); code != 200 {
		t.Errorf("after a new start: %d %s", code, body)
	}
	if code, _ := ask("GET", "/apis/example.com/v1/things30", ""); code != 404 {
		t.Errorf("what is not defined: %d", code)
	}
}

// startOn starts a server on a folder. Asking to STOP ends it.
func startOn(t *testing.T, dir string) func(method, path, body string) (int, string) {
	s, err := pintle.New(pintle.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	end := func() {
		if ctx.Err() == nil {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.ClientTLS()}}
	return func(method, path, body string) (int, string) {
		if method == "STOP" {
			client.CloseIdleConnections()
			end()
			return 0, ""
		}
		req, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
}
