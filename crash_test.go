package pintle_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/history"
)

const (
	crashDir  = "PINTLE_CRASH_DIR"  // says to a child of TestCrash where its data is
	crashPort = "PINTLE_CRASH_PORT" // and where to listen
)

// TestCrashServer is the server that TestCrash kills: the same test binary, run again.
func TestCrashServer(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("it is run by TestCrash")
	}
	port, _ := strconv.Atoi(os.Getenv(crashPort))
	server, err := pintle.New(pintle.Config{DataDir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.WriteKubeconfig(filepath.Join(dir, "kubeconfig")); err != nil {
		t.Fatal(err)
	}
	go func() { // not longer than the parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	go func() {
		<-server.Ready()
		fmt.Printf("listening on %d\n", server.Port())
	}()
	t.Error(server.Run(t.Context()))
}

// A server that is killed over and over under load starts again by itself each time, and clients that go on where they
// were find every write that was acknowledged, none that was not asked for, and no revision used twice.
func TestCrash(t *testing.T) {
	rounds := 3
	if s := os.Getenv("PINTLE_CRASH_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	child := startCrashServer(t, dir, "0")
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	run := startHistory(t, config, history.Config{Breaks: true})
	dice := rand.New(rand.NewPCG(run.Seed(), 0))
	for round := range rounds {
		awaitAcked(t, run, run.Acked()+100+dice.Int64N(400))
		child.kill()
		from := time.Now()
		child = startCrashServer(t, dir, child.port)
		t.Logf("round %d: ready again after %v", round, time.Since(from))
	}
	awaitAcked(t, run, run.Acked()+100)
	run.Stop()
	checkHistory(t, run)
}

func awaitAcked(t *testing.T, run *history.Run, n int64) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for run.Acked() < n {
		select {
		case <-tick.C:
		case <-run.Done():
			t.Fatal("the clients have ended")
		case <-deadline:
			t.Fatalf("%d answers after a minute, not %d", run.Acked(), n)
		}
	}
}

type crashServer struct {
	cmd  *exec.Cmd
	port string
}

func (c *crashServer) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func startCrashServer(t *testing.T, dir, port string) *crashServer {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashServer$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashPort+"="+port)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &crashServer{cmd: cmd}
	t.Cleanup(func() { stdin.Close(); c.kill() })
	said := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			c.port = rest
			return c
		}
		said += lines.Text() + "\n"
	}
	t.Fatalf("the server has ended: %s", said)
	return nil
}
