package reference

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Options say in which shape a Server runs. The zero Options are the server
// "as it comes": authorization by Node and RBAC, priority and fairness on.
type Options struct {
	// Bare is the shape to compare a server with that has no access control
	// yet: AlwaysAllow, no priority and fairness. Admission stays as it comes.
	Bare bool
	// Dir keeps data, certificates and logs; "" is a temporary folder that Stop removes.
	Dir string
	// Token is the static token of the administrator; "" is a fixed one.
	Token string
	// EtcdURL is an etcd that runs already; "" starts one.
	EtcdURL string
	// Args and EtcdArgs are appended to the programs' own, and so override them.
	Args, EtcdArgs []string
}

// A Server is a running kube-apiserver with its etcd.
type Server struct {
	URL     string // https://127.0.0.1:port
	EtcdURL string // http://127.0.0.1:port
	Token   string // an administrator's bearer token
	Dir     string
	CA      []byte // PEM

	APIServer *os.Process
	Etcd      *os.Process

	pki     *pki
	temp    bool
	running []*process
}

// Start builds what is missing, starts etcd and kube-apiserver, and returns
// when /readyz says so.
func Start(ctx context.Context, o Options) (*Server, error) {
	paths, err := Build(ctx, Etcd, KubeAPIServer)
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: o.Dir, Token: o.Token}
	if s.Token == "" {
		s.Token = "reference-admin-token"
	}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "pintle-reference-"); err != nil {
			return nil, err
		}
		s.temp = true
	}
	if err := s.start(ctx, o, paths[0], paths[1]); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options, etcd, apiserver string) error {
	var err error
	if s.pki, err = newPKI(s.Dir); err != nil {
		return err
	}
	s.CA = s.pki.caPEM
	tokens := filepath.Join(s.Dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(s.Token+",admin,admin,system:masters\n"), 0o600); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if s.EtcdURL = o.EtcdURL; s.EtcdURL == "" {
		s.EtcdURL = "http://" + ports[0]
		if err := s.startEtcd(ctx, etcd, "http://"+ports[1], o.EtcdArgs); err != nil {
			return err
		}
	}

	host, port, err := net.SplitHostPort(ports[2])
	if err != nil {
		return err
	}
	s.URL = "https://" + ports[2]
	args := []string{
		"--etcd-servers=" + s.EtcdURL,
		"--bind-address=" + host,
		"--secure-port=" + port,
		"--cert-dir=" + s.Dir,
		"--tls-cert-file=" + s.pki.path("apiserver.crt"),
		"--tls-private-key-file=" + s.pki.path("apiserver.key"),
		"--client-ca-file=" + s.pki.path("ca.crt"),
		"--token-auth-file=" + tokens,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.pki.path("sa.key"),
		"--service-account-signing-key-file=" + s.pki.path("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24",
	}
	if o.Bare {
		args = append(args, "--authorization-mode=AlwaysAllow", "--enable-priority-and-fairness=false")
	} else {
		args = append(args, "--authorization-mode=Node,RBAC")
	}
	a, err := s.run("kube-apiserver", apiserver, append(args, o.Args...))
	if err != nil {
		return err
	}
	s.APIServer = a.cmd.Process
	return s.wait(ctx, a, s.URL+"/readyz", s.Client())
}

func (s *Server) startEtcd(ctx context.Context, etcd, peer string, args []string) error {
	e, err := s.run("etcd", etcd, append([]string{
		"--name=default",
		"--data-dir=" + filepath.Join(s.Dir, "etcd"),
		"--listen-client-urls=" + s.EtcdURL,
		"--advertise-client-urls=" + s.EtcdURL,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
	}, args...))
	if err != nil {
		return err
	}
	s.Etcd = e.cmd.Process
	return s.wait(ctx, e, s.EtcdURL+"/readyz", http.DefaultClient)
}

// Client is an HTTP client that trusts the server and is its administrator.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: bearer{s.Token, s.Anonymous().Transport}}
}

// Anonymous is an HTTP client that trusts the server and says nothing of itself.
func (s *Server) Anonymous() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CA)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
	}}
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// WriteKubeconfig writes a kubeconfig with two users, "admin" by client
// certificate (in use) and "token" by token.
func (s *Server) WriteKubeconfig(path string) error {
	cert, key, err := s.pki.client("kubernetes-admin", "system:masters")
	if err != nil {
		return err
	}
	c := clientcmdapi.NewConfig()
	c.Clusters["reference"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthorityData: s.CA}
	c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	c.AuthInfos["token"] = &clientcmdapi.AuthInfo{Token: s.Token}
	c.Contexts["reference"] = &clientcmdapi.Context{Cluster: "reference", AuthInfo: "admin"}
	c.Contexts["token"] = &clientcmdapi.Context{Cluster: "reference", AuthInfo: "token"}
	c.CurrentContext = "reference"
	return clientcmd.WriteToFile(*c, path)
}

// Stop ends kube-apiserver, then etcd, and removes a temporary folder.
func (s *Server) Stop() error {
	for i := len(s.running) - 1; i >= 0; i-- {
		s.running[i].stop()
	}
	s.running = nil
	if s.temp {
		return os.RemoveAll(s.Dir)
	}
	return nil
}

// A process is a child with its log, and tells when it has ended.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
}

func (s *Server) run(name, path string, args []string) (*process, error) {
	log, err := os.Create(filepath.Join(s.Dir, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: an interrupt from the terminal is for us to pass on, in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	p := &process{cmd, log, make(chan struct{})}
	go func() { cmd.Wait(); log.Close(); close(p.done) }()
	s.running = append(s.running, p)
	return p, nil
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second): // open watches hold a graceful end back
		p.cmd.Process.Kill()
		<-p.done
	}
}

// wait polls url until it answers 200, the program ends, or ctx does.
func (s *Server) wait(ctx context.Context, p *process, url string, c *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := c.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("reference: %s ended: %s", filepath.Base(p.cmd.Path), tail(p.log.Name()))
		case <-ctx.Done():
			return fmt.Errorf("reference: %s is not ready: %w: %s", filepath.Base(p.cmd.Path), ctx.Err(), tail(p.log.Name()))
		}
	}
}

// tail is the end of a log, for an error message.
func tail(path string) string {
	b, _ := os.ReadFile(path)
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return strings.TrimSpace(string(b))
}

// freePorts finds loopback addresses that nobody listens on now. The programs
// take no listener from outside, so another program may be faster: Start then fails.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
