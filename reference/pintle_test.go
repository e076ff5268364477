package reference

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// programs is the folder of the program under test, for one run of the tests.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "pintle-programs-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(programs)
		return m.Run()
	}())
}

// pintleBinary builds the program once for all tests of a run.
var pintleBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "pintle")
	build := exec.Command("go", "build", "-o", path, "./cmd/pintle")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building pintle: %w: %s", err, out)
	}
	return path, nil
})

// A pintleServer is a running pintle with the administrator's kubeconfig.
type pintleServer struct {
	config     *clientcmdapi.Config
	rest       *rest.Config
	cmd        *exec.Cmd
	kubeconfig string
	stopped    bool
}

// startPintle runs the program on a free port with a data folder of its own, and returns when it is ready.
func startPintle(t testing.TB, args ...string) *pintleServer {
	t.Helper()
	path, err := pintleBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &pintleServer{}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	port := filepath.Join(dir, "port")
	p.cmd = exec.Command(path, append([]string{"--secure-port=0", "--port-file=" + port, "--data-dir=" + filepath.Join(dir, "data")}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("pintle's log: %s", tail(log.Name()))
		}
		log.Close()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !p.ready(ctx, port, filepath.Join(dir, "data", "kubeconfig")) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("pintle is not ready: %s", tail(log.Name()))
		}
	}
	return p
}

// ready tells whether the server is; the port file is the last that it writes before it serves.
func (p *pintleServer) ready(ctx context.Context, port, kubeconfig string) bool {
	if _, err := os.Stat(port); err != nil {
		return false
	}
	var err error
	if p.config, err = clientcmd.LoadFromFile(kubeconfig); err != nil {
		return false
	}
	if p.rest, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		return false
	}
	p.rest.QPS = -1
	c, err := rest.HTTPClientFor(p.rest)
	if err != nil {
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.rest.Host+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := c.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the program as a service manager would; it must end well.
func (p *pintleServer) stop(t testing.TB) {
	if p.stopped {
		return
	}
	p.stopped = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("pintle ended with %v", err)
	}
}
