package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pintle-io/pintle/internal/request"
)

// authority is a throw-away CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, parent *authority) *authority {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return sign(t, parent, tmpl)
}

func sign(t testing.TB, parent *authority, tmpl *x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signerCert, signer := tmpl, key
	if parent != nil {
		signerCert, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, signerCert, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) client(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "jane", Organization: []string{"dev", "ops"}},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Minute),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(tmpl)
	}
	return sign(t, a, tmpl).cert
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func withCerts(certs ...*x509.Certificate) *http.Request {
	r := httptest.NewRequest("GET", "/api", nil)
	r.TLS = &tls.ConnectionState{PeerCertificates: certs}
	return r
}

func TestX509(t *testing.T) {
	ca := newAuthority(t, nil)
	middle := newAuthority(t, ca)
	uid := func(values ...any) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for _, v := range values {
				c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: uidOID, Value: v})
			}
		}
	}
	tests := []struct {
		name   string
		certs  []*x509.Certificate
		ok     bool
		err    string
		uid    string
		groups []string
	}{
		{name: "no certificate"},
		{name: "good", certs: []*x509.Certificate{ca.client(t, nil)}, ok: true, groups: []string{"dev", "ops", "system:authenticated"}},
		{name: "no groups", certs: []*x509.Certificate{ca.client(t, func(c *x509.Certificate) { c.Subject.Organization = nil })}, ok: true, groups: []string{"system:authenticated"}},
		{name: "nobody", certs: []*x509.Certificate{ca.client(t, func(c *x509.Certificate) { c.Subject.CommonName = "" })}},
		{name: "other authority", certs: []*x509.Certificate{newAuthority(t, nil).client(t, nil)}, err: "unknown authority"},
		{name: "serving certificate", certs: []*x509.Certificate{ca.client(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})}, err: "incompatible key usage"},
		{name: "ended", certs: []*x509.Certificate{ca.client(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })}, err: "expired"},
		{name: "intermediate", certs: []*x509.Certificate{middle.client(t, nil), middle.cert}, ok: true, groups: []string{"dev", "ops", "system:authenticated"}},
		{name: "intermediate missing", certs: []*x509.Certificate{middle.client(t, nil)}, err: "unknown authority"},
		{name: "uid", certs: []*x509.Certificate{ca.client(t, uid("42"))}, ok: true, uid: "42", groups: []string{"dev", "ops", "system:authenticated"}},
		{name: "two uids", certs: []*x509.Certificate{ca.client(t, uid("1", "2"))}, err: "more than one UID"},
		{name: "empty uid", certs: []*x509.Certificate{ca.client(t, uid(""))}, err: "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := NewX509(ca.pool(), nil)
			for range 2 { // the second time from memory
				u, ok, err := x.Authenticate(t.Context(), withCerts(tt.certs...))
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) || ok {
						t.Fatalf("got %v, %v, want an error with %q", ok, err, tt.err)
					}
					continue
				}
				if err != nil || ok != tt.ok {
					t.Fatalf("got %v, %v, want %v", ok, err, tt.ok)
				}
				if !ok {
					continue
				}
				if u.Name != "jane" || u.UID != tt.uid || !reflect.DeepEqual(u.Groups, tt.groups) {
					t.Errorf("got %+v", u)
				}
				if id := u.Extra[credentialID]; len(id) != 1 || !strings.HasPrefix(id[0], "X509SHA256=") || len(id[0]) != 11+64 {
					t.Errorf("credential id %q", id)
				}
			}
		})
	}
}

// A remembered certificate ends when it ends, though its connection lives on.
func TestX509RememberedCertificateEnds(t *testing.T) {
	ca := newAuthority(t, nil)
	now := time.Now()
	x := NewX509(ca.pool(), func() time.Time { return now })
	r := withCerts(ca.client(t, nil))
	if _, ok, err := x.Authenticate(r.Context(), r); !ok || err != nil {
		t.Fatal(ok, err)
	}
	now = now.Add(2 * time.Minute)
	if _, ok, err := x.Authenticate(r.Context(), r); ok || err == nil {
		t.Fatal("a certificate that has ended still counts")
	}
	now = now.Add(-time.Hour)
	if _, ok, err := x.Authenticate(r.Context(), r); ok || err == nil {
		t.Fatal("a certificate that has not begun counts")
	}
}

func TestX509MemoryIsBounded(t *testing.T) {
	x := NewX509(x509.NewCertPool(), nil)
	for range 3 * maxVerified {
		x.remember(&x509.Certificate{}, &verifiedLeaf{})
	}
	n := 0
	x.verified.Range(func(any, any) bool { n++; return true })
	if n > maxVerified {
		t.Fatalf("%d certificates remembered", n)
	}
}

func tokenFile(t *testing.T, content string) (*TokenFile, []string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var warnings []string
	f, err := ReadTokenFile(path, func(s string) { warnings = append(warnings, strings.ReplaceAll(s, path, "FILE")) })
	return f, warnings, err
}

func TestTokenFile(t *testing.T) {
	f, warnings, err := tokenFile(t, "t1,jane,7\n,nobody,0\nt2,joe,8,\"dev,ops\"\nt1,jill,9,system:authenticated\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"empty token has been found in token file 'FILE', record number '2'",
		"duplicate token has been found in token file 'FILE', record number '4'"}
	if !reflect.DeepEqual(warnings, want) {
		t.Errorf("warnings %q", warnings)
	}
	for token, want := range map[string]*request.User{
		"t1": {Name: "jill", UID: "9", Groups: []string{"system:authenticated"}},
		"t2": {Name: "joe", UID: "8", Groups: []string{"dev", "ops", "system:authenticated"}},
	} {
		u, ok, err := f.Token(context.Background(), token)
		if err != nil || !ok || !reflect.DeepEqual(u, want) {
			t.Errorf("%s: %+v, %v, %v", token, u, ok, err)
		}
	}
	if _, _, err := tokenFile(t, "t1,jane\n"); err == nil || !strings.Contains(err.Error(), "must have at least 3 columns (token, user name, user uid), found 2") {
		t.Errorf("short record: %v", err)
	}
	if _, _, err := tokenFile(t, "t1,\"jane\n"); err == nil {
		t.Error("an open quote was accepted")
	}
	if _, err := ReadTokenFile(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestBearer(t *testing.T) {
	f, _, err := tokenFile(t, "good,jane,7\n")
	if err != nil {
		t.Fatal(err)
	}
	b := Bearer{f.Token}
	encode := base64.RawURLEncoding.EncodeToString
	tests := []struct {
		name      string
		header    []string
		protocols []string
		ok        bool
		err       string
		protocol  string
		warns     bool
	}{
		{name: "nothing"},
		{name: "good", header: []string{"Bearer good"}, ok: true},
		{name: "any case, spaces", header: []string{"  bEARER good  "}, ok: true},
		{name: "unknown", header: []string{"Bearer bad"}, err: "invalid bearer token"},
		{name: "no token", header: []string{"Bearer "}},
		{name: "extra space", header: []string{"Bearer  good"}, warns: true},
		{name: "basic", header: []string{"Basic Z29vZA=="}},
		{name: "subprotocol", protocols: []string{"a, " + tokenProtocol + encode([]byte("good")), "b"}, ok: true, protocol: "a,b"},
		{name: "subprotocol unknown", protocols: []string{"a," + tokenProtocol + encode([]byte("bad"))}, err: "invalid bearer token"},
		{name: "subprotocol alone", protocols: []string{tokenProtocol + encode([]byte("good"))}, err: "beside"},
		{name: "subprotocol twice", protocols: []string{"a," + tokenProtocol + "eA," + tokenProtocol + "eA"}, err: "more than one"},
		{name: "subprotocol not base64", protocols: []string{"a," + tokenProtocol + "=="}, err: "base64url"},
		{name: "subprotocol not text", protocols: []string{"a," + tokenProtocol + encode([]byte{0xff})}, err: "base64url"},
		{name: "subprotocols without a token", protocols: []string{"a,b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			req := &request.Request{}
			r = r.WithContext(request.With(r.Context(), req))
			r.Header["Authorization"] = tt.header
			if tt.protocols != nil {
				r.Header.Set("Connection", "keep-alive, Upgrade")
				r.Header.Set("Upgrade", "WebSocket")
				r.Header["Sec-Websocket-Protocol"] = tt.protocols
			}
			u, ok, err := b.Authenticate(r.Context(), r)
			if ok != tt.ok || (err != nil) != (tt.err != "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("got %v, %v", ok, err)
			}
			if (len(req.Warnings) > 0) != tt.warns {
				t.Errorf("warnings %q", req.Warnings)
			}
			if !ok {
				return
			}
			if u.Name != "jane" {
				t.Errorf("got %+v", u)
			}
			if h := r.Header.Get("Authorization"); h != "" {
				t.Errorf("the token is still in the request: %q", h)
			}
			if h := r.Header.Get("Sec-Websocket-Protocol"); h != tt.protocol {
				t.Errorf("subprotocols %q, want %q", h, tt.protocol)
			}
		})
	}
}

func TestChain(t *testing.T) {
	ca := newAuthority(t, nil)
	f, _, err := tokenFile(t, "good,jane,7\n")
	if err != nil {
		t.Fatal(err)
	}
	c := &Chain{Credentials: Union{NewX509(ca.pool(), nil), Bearer{f.Token}}, Anonymous: NewAnonymous()}
	stranger := newAuthority(t, nil).client(t, nil)
	tests := []struct {
		name, path, token string
		cert              *x509.Certificate
		user              string
		err               bool
	}{
		{name: "anonymous asks for health", path: "/readyz", user: request.Anonymous},
		{name: "anonymous asks for more", path: "/api"},
		{name: "anonymous below health", path: "/readyz/ping"},
		{name: "a wrong token is not anonymous", path: "/readyz", token: "bad", err: true},
		{name: "a wrong certificate is not anonymous", path: "/readyz", cert: stranger, err: true},
		{name: "a good token beside a wrong certificate", path: "/api", token: "good", cert: stranger, user: "jane"},
		{name: "a certificate beats a wrong token", path: "/api", token: "bad", cert: ca.client(t, nil), user: "jane"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.path, nil)
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			if tt.cert != nil {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.cert}}
			}
			u, ok, err := c.Authenticate(r.Context(), r)
			if (err != nil) != tt.err || ok != (tt.user != "") {
				t.Fatalf("got %v, %v, %v", u, ok, err)
			}
			if ok && u.Name != tt.user {
				t.Errorf("user %q", u.Name)
			}
			if ok && u.Name == request.Anonymous && !reflect.DeepEqual(u.Groups, []string{request.GroupUnauthenticated}) {
				t.Errorf("groups %q", u.Groups)
			}
		})
	}
	c.Anonymous = nil
	if _, ok, err := c.Authenticate(t.Context(), httptest.NewRequest("GET", "/readyz", nil)); ok || err != nil {
		t.Error("anonymous though it is off", ok, err)
	}
	post := &Chain{Anonymous: NewAnonymous()}
	if _, ok, _ := post.Authenticate(t.Context(), httptest.NewRequest("POST", "/readyz", nil)); ok {
		t.Error("anonymous may POST")
	}
}

// A connection's requests share its certificate, and connections with the same certificate do too: what X509's
// memory relies on.
func TestTLSKeepsTheCertificatePointer(t *testing.T) {
	ca := newAuthority(t, nil)
	client := sign(t, ca, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "jane"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Minute),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	x := NewX509(ca.pool(), nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, ok, err := x.Authenticate(r.Context(), r); !ok || u.Name != "jane" {
			http.Error(w, "who", http.StatusUnauthorized)
			t.Error(u, ok, err)
		}
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	defer srv.Close()
	transport := srv.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{client.cert.Raw}, PrivateKey: client.key}}
	for range 5 {
		resp, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if n := x.count.Load(); n != 1 {
		t.Errorf("%d verifications remembered for one connection, want 1", n)
	}
}

func BenchmarkX509(b *testing.B) {
	ca := newAuthority(b, nil)
	x := NewX509(ca.pool(), nil)
	r := withCerts(ca.client(b, nil))
	c := &Chain{Credentials: Union{x, Bearer{}}, Anonymous: NewAnonymous()}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, _ := c.Authenticate(r.Context(), r); !ok {
			b.Fatal("not authenticated")
		}
	}
}

func BenchmarkToken(b *testing.B) {
	f := &TokenFile{users: map[string]*request.User{"0123456789abcdef": {Name: "jane"}}}
	c := &Chain{Credentials: Union{NewX509(x509.NewCertPool(), nil), Bearer{f.Token}}, Anonymous: NewAnonymous()}
	header := []string{"Bearer 0123456789abcdef"}
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		r.Header["Authorization"] = header
		if _, ok, _ := c.Authenticate(r.Context(), r); !ok {
			b.Fatal("not authenticated")
		}
	}
}
