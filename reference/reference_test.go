package reference

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TestPinnedVersions: what is built is what the constants say.
func TestPinnedVersions(t *testing.T) {
	for file, want := range map[string]string{
		"go.mod":                        "k8s.io/kubernetes " + KubernetesVersion,
		filepath.Join("etcd", "go.mod"): "go.etcd.io/etcd/server/v3 " + EtcdVersion,
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), want) {
			t.Errorf("%s does not require %s", file, want)
		}
	}
}

func TestUnknownProgram(t *testing.T) {
	if err := build(context.Background(), "kubelet", filepath.Join(t.TempDir(), "kubelet")); err == nil {
		t.Error("an unknown program is built")
	}
}

// TestServer runs the real thing in both shapes.
func TestServer(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs kube-apiserver")
	}
	for name, bare := range map[string]bool{"bare": true, "as it comes": false} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(context.Background(), Options{Bare: bare})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()

			var version struct{ GitVersion, Major, Minor string }
			if code := get(t, s.Client(), s.URL+"/version", &version); code != http.StatusOK {
				t.Fatalf("/version: %d", code)
			}
			if version.GitVersion != KubernetesVersion || version.Major != "1" || version.Minor != "36" {
				t.Errorf("version: %+v", version)
			}
			// With AlwaysAllow nobody is anonymous; with RBAC somebody is, and may do nothing.
			want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusForbidden}[bare]
			if code := get(t, s.Anonymous(), s.URL+"/api/v1/namespaces", nil); code != want {
				t.Errorf("without credentials: %d, want %d", code, want)
			}

			file := filepath.Join(t.TempDir(), "kubeconfig")
			if err := s.WriteKubeconfig(file); err != nil {
				t.Fatal(err)
			}
			config, err := clientcmd.BuildConfigFromFlags("", file)
			if err != nil {
				t.Fatal(err)
			}
			client, err := rest.HTTPClientFor(config)
			if err != nil {
				t.Fatal(err)
			}
			if code := get(t, client, s.URL+"/api/v1/namespaces", nil); code != http.StatusOK {
				t.Errorf("with the client certificate: %d", code)
			}

			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			for _, p := range []*os.Process{s.APIServer, s.Etcd} {
				if err := p.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
					t.Errorf("process %d still runs: %v", p.Pid, err)
				}
			}
			if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
				t.Errorf("%s is still there", s.Dir)
			}
		})
	}
}

func get(t *testing.T, c *http.Client, url string, into any) int {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}
