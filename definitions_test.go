package pintle_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
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

// TestDefinitionsLeaveNothing makes, changes and deletes a definition over and over, with objects, watches that nobody ends and
// webhooks that nobody answers: no goroutine is left of any.
func TestDefinitionsLeaveNothing(t *testing.T) {
	ask := startOn(t, t.TempDir())
	const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	cycle := func(i int) {
		crd := fmt.Sprintf(definition, 0)
		if i%2 == 0 {
			crd = strings.Replace(crd, `"scope"`, fmt.Sprintf(`"conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
				"clientConfig": {"url": "https://127.0.0.1:1/%d"}}}, "scope"`, i), 1)
		}
		if code, body := ask("POST", crds, crd); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
		if code, body := ask("POST", "/apis/example.com/v1/things0", `{"apiVersion": "example.com/v1", "kind": "Thing0", "metadata": {"name": "a"}}`); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
		var watches sync.WaitGroup
		for range 3 {
			watches.Go(func() { ask("GET", "/apis/example.com/v1/things0?watch=1&timeoutSeconds=600", "") })
		}
		if code, body := ask("DELETE", crds+"/things0.example.com", ""); code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		for code := 0; code != 404; {
			code, _ = ask("GET", crds+"/things0.example.com", "")
		}
		watches.Wait() // they end with what they watch
	}
	for i := range 10 {
		cycle(i)
	}
	before := runtime.NumGoroutine()
	for i := range 60 {
		cycle(i)
	}
	if after := runtime.NumGoroutine(); after > before+20 {
		all := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before\n%s", after, before, all[:runtime.Stack(all, true)])
	}
}
