package reference

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// assets is a folder as envtest wants it: pintle under the name kube-apiserver beside the real etcd and kubectl.
func assets(t *testing.T) string {
	t.Helper()
	paths, err := Build(t.Context(), Etcd, Kubectl)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, name := range []string{"etcd", "kubectl"} {
		if err := os.Symlink(paths[i], filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "kube-apiserver"), "./cmd/pintle")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// controller-runtime's envtest, with its usual command line, has a ready server within a second.
func TestEnvtestAPIServerIsReadyInASecond(t *testing.T) {
	etcd, err := url.Parse(startEtcd(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(assets(t), "kube-apiserver")
	best := time.Hour
	for range 3 { // the machine may be busy
		s := &envtest.APIServer{Path: path, EtcdURL: etcd, Out: os.Stderr, Err: os.Stderr}
		from := time.Now()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(from))
		from = time.Now()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		t.Logf("stopped in %v", time.Since(from))
	}
	t.Logf("ready after %v", best)
	if best > time.Second {
		t.Errorf("ready after %v", best)
	}
}

// The whole environment, found through KUBEBUILDER_ASSETS, with a client of controller-runtime's.
func TestEnvtest(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", assets(t))
	env := &envtest.Environment{}
	from := time.Now()
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		from := time.Now()
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
		t.Logf("stopped in %v", time.Since(from))
	}()
	t.Logf("started in %v", time.Since(from))
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "env-", Namespace: "default"}, Data: map[string]string{"a": "b"}}
	if err := c.Create(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	var got corev1.ConfigMap
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(cm), &got); err != nil {
		t.Fatal(err)
	}
	if got.Data["a"] != "b" || got.UID != cm.UID {
		t.Errorf("got %+v", got)
	}
	got.Data["a"] = "c"
	if err := c.Patch(t.Context(), &got, client.MergeFrom(cm)); err != nil {
		t.Fatal(err)
	}
	var list corev1.ConfigMapList
	if err := c.List(t.Context(), &list, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Data["a"] != "c" {
		t.Errorf("listed %+v", list.Items)
	}
	user, err := env.AddUser(envtest.User{Name: "jane", Groups: []string{"dev"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	as, err := client.New(user.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := as.Delete(t.Context(), &got); err != nil {
		t.Error(err)
	}
}
