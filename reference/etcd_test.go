package reference

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/etcd"
	"github.com/pintle-io/pintle/internal/store/storetest"
)

// startEtcd runs a real etcd alone and returns its URL.
func startEtcd(t testing.TB) string {
	t.Helper()
	paths, err := Build(t.Context(), Etcd)
	if err != nil {
		t.Fatal(err)
	}
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	url, peer := "http://"+ports[0], "http://"+ports[1]
	cmd := exec.Command(paths[0], "--name=default", "--data-dir="+t.TempDir(), "--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer, "--log-level=error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return url
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal("etcd is not ready")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func openEtcd(t testing.TB, url, prefix string) *etcd.Store {
	t.Helper()
	s, err := etcd.New(t.Context(), etcd.Config{Endpoints: []string{url}, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A store on a real etcd is a Store. Each test has a prefix of its own.
func TestEtcdStore(t *testing.T) {
	url := startEtcd(t)
	var n atomic.Int64
	storetest.Run(t, storetest.Config{
		New: func(t testing.TB, _ func() time.Time) store.Store {
			return openEtcd(t, url, fmt.Sprintf("/registry-%d", n.Add(1)))
		},
		OneRevision: true,
		RealTime:    true,
		Steps:       600,
	})
}

func BenchmarkEtcdStore(b *testing.B) {
	url := startEtcd(b)
	var n atomic.Int64
	storetest.Benchmark(b, func(b testing.TB) store.Store {
		return openEtcd(b, url, fmt.Sprintf("/registry-%d", n.Add(1)))
	})
}

// What others write beside the prefix moves the revision, and a watch that is asked tells so.
func TestEtcdProgress(t *testing.T) {
	url := startEtcd(t)
	s := openEtcd(t, url, "/registry")
	other := openEtcd(t, url, "/other")
	ctx := t.Context()
	from, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := other.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "pods", Namespace: "a", Name: "b"}, Value: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	want, err := s.Revision(ctx)
	if err != nil || want <= from {
		t.Fatalf("revision %d after %d, %v", want, from, err)
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for asking.Err() == nil {
			_ = w.(store.ProgressRequester).RequestProgress(asking)
			select {
			case <-asking.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	for {
		events, progress, err := w.Next(ctx)
		if err != nil || len(events) != 0 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		if progress >= want {
			return
		}
	}
}

// Keys that no record can have are not told of, and do not disturb.
func TestEtcdForeignKeys(t *testing.T) {
	url := startEtcd(t)
	s := openEtcd(t, url, "/registry")
	ctx := t.Context()
	from, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, k := range []string{"/registry/health", "/registry/a/b/c/d/e", "/registry/pods/", "/registry", "/elsewhere/pods/a/b"} {
		if _, err := c.Put(ctx, k, "x"); err != nil {
			t.Fatal(err)
		}
	}
	rs, err := s.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "pods", Namespace: "a", Name: "b"}, Value: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for progress := from; progress < rs[0]; {
		var events []store.Event
		if events, progress, err = w.Next(ctx); err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Key.Name != "b" {
				t.Errorf("event of %s", e.Key)
			}
		}
	}
	if _, err := s.List(ctx, store.Range{Prefix: "pods"}, func(r store.Record) bool {
		if r.Key.Name != "b" {
			t.Errorf("list has %s", r.Key)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
}

// Two servers compact one etcd as kube-apiservers do: together once an interval.
func TestEtcdCompactors(t *testing.T) {
	url := startEtcd(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, b := openEtcd(t, url, "/registry"), openEtcd(t, url, "/registry")
	put := func() int64 {
		rs, err := a.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "nodes", Name: "n"}, Value: []byte("x")}})
		if err != nil {
			t.Fatal(err)
		}
		return rs[0]
	}
	first := put()
	done := make(chan error, 2)
	for _, s := range []*etcd.Store{a, b} {
		go func() { done <- store.RunCompactor(ctx, s, 200*time.Millisecond) }()
	}
	for a.Compacted() <= first || b.Compacted() <= first {
		put()
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("nobody compacts")
		}
	}
	if _, err := a.List(ctx, store.Range{Prefix: "nodes", Revision: first}, func(store.Record) bool { return true }); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("list at %d: %v", first, err)
	}
	stop()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("compactor: %v", err)
		}
	}
}

func TestEtcdUnreachable(t *testing.T) {
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = etcd.New(t.Context(), etcd.Config{Endpoints: []string{"http://" + ports[0]}, DialTimeout: 500 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error: %v", err)
	}
}
