package reference

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/history"
	"github.com/pintle-io/pintle/internal/store"
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

// Reads do not wait for ever when others move the store's revision beside the prefix, as each compaction does.
func TestReadsOnQuietEtcd(t *testing.T) {
	etcd := startEtcd(t)
	other := openEtcd(t, etcd, "/other")
	s := pintletest.Start(t, func(c *pintle.Config) { c.Etcd.Servers = []string{etcd} })
	maps := kubernetes.NewForConfigOrDie(s.Config).CoreV1().ConfigMaps("default")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 3 {
		revs, err := other.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "pods", Namespace: "a", Name: "b"}, Value: []byte(time.Now().String())}})
		if err != nil {
			t.Fatal(err)
		}
		list, err := maps.List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if rv, err := strconv.ParseInt(list.ResourceVersion, 10, 64); err != nil || rv < revs[0] {
			t.Errorf("listed at %s, not at %d", list.ResourceVersion, revs[0])
		}
	}
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
