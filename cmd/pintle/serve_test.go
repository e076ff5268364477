package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// binary builds the program once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pintle-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pintle")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is a running program.
type process struct {
	*exec.Cmd
	t      *testing.T
	dir    string // its working directory
	stdout *bufio.Reader
	stderr *bytes.Buffer
	port   string // the file
}

// start runs the program under a name, in a working directory of its own.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if name != "pintle" {
		link := filepath.Join(t.TempDir(), name)
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		path = link
	}
	p := &process{t: t, dir: t.TempDir(), stderr: &bytes.Buffer{}}
	p.port = filepath.Join(t.TempDir(), "port")
	p.Cmd = exec.Command(path, append(args, "--port-file="+p.port)...)
	p.Cmd.Dir, p.Cmd.Stderr = p.dir, p.stderr
	out, err := p.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	return p
}

// banner reads what the program says to a newcomer, up to its last line.
func (p *process) banner() string {
	p.t.Helper()
	var all strings.Builder
	for !strings.Contains(all.String(), "Ctrl-C") {
		line, err := p.stdout.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			p.Wait()
			p.t.Fatalf("ended before its banner: %v: %s%s", err, all.String(), p.stderr)
		}
	}
	return all.String()
}

// terminate asks the program to end and returns its exit code.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.exit()
}

// exit waits for the end.
func (p *process) exit() int {
	p.t.Helper()
	kill := time.AfterFunc(30*time.Second, func() { p.Process.Kill() })
	defer kill.Stop()
	rest, _ := io.ReadAll(p.stdout)
	if len(rest) > 0 {
		p.t.Logf("standard output: %s", rest)
	}
	if err := p.Wait(); err != nil {
		var code *exec.ExitError
		if !errors.As(err, &code) {
			p.t.Fatal(err)
		}
	}
	return p.ProcessState.ExitCode()
}

func anonymous() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
}

// bearer shows a token with each request.
type bearer struct {
	http.RoundTripper
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(r)
}

func status(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "my data")
	var first []byte
	for range 2 {
		p := start(t, "pintle", "serve", "--secure-port=0", "--data-dir="+data)
		text := p.banner()
		port, err := os.ReadFile(p.port)
		if err != nil {
			t.Fatal(err)
		}
		url := "https://127.0.0.1:" + strings.TrimSpace(string(port))
		kubeconfig := filepath.Join(data, "kubeconfig")
		if n := strings.Count(text, "\n"); n < 3 || n > 6 {
			t.Errorf("a banner of %d lines: %s", n, text)
		}
		for _, want := range []string{url, "export KUBECONFIG='" + kubeconfig + "'", "kubectl "} {
			if !strings.Contains(text, want) {
				t.Errorf("the banner lacks %q: %s", want, text)
			}
		}
		if info, err := os.Stat(kubeconfig); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("kubeconfig: %v, %v", info, err)
		}
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		admin, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		if config.Host != url {
			t.Errorf("the kubeconfig leads to %s, not %s", config.Host, url)
		}
		if code := status(t, admin, url+"/api/v1/namespaces/default"); code != 200 {
			t.Errorf("the administrator gets %d", code)
		}
		if code := status(t, admin, url+"/debug/pprof/cmdline"); code != 200 {
			t.Errorf("profiles: %d", code)
		}
		for path, want := range map[string]int{"/debug/pprof/": 401, "/healthz": 200, "/livez": 200, "/readyz": 200, "/api": 401, "/version": 401} {
			if code := status(t, anonymous(), url+path); code != want {
				t.Errorf("anonymous %s: %d, want %d", path, code, want)
			}
		}
		admin.CloseIdleConnections()
		if code := p.terminate(); code != 0 {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
		if p.stderr.Len() > 0 {
			t.Errorf("a quiet life logs: %s", p.stderr)
		}
		ca, err := os.ReadFile(filepath.Join(data, "ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, ca) {
			t.Error("the second start made another authority")
		}
		first = ca
	}
}

// Under the name kube-apiserver the program leaves nothing in its working directory and says nothing.
func TestAsKubeAPIServer(t *testing.T) {
	certs := t.TempDir()
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte("sesame,jane,7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "kube-apiserver", "--storage=memory", "--token-auth-file="+tokens, "--profiling=false", "--anonymous-auth=false", "--cert-dir="+certs, "--bind-address=127.0.0.1", "--secure-port=0",
		"--authorization-mode=RBAC", "--allow-privileged=true", "--disable-admission-plugins=ServiceAccount")
	port := p.waitPort()
	url := "https://127.0.0.1:" + port
	jane := &http.Client{Transport: bearer{anonymous().Transport, "sesame"}}
	p.waitReady(jane, url+"/healthz")
	if code := status(t, anonymous(), url+"/healthz"); code != 401 {
		t.Errorf("anonymous, though that is off: %d", code)
	}
	if code := status(t, jane, url+"/debug/pprof/cmdline"); code != 404 {
		t.Errorf("profiles, though they are off: %d", code)
	}
	if entries, _ := os.ReadDir(p.dir); len(entries) > 0 {
		t.Errorf("left in the working directory: %v", entries)
	}
	if entries, _ := os.ReadDir(certs); len(entries) != 2 {
		t.Errorf("made in --cert-dir: %v", entries)
	}
	if code := p.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"--authorization-mode=RBAC is not in force yet", "flags not in force yet: --allow-privileged --disable-admission-plugins"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("the log lacks %q: %s", want, p.stderr)
		}
	}
}

// A stop lets requests finish and ends watches in order: whoever got an answer got a good one, a watch ends with a
// whole event, and what was acknowledged is there at the next start.
func TestStopUnderLoad(t *testing.T) {
	data := t.TempDir()
	p := start(t, "pintle", "--secure-port=0", "--data-dir="+data)
	p.banner()
	admin := func() (*http.Client, string) {
		t.Helper()
		config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(data, "kubeconfig"))
		if err != nil {
			t.Fatal(err)
		}
		config.QPS = -1
		c, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		return c, config.Host + "/api/v1/namespaces/default/configmaps"
	}
	c, url := admin()
	watch, err := c.Get(url + "?watch=true")
	if err != nil {
		t.Fatal(err)
	}
	watched := make(chan error, 1)
	go func() {
		d := json.NewDecoder(watch.Body)
		for {
			var event struct{ Type string }
			if err := d.Decode(&event); err != nil {
				watched <- err
				return
			}
		}
	}()
	var acknowledged atomic.Int64
	var clients sync.WaitGroup
	enough := make(chan struct{})
	for i := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				body := fmt.Sprintf(`{"metadata":{"name":"c-%d-%d"}}`, i, n)
				resp, err := c.Post(url, "application/json", strings.NewReader(body))
				if err != nil {
					return // the connection is gone: nothing was promised
				}
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil {
					return
				}
				if resp.StatusCode != http.StatusCreated {
					t.Errorf("%s: %s", resp.Status, text)
					return
				}
				if acknowledged.Add(1) == 200 {
					close(enough)
				}
			}
		})
	}
	<-enough
	if code := p.terminate(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	clients.Wait()
	if err := <-watched; err != io.EOF {
		t.Errorf("the watch ended with %v", err)
	}
	c.CloseIdleConnections()

	p = start(t, "pintle", "--secure-port=0", "--data-dir="+data)
	p.banner()
	c, url = admin()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Items []struct{} }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	if n := acknowledged.Load(); int64(len(list.Items)) < n || int64(len(list.Items)) > n+4 {
		t.Errorf("%d objects acknowledged, %d there", n, len(list.Items))
	}
}

// waitPort waits for the port file, which is written whole.
func (p *process) waitPort() string {
	p.t.Helper()
	for from := time.Now(); time.Since(from) < 30*time.Second; time.Sleep(time.Millisecond) {
		if port, err := os.ReadFile(p.port); err == nil {
			return strings.TrimSpace(string(port))
		}
	}
	p.t.Fatalf("no port file: %s", p.stderr)
	return ""
}

func (p *process) waitReady(c *http.Client, url string) {
	p.t.Helper()
	for from := time.Now(); time.Since(from) < 30*time.Second; time.Sleep(time.Millisecond) {
		if status(p.t, c, url) == 200 {
			return
		}
	}
	p.t.Fatalf("not ready: %s", p.stderr)
}

// Whatever is wrong with the world is one line on standard error and exit code 1.
func TestWrongWorld(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := t.TempDir()
	holder := start(t, "pintle", "--secure-port=0", "--data-dir="+locked)
	holder.banner()

	damaged := t.TempDir()
	p := start(t, "pintle", "--secure-port=0", "--data-dir="+damaged)
	p.banner()
	if code := p.terminate(); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.stderr)
	}
	damage(t, filepath.Join(damaged, "store"))

	tests := []struct {
		name, want string
		args       []string
	}{
		{"taken port", "127.0.0.1:" + port + " is taken", []string{"--storage=memory", "--secure-port=" + port}},
		{"foreign address", "192.0.2.1", []string{"--storage=memory", "--secure-port=0", "--bind-address=192.0.2.1"}},
		{"locked data", locked, []string{"--secure-port=0", "--data-dir=" + locked}},
		{"damaged data", damaged, []string{"--secure-port=0", "--data-dir=" + damaged}},
		{"data is a file", file, []string{"--secure-port=0", "--data-dir=" + file}},
		{"no token file", "none.csv", []string{"--storage=memory", "--secure-port=0", "--token-auth-file=none.csv"}},
		{"no certificate", "none.crt", []string{"--storage=memory", "--secure-port=0", "--tls-cert-file=none.crt", "--tls-private-key-file=none.key"}},
		{"no client CA", file, []string{"--storage=memory", "--secure-port=0", "--client-ca-file=" + file}},
		{"unknown API", "no/v1", []string{"--storage=memory", "--secure-port=0", "--runtime-config=no/v1=true"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, "pintle", tt.args...)
			code := p.exit()
			text := p.stderr.String()
			if code != 1 || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "pintle: ") || !strings.Contains(text, tt.want) {
				t.Errorf("exit code %d, %q", code, text)
			}
		})
	}
	if code := holder.terminate(); code != 0 {
		t.Errorf("the holder of the locked data: exit code %d: %s", code, holder.stderr)
	}
}

// damage overwrites every file of a store.
func damage(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte("garbage"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
