package reference

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestKubectl runs the sessions of testdata/kubectl with the real kubectl, each against the reference and against
// pintle, and compares what a user sees: standard output, standard error and the exit code, line by line.
//
// A session is a txtar archive. Its files are there when it begins, and its comment is what is typed, in a
// namespace of the session's own that is called like its file:
//
//	$ command        run by sh; it succeeds
//	! command        it fails
//	& command        it runs in the background, one at a time
//	until text       wait until the background command has written text
//	stop             interrupt the background command; what it wrote is compared
//	retry            the next command runs until it ends as it should, for a minute; its last output is compared
//	differs reason   the next command's output is not compared, only that it succeeds or fails
//	later reason     pintle is known to answer the next command otherwise; it does until this line goes
//	# comment
func TestKubectl(t *testing.T) {
	if testing.Short() {
		t.Skip("runs kube-apiserver and kubectl")
	}
	files, err := filepath.Glob("testdata/kubectl/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no sessions: ", err)
	}
	sides := kubectlSides(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var said [2][]answer
			var wg sync.WaitGroup
			for i, s := range sides {
				wg.Go(func() { said[i] = s.session(t, name, archive) })
			}
			wg.Wait()
			want, got := said[0], said[1]
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) {
					t.Fatalf("%d commands ended on the reference, %d on pintle", len(want), len(got))
				}
				switch same := want[i].output == got[i].output; {
				case want[i].later != "" && same:
					t.Errorf("line %d: %s: equal now; drop the line before it", want[i].line, want[i].command)
				case want[i].later == "" && want[i].differs == "" && !same:
					t.Errorf("line %d: %s\nreference:\n%s\npintle:\n%s", want[i].line, want[i].command, want[i].output, got[i].output)
				}
			}
		})
	}
}

// A side is a server as kubectl knows it.
type side struct {
	name    string
	kubectl string
	config  clientcmdapi.Config
	home    string
	token   string
}

// An answer is what one command of a session wrote, normalised.
type answer struct {
	line           int
	command        string
	differs, later string // why
	output         string
}

// kubectlSides are the reference and pintle.
func kubectlSides(t *testing.T) [2]*side {
	paths, err := Build(t.Context(), Kubectl)
	if err != nil {
		t.Fatal(err)
	}
	// Admission that is not due yet would blur the answers.
	ref, err := Start(t.Context(), Options{Bare: true, Args: []string{"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,Priority,DefaultTolerationSeconds,ResourceQuota,LimitRanger"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ref.Stop() })
	admin, key, err := ref.pki.client("kubernetes-admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte(ref.Token+",admin,admin,system:masters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startPintle(t, "--token-auth-file="+tokens)
	return [2]*side{
		{"reference", paths[0], kubectlConfig(ref.URL, ref.CA, admin, key), t.TempDir(), ref.Token},
		{"pintle", paths[0], kubectlConfig(p.rest.Host, p.rest.CAData, p.rest.CertData, p.rest.KeyData), t.TempDir(), ref.Token},
	}
}

func kubectlConfig(url string, ca, cert, key []byte) clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.Clusters["test"] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: ca}
	c.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	c.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	c.CurrentContext = "test"
	return *c
}

// session runs a session's commands and tells what they wrote.
func (s *side) session(t *testing.T, name string, archive *txtar.Archive) (said []answer) {
	dir := t.TempDir()
	for _, f := range archive.Files {
		path := filepath.Join(dir, f.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Data, 0o644)); err != nil {
			t.Error(err)
			return nil
		}
	}
	config := *s.config.DeepCopy()
	config.Contexts["test"].Namespace = name
	kubeconfig := filepath.Join(s.home, name+".kubeconfig")
	if err := clientcmd.WriteToFile(config, kubeconfig); err != nil {
		t.Error(err)
		return nil
	}
	ca := filepath.Join(s.home, "ca.crt")
	if err := os.WriteFile(ca, config.Clusters["test"].CertificateAuthorityData, 0o600); err != nil {
		t.Error(err)
		return nil
	}
	url := config.Clusters["test"].Server
	command := func(ctx context.Context, line string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + s.home, "KUBECONFIG=" + kubeconfig, "PATH=" + filepath.Dir(s.kubectl) + ":" + os.Getenv("PATH"),
			"SERVER=" + url, "CA=" + ca, "TOKEN=" + s.token, "NS=" + name, "SIDE=" + s.name, "LC_ALL=C"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		return cmd
	}
	clean := func(out string) string {
		return normal(strings.NewReplacer(url, "https://SERVER", strings.TrimPrefix(url, "https://"), "SERVER", dir, "DIR", s.home, "HOME").Replace(out))
	}
	if out, err := command(t.Context(), "kubectl create namespace "+name).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", s.name, err, out)
		return nil
	}
	var background *exec.Cmd
	var backgroundSaid *buffer
	var pending answer
	stop := func() {
		if background != nil {
			_ = syscall.Kill(-background.Process.Pid, syscall.SIGINT)
			_ = background.Wait()
			background = nil
		}
	}
	defer stop()
	var differs, later string
	var patience time.Duration
	for i, line := range strings.Split(string(archive.Comment), "\n") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		a := answer{line: i + 1, command: rest, differs: differs, later: later}
		switch verb {
		case "", "#":
			continue
		case "differs":
			differs = rest
			continue
		case "later":
			later = rest
			continue
		case "retry":
			patience = time.Minute
			continue
		case "$", "!":
			var out, errs bytes.Buffer
			var cmd *exec.Cmd
			var err error
			for deadline := time.Now().Add(patience); ; {
				out.Reset()
				errs.Reset()
				ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
				cmd = command(ctx, rest)
				cmd.Stdout, cmd.Stderr = &out, &errs
				err = cmd.Run()
				cancel()
				if (err == nil) == (verb == "$") || time.Now().After(deadline) {
					break
				}
			}
			a.output = clean(out.String() + errs.String())
			if (err == nil) != (verb == "$") && (later == "" || s.name == "reference") {
				t.Errorf("%s: line %d: %s %s: %v\n%s", s.name, i+1, verb, rest, err, a.output)
			}
			a.output += fmt.Sprintf("exit code %d\n", cmd.ProcessState.ExitCode())
			said = append(said, a)
		case "&":
			stop()
			background, backgroundSaid, pending = command(t.Context(), rest), &buffer{wrote: make(chan struct{}, 1)}, a
			background.Stdout, background.Stderr = backgroundSaid, backgroundSaid
			if err := background.Start(); err != nil {
				t.Error(err)
				return said
			}
		case "until":
			if !backgroundSaid.until(rest, 90*time.Second) {
				t.Errorf("%s: line %d: %q does not come, but: %s", s.name, i+1, rest, clean(backgroundSaid.String()))
				return said
			}
		case "stop":
			stop()
			pending.output = clean(backgroundSaid.String())
			said = append(said, pending)
		default:
			t.Errorf("line %d: what is %q?", i+1, verb)
			return said
		}
		differs, later, patience = "", "", 0
	}
	return said
}

// buffer collects what a running command writes.
type buffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	wrote chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.wrote <- struct{}{}:
	default:
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) until(text string, patience time.Duration) bool {
	timeout := time.After(patience)
	for !strings.Contains(b.String(), text) {
		select {
		case <-b.wrote:
		case <-timeout:
			return false
		}
	}
	return true
}

// What no two servers have alike. The order counts: the first that matches a text takes it.
var unlike = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000`), "TIME"},
	{regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}`), "TIME"},
	{regexp.MustCompile(`(resourceVersion\\?"?: ?\\?)"\d+(\\?")`), `${1}"RV$2`},
	{regexp.MustCompile(`X509SHA256=[0-9a-f]{64}`), "X509SHA256"},
	{regexp.MustCompile(`(?m)^([IWE])\d{4} [\d:.]+ +\d+ `), "$1 "},
	{regexp.MustCompile(`(Resource Version: +)\d+`), "${1}RV"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+:\d+`), "ADDRESS"},
	{regexp.MustCompile(`([ =])(\d+d)?(\d+h)?(\d+m)?\d+s\b`), "${1}AGE"},
	{regexp.MustCompile(`(\+\+\+|---) /\S+/`), "$1 "},
	{regexp.MustCompile(`(?m)^diff .*\n`), ""},
	{regexp.MustCompile(`(?m)(\t|^[+-]{3} .*) *TIME$`), "$1"},
	{regexp.MustCompile(`/tmp/(LIVE|MERGED|kubectl-edit)-\d+`), "/tmp/$1"},
	{regexp.MustCompile(`[ \t]+(\n|$)`), "$1"},
	{regexp.MustCompile(`(\S) {2,}`), "$1 "},
}

func normal(out string) string {
	for _, u := range unlike {
		out = u.pattern.ReplaceAllString(out, u.with)
	}
	return out
}
