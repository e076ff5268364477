// Package pintletest runs a real API server inside a Go test.
//
//	func TestOperator(t *testing.T) {
//		server := pintletest.Start(t)
//		client := kubernetes.NewForConfigOrDie(server.Config)
//		...
//	}
//
// The server keeps everything in memory, listens on a free port of 127.0.0.1 and ends with the test. Each Start is
// a server of its own; they are cheap, so tests need not share one.
package pintletest

import (
	"context"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/pintle-io/pintle"
)

// Server is a running server.
type Server struct {
	*pintle.Server
	// Config reaches the server as its administrator (system:masters). Copy it before changing it.
	Config *rest.Config
}

// Start runs a server with the Config of a test: in memory, on a free port. It returns when the server is ready, and
// the server ends when the test does. Options may change the Config first.
func Start(t testing.TB, options ...func(*pintle.Config)) *Server {
	t.Helper()
	var c pintle.Config
	for _, o := range options {
		o(&c)
	}
	s, err := pintle.New(c)
	if err != nil {
		t.Fatalf("pintletest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("pintletest: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		t.Fatalf("pintletest: the server ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("pintletest: the server is not ready after 30 seconds")
	}
	admin, key := s.Admin()
	return &Server{Server: s, Config: &rest.Config{
		Host:            s.URL(),
		TLSClientConfig: rest.TLSClientConfig{CAData: s.CA(), CertData: admin, KeyData: key},
		QPS:             -1, // the server is the test's own: no client-side throttling
	}}
}
