package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

func ensure(t *testing.T, o Options) *Bundle {
	t.Helper()
	b, err := Ensure(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesAndReuse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	first := ensure(t, Options{Dir: dir})
	want := map[string]fs.FileMode{"ca.crt": 0o644, "ca.key": 0o600, "admin.crt": 0o644, "admin.key": 0o600, "apiserver.crt": 0o644, "apiserver.key": 0o600}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if mode, ok := want[e.Name()]; !ok || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		delete(want, e.Name())
	}
	if len(want) > 0 {
		t.Errorf("not written: %v", want)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}

	second := ensure(t, Options{Dir: dir})
	if !bytes.Equal(first.Serving.CertPEM, second.Serving.CertPEM) || !bytes.Equal(first.Admin.CertPEM, second.Admin.CertPEM) || !bytes.Equal(first.ServerCA, second.ServerCA) {
		t.Error("the second start made new certificates")
	}

	// A certificate that lacks a name is renewed, and its key kept.
	third := ensure(t, Options{Dir: dir, Bind: net.IPv4(127, 0, 0, 9)})
	if bytes.Equal(first.Serving.CertPEM, third.Serving.CertPEM) || !bytes.Equal(first.Serving.KeyPEM, third.Serving.KeyPEM) {
		t.Error("the bind address did not renew the serving certificate with its key")
	}
	if err := third.Serving.Leaf.VerifyHostname("127.0.0.9"); err != nil {
		t.Error(err)
	}
}

func TestNamesAndSubjects(t *testing.T) {
	b := ensure(t, Options{ServiceIP: net.IPv4(10, 7, 0, 1), Hosts: []string{"api.example.com", "192.0.2.7"}})
	host, _ := os.Hostname()
	for _, h := range []string{"localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "10.7.0.1", host, "api.example.com", "192.0.2.7"} {
		if err := b.Serving.Leaf.VerifyHostname(h); err != nil {
			t.Error(err)
		}
	}
	if s := b.Admin.Leaf.Subject; s.CommonName != "kubernetes-admin" || !slices.Equal(s.Organization, []string{"system:masters"}) {
		t.Errorf("administrator %v", s)
	}
	if d := time.Until(b.Serving.Leaf.NotAfter); d < 364*24*time.Hour || d > 366*24*time.Hour {
		t.Errorf("the serving certificate lives %v", d)
	}
	if _, err := b.Admin.Leaf.Verify(x509.VerifyOptions{Roots: b.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if b := ensure(t, Options{Bind: net.IPv4zero}); len(b.Serving.Leaf.IPAddresses) < 3 {
		t.Errorf("bound to every address, good for %v", b.Serving.Leaf.IPAddresses)
	}
}

func TestRenewal(t *testing.T) {
	dir := t.TempDir()
	at := time.Now()
	o := Options{Dir: dir, Now: func() time.Time { return at }}
	first := ensure(t, o)
	at = at.Add(300 * 24 * time.Hour)
	if b := ensure(t, o); !bytes.Equal(b.Serving.CertPEM, first.Serving.CertPEM) {
		t.Error("renewed too early")
	}
	at = at.Add(40 * 24 * time.Hour)
	b := ensure(t, o)
	if bytes.Equal(b.Serving.CertPEM, first.Serving.CertPEM) || bytes.Equal(b.Admin.CertPEM, first.Admin.CertPEM) {
		t.Error("not renewed near the end")
	}
	if !bytes.Equal(b.Serving.KeyPEM, first.Serving.KeyPEM) || !bytes.Equal(b.ServerCA, first.ServerCA) {
		t.Error("the key or the authority changed")
	}
	at = at.Add(10 * 365 * 24 * time.Hour)
	late := ensure(t, o)
	if bytes.Equal(late.ServerCA, first.ServerCA) {
		t.Error("the authority has ended and was kept")
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(late.ServerCA)
	if _, err := late.Serving.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "localhost", CurrentTime: at}); err != nil {
		t.Error(err)
	}
}

// What the caller put into the certificate folder is served as it is, near its end or not.
func TestForeignServingPair(t *testing.T) {
	at := time.Now()
	foreign, err := (*Authority)(nil).issue(&x509.Certificate{DNSNames: []string{"localhost"}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := (pairFiles{dir, "apiserver"}).save(foreign); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Dir: t.TempDir(), CertDir: dir},
		{NoAdmin: true, CertDir: dir},
		{Dir: t.TempDir(), CertFile: filepath.Join(dir, "apiserver.crt"), KeyFile: filepath.Join(dir, "apiserver.key")},
	} {
		b := ensure(t, o)
		if !bytes.Equal(b.Serving.CertPEM, foreign.CertPEM) || !bytes.Equal(b.ServerCA, foreign.CertPEM) {
			t.Errorf("%+v: not served as it is", o)
		}
	}
}

// As the program kube-apiserver: nothing but the serving pair is made, with its authority in the chain, and nobody's
// client certificates are trusted but the given file's.
func TestNoAdmin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	b := ensure(t, Options{NoAdmin: true, CertDir: dir})
	if b.Admin != nil || b.ClientCAs != nil {
		t.Error("an administrator was made")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 {
		t.Errorf("%d files, want apiserver.crt and apiserver.key", len(entries))
	}
	if n := len(b.Serving.TLS().Certificate); n != 2 {
		t.Errorf("%d certificates in the chain, want 2", n)
	}
	again := ensure(t, Options{NoAdmin: true, CertDir: dir})
	if !bytes.Equal(again.Serving.CertPEM, b.Serving.CertPEM) {
		t.Error("made anew at the next start")
	}
	ca, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, ca.CertPEM, 0o644); err != nil {
		t.Fatal(err)
	}
	b = ensure(t, Options{NoAdmin: true, CertDir: dir, ClientCAFile: file})
	client, err := ca.Client(time.Now(), "jane", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Leaf.Verify(x509.VerifyOptions{Roots: b.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o644); err != nil {
		t.Fatal(err)
	}
	halfDir := t.TempDir()
	ensure(t, Options{Dir: halfDir})
	if err := os.Remove(filepath.Join(halfDir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	mixed := t.TempDir()
	ensure(t, Options{Dir: mixed})
	ensure(t, Options{NoAdmin: true, CertDir: dir})
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{CertFile: filepath.Join(dir, "none.crt"), KeyFile: junk}, "none.crt"},
		{Options{CertFile: junk, KeyFile: junk}, "junk.pem"},
		{Options{CertFile: junk}, "go together"},
		{Options{ClientCAFile: filepath.Join(dir, "none.crt")}, "none.crt"},
		{Options{ClientCAFile: junk}, "junk.pem holds no PEM certificate"},
		{Options{Dir: halfDir}, "ca.key"},
		{Options{CertFile: filepath.Join(dir, "apiserver.crt"), KeyFile: filepath.Join(mixed, "ca.key")}, "private key does not match"},
		{Options{Dir: junk}, "junk.pem"},
	} {
		_, err := Ensure(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", tt.o, err)
		}
	}
}

func TestWriteFileLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(target, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(target, []byte("x"), 0o600); err == nil {
		t.Fatal("a folder was replaced")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestKubeconfig(t *testing.T) {
	b := ensure(t, Options{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("User", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	srv.TLS = b.TLS()
	srv.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	srv.StartTLS()
	defer srv.Close()
	url := "https://" + srv.Listener.Addr().String()

	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := b.WriteKubeconfig(path, url); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != url {
		t.Errorf("host %q", config.Host)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(config.CAData)
	pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if u := resp.Header.Get("User"); u != "kubernetes-admin" {
		t.Errorf("user %q", u)
	}

	// What the user changed stays, as long as the file leads here.
	edited := append(b.Kubeconfig(url), "# mine\n"...)
	if err := os.WriteFile(path, edited, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteKubeconfig(path, url); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, edited) {
		t.Error("an edited kubeconfig was overwritten")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := b.WriteKubeconfig(path, "https://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); bytes.Equal(got, edited) {
		t.Error("a kubeconfig that leads elsewhere was kept")
	}
}

func BenchmarkFirstStart(b *testing.B) {
	for b.Loop() {
		if _, err := Ensure(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFirstStartOnDisk(b *testing.B) {
	for b.Loop() {
		if _, err := Ensure(Options{Dir: b.TempDir()}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNextStart(b *testing.B) {
	o := Options{Dir: b.TempDir()}
	for b.Loop() {
		if _, err := Ensure(o); err != nil {
			b.Fatal(err)
		}
	}
}
