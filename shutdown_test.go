package pintle_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/pintle-io/pintle"
)

// TestShutdownDoesNotWaitForIdleConnections: a client that keeps its connections, of either HTTP version, and one that
// watches, hold nobody up.
func TestShutdownDoesNotWaitForIdleConnections(t *testing.T) {
	server, err := pintle.New(pintle.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	<-server.Ready()
	var watches []io.ReadCloser
	for _, http2 := range []bool{true, false} {
		connect := func() *http.Client {
			transport := &http.Transport{TLSClientConfig: server.ClientTLS(), ForceAttemptHTTP2: http2}
			t.Cleanup(transport.CloseIdleConnections)
			return &http.Client{Transport: transport}
		}
		resp, err := connect().Get(server.URL() + "/api/v1/namespaces")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp, err = connect().Get(server.URL() + "/api/v1/namespaces?watch=1"); err != nil {
			t.Fatal(err)
		}
		watches = append(watches, resp.Body)
	}
	began := time.Now()
	stop()
	for _, w := range watches {
		if _, err := io.Copy(io.Discard, w); err != nil {
			t.Errorf("a watch ended with %v, not with its stream", err)
		}
		w.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// net/http alone takes a second for HTTP/2; the rest is for slow machines.
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("the shutdown took %v", took)
	}
}
