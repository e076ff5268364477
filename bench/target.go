package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const token = "bench-token"

type kind int

const (
	kindPintle kind = iota
	kindBare
	kindFull
)

// target is one kind of server.
type target struct {
	kind           kind
	name           string
	pintle         string // binary
	apiserver, etc string // binaries
	pki            string // folder of the serving pair, the service account key and the token file
}

// findTargets builds pintle and finds the reference's programs.
func (b *bench) findTargets(ctx context.Context, pintle, reference string) error {
	pki := filepath.Join(b.dir, "pki")
	if err := makePKI(pki); err != nil {
		return err
	}
	if pintle != "off" {
		if pintle == "" {
			pintle = filepath.Join(b.dir, "pintle")
			fmt.Fprintln(os.Stderr, "building pintle")
			if err := command(ctx, ".", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", pintle, "./cmd/pintle").Run(); err != nil {
				return fmt.Errorf("building pintle: %w", err)
			}
		}
		b.targets = append(b.targets, &target{kind: kindPintle, name: "pintle", pintle: pintle, pki: pki})
	}
	if reference == "off" {
		return nil
	}
	cmd := command(ctx, "reference", "go", "run", "./cmd/refserver", "-print-binaries")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("finding the reference: %w", err)
	}
	bare := &target{kind: kindBare, name: "bare reference", pki: pki}
	for _, path := range lines(out.Bytes()) {
		switch filepath.Base(path) {
		case "kube-apiserver":
			bare.apiserver = path
		case "etcd":
			bare.etc = path
		}
	}
	if bare.apiserver == "" || bare.etc == "" {
		return fmt.Errorf("the reference's programs are not among %q", out.String())
	}
	full := *bare
	full.kind, full.name = kindFull, "reference as it comes"
	switch reference {
	case "bare":
		b.targets = append(b.targets, bare)
	case "full":
		b.targets = append(b.targets, &full)
	case "both":
		b.targets = append(b.targets, bare, &full)
	default:
		return fmt.Errorf("-reference=%s: want bare, full, both or off", reference)
	}
	return nil
}

func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	return cmd
}

// server is a running target.
type server struct {
	t     *target
	url   string
	dir   string
	procs []*exec.Cmd
	h1    *http.Client // HTTP/1.1, no gzip
}

// start runs a fresh server and waits until it is ready. keep, if not empty, is a data folder that outlives it.
func (b *bench) start(ctx context.Context, t *target, keep string) (*server, time.Duration, error) {
	s := &server{t: t, dir: keep, h1: newClient(false, false)}
	if keep == "" {
		var err error
		if s.dir, err = os.MkdirTemp(b.dir, "data-"); err != nil {
			return nil, 0, err
		}
	}
	var took time.Duration
	var err error
	if t.kind == kindPintle {
		took, err = s.startPintle(ctx)
	} else {
		took, err = s.startReference(ctx)
	}
	if err != nil {
		s.stop()
		return nil, 0, err
	}
	return s, took, nil
}

func (s *server) startPintle(ctx context.Context) (time.Duration, error) {
	portFile := filepath.Join(s.dir, "port")
	os.Remove(portFile)
	from := time.Now()
	if err := s.exec("pintle", s.t.pintle, "serve", "--data-dir="+filepath.Join(s.dir, "pintle"), "--secure-port=0", "--port-file="+portFile,
		"--tls-cert-file="+filepath.Join(s.t.pki, "tls.crt"), "--tls-private-key-file="+filepath.Join(s.t.pki, "tls.key"),
		"--token-auth-file="+filepath.Join(s.t.pki, "tokens.csv")); err != nil {
		return 0, err
	}
	for s.url == "" {
		if port, err := os.ReadFile(portFile); err == nil && len(port) > 0 {
			s.url = "https://127.0.0.1:" + strings.TrimSpace(string(port))
			break
		}
		if err := s.alive(ctx, from); err != nil {
			return 0, err
		}
		time.Sleep(time.Millisecond)
	}
	return s.waitReady(ctx, from, s.url+"/readyz")
}

// startReference runs etcd, waits for it, and then measures kube-apiserver alone.
func (s *server) startReference(ctx context.Context) (time.Duration, error) {
	ports, err := freePorts(3)
	if err != nil {
		return 0, err
	}
	etcdURL, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	from := time.Now()
	if err := s.exec("etcd", s.t.etc, "--name=default", "--data-dir="+filepath.Join(s.dir, "etcd"),
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer); err != nil {
		return 0, err
	}
	if _, err := s.waitReady(ctx, from, etcdURL+"/readyz"); err != nil {
		return 0, err
	}
	s.url = "https://127.0.0.1:" + ports[2]
	args := []string{"--etcd-servers=" + etcdURL, "--bind-address=127.0.0.1", "--secure-port=" + ports[2], "--cert-dir=" + s.dir,
		"--tls-cert-file=" + filepath.Join(s.t.pki, "tls.crt"), "--tls-private-key-file=" + filepath.Join(s.t.pki, "tls.key"),
		"--token-auth-file=" + filepath.Join(s.t.pki, "tokens.csv"), "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + filepath.Join(s.t.pki, "sa.key"), "--service-account-signing-key-file=" + filepath.Join(s.t.pki, "sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24"}
	if s.t.kind == kindBare {
		args = append(args, "--authorization-mode=AlwaysAllow", "--enable-priority-and-fairness=false")
	} else {
		args = append(args, "--authorization-mode=Node,RBAC")
	}
	from = time.Now()
	if err := s.exec("kube-apiserver", s.t.apiserver, args...); err != nil {
		return 0, err
	}
	return s.waitReady(ctx, from, s.url+"/readyz")
}

func (s *server) exec(name, path string, args ...string) error {
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = s.dir
	if err := cmd.Start(); err != nil {
		return err
	}
	s.procs = append(s.procs, cmd)
	return nil
}

func (s *server) waitReady(ctx context.Context, from time.Time, url string) (time.Duration, error) {
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.h1.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(from), nil
			}
		}
		if err := s.alive(ctx, from); err != nil {
			return 0, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// alive fails when a process has ended, or start-up takes too long.
func (s *server) alive(ctx context.Context, from time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, p := range s.procs {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid)); err != nil || strings.Contains(string(state), ") Z ") {
			log, _ := os.ReadFile(filepath.Join(s.dir, filepath.Base(p.Path)+".log"))
			return fmt.Errorf("%s ended: %s", filepath.Base(p.Path), tail(log, 600))
		}
	}
	if time.Since(from) > time.Minute {
		return errors.New("not ready after a minute")
	}
	return nil
}

func tail(b []byte, n int) string { return string(bytes.TrimSpace(b[max(0, len(b)-n):])) }

// stop ends the processes, the last started first.
func (s *server) stop() {
	s.h1.CloseIdleConnections()
	for i := len(s.procs) - 1; i >= 0; i-- {
		p := s.procs[i]
		p.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(20*time.Second, func() { p.Process.Kill() })
		p.Wait()
		kill.Stop()
	}
	s.procs = nil
}

func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports, nil
}

// makePKI writes what both kinds of servers are started with: the same serving pair and the same token.
func makePKI(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certDER, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}), 0o644),
		os.WriteFile(filepath.Join(dir, "tls.key"), keyPEM, 0o600),
		os.WriteFile(filepath.Join(dir, "sa.key"), keyPEM, 0o600),
		os.WriteFile(filepath.Join(dir, "tokens.csv"), []byte(token+",admin,admin,system:masters\n"), 0o600),
	)
}
