package crds

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A target is a running server and the way to it, as its administrator.
type target struct {
	name   string
	url    string
	client *http.Client
	pids   []int // the server's processes
}

const token = "crds-token"

func newTarget(name, url string, pids ...int) *target {
	// Servers of this test on a loopback port: who they are is not in doubt.
	tls := &tls.Config{InsecureSkipVerify: true}
	return &target{name, url, &http.Client{Transport: &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: 16}, Timeout: 2 * time.Minute}, pids}
}

// slow tells whether the target serves a definition only a while after it took it.
func (t *target) slow() bool { return t.name == "reference" }

// do sends one request and reads all of the answer.
func (t *target) do(ctx context.Context, method, path string, body []byte) (answer, error) {
	return t.accept(ctx, "application/json", method, path, body)
}

// accept is do with an answer of another media type.
func (t *target) accept(ctx context.Context, media, method, path string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "crds/1")
	req.Header.Set("Accept", media)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{code: resp.StatusCode, warnings: resp.Header.Values("Warning"), body: data}, err
}

// builds are the programs of one run of the tests, built on first use.
var builds struct {
	dir               string
	pintle, refserver func() (string, error)
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if builds.dir, err = os.MkdirTemp("", "pintle-programs-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(builds.dir)
		build := func(module, pkg string) func() (string, error) {
			return sync.OnceValues(func() (string, error) {
				path := filepath.Join(builds.dir, filepath.Base(pkg))
				cmd := exec.Command("go", "build", "-o", path, pkg)
				cmd.Dir = module
				if out, err := cmd.CombinedOutput(); err != nil {
					return "", fmt.Errorf("building %s: %w: %s", pkg, err, out)
				}
				return path, nil
			})
		}
		builds.pintle, builds.refserver = build("../..", "./cmd/pintle"), build("..", "./cmd/refserver")
		return m.Run()
	}())
}

// startPintle runs the program until the test ends.
func startPintle(t *testing.T, args ...string) *target {
	t.Helper()
	path, err := builds.pintle()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tokens, port := filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "port")
	if err := os.WriteFile(tokens, []byte(token+",admin,admin,\"system:masters\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"--secure-port=0", "--port-file=" + port, "--data-dir=" + filepath.Join(dir, "data"), "--token-auth-file=" + tokens}, args...)...)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	start(t, cmd)
	t.Cleanup(func() {
		if b, _ := os.ReadFile(log.Name()); t.Failed() && len(b) > 0 {
			t.Logf("pintle's log ends with: %s", b[max(0, len(b)-3000):])
		}
		log.Close()
	})
	var s *target
	wait(t, time.Minute, func(ctx context.Context) bool {
		number, err := os.ReadFile(port)
		if err != nil {
			return false
		}
		s = newTarget("pintle", "https://127.0.0.1:"+strings.TrimSpace(string(number)), cmd.Process.Pid)
		a, err := s.do(ctx, http.MethodGet, "/readyz", nil)
		return err == nil && a.code == http.StatusOK
	})
	return s
}

// startReference runs the real kube-apiserver and etcd until the test ends.
func startReference(t *testing.T) *target {
	t.Helper()
	path, err := builds.refserver()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-bare", "-token", token)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	start(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the reference did not start: %v", err)
	}
	var url, etcd string
	var apiserver, etcdPid int
	if _, err := fmt.Sscanf(line, "ready: %s (etcd %s pids %d and %d,", &url, &etcd, &apiserver, &etcdPid); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return newTarget("reference", url, apiserver, etcdPid)
}

// start runs a program, and ends it as a service manager would.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait()
	})
}

// pause is between two looks at a server that is not ready.
const pause = 20 * time.Millisecond

// wait asks until the answer is yes.
func wait(t *testing.T, limit time.Duration, done func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the server is not ready in time")
		}
	}
}
