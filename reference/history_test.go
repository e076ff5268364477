package reference

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/history"
	"github.com/pintle-io/pintle/pintletest"
)

// What the history's checker asks of a server, kube-apiserver does.
func TestHistoryOfReference(t *testing.T) {
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	runHistory(t, s.Client(), s.URL)
}

// Two servers share an etcd: clients who go from one to the other see one history.
func TestHistoryOnEtcd(t *testing.T) {
	etcd := startEtcd(t)
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte(`secret,admin,admin,"system:masters"`), 0o600); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for range 2 {
		s := pintletest.Start(t, func(c *pintle.Config) {
			c.Etcd.Servers, c.TokenAuthFile = []string{etcd}, tokens
		})
		urls = append(urls, s.URL())
	}
	// They have authorities of their own: who they are is not in question here.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	runHistory(t, &http.Client{Transport: token{transport}}, urls...)
}

type token struct{ http.RoundTripper }

func (b token) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer secret")
	return b.RoundTripper.RoundTrip(r)
}

func runHistory(t *testing.T, client *http.Client, urls ...string) {
	t.Helper()
	namespaces := []string{"history-a", "history-b"}
	for _, name := range namespaces {
		resp, err := client.Post(urls[0]+"/api/v1/namespaces", "application/json", strings.NewReader(`{"metadata":{"name":"`+name+`"}}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatal(resp.Status)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	run, err := history.Start(ctx, history.Config{URLs: urls, Client: client, Seed: seed, Clients: 6, Watchers: 10, Steps: 150, Keys: 4, Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	h := run.Wait()
	codes := map[int]int{}
	for _, o := range h.Ops {
		codes[o.Code]++
	}
	t.Logf("answers by status: %v; %d watches", codes, len(h.Segments))
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}
