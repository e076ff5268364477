package cert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options says where certificates are and what the serving certificate has to be good for. The zero value makes
// everything in memory, for loopback.
type Options struct {
	// Dir keeps the authority (ca.crt, ca.key) and the administrator's pair (admin.crt, admin.key). Empty keeps
	// them in memory.
	Dir string
	// CertDir holds the serving pair, apiserver.crt and apiserver.key, made there if missing. Empty means Dir.
	CertDir string
	// CertFile and KeyFile name a serving pair that is used as it is, instead of CertDir's.
	CertFile, KeyFile string
	// ClientCAFile is a PEM bundle of authorities whose client certificates are trusted beside those of our own.
	ClientCAFile string
	// NoAdmin leaves out the administrator's pair and the trust in our own authority's client certificates: whoever
	// starts the server brings their own.
	NoAdmin bool

	// Bind is the address that the server listens on; ServiceIP the kubernetes Service's, 10.0.0.1 if nil.
	Bind, ServiceIP net.IP
	// Hosts are further names and addresses for the serving certificate.
	Hosts []string
	// Now is time.Now if nil.
	Now func() time.Time
}

// Bundle is what one server serves with and whom it trusts.
type Bundle struct {
	Serving *Pair
	// ServerCA is the PEM that a client trusts the server by.
	ServerCA []byte
	// ClientCAs are the authorities whose client certificates are trusted; nil when there are none.
	ClientCAs *x509.CertPool
	// Admin is the pair of kubernetes-admin in system:masters; nil with Options.NoAdmin.
	Admin *Pair
}

// Ensure loads what is there and makes what is missing or about to end.
func Ensure(o Options) (*Bundle, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, fmt.Errorf("the serving certificate and its key go together: certificate %q, key %q", o.CertFile, o.KeyFile)
	}
	if err := makeDirs(o); err != nil {
		return nil, err
	}
	b := &Bundle{}
	var ca *Authority
	if o.Dir != "" || !o.NoAdmin {
		var err error
		if ca, err = ensureAuthority(o); err != nil {
			return nil, err
		}
	}
	if err := b.serving(o, ca); err != nil {
		return nil, err
	}
	if !o.NoAdmin {
		admin, err := ensureAdmin(o, ca)
		if err != nil {
			return nil, err
		}
		b.Admin = admin
		b.ClientCAs = x509.NewCertPool()
		b.ClientCAs.AddCert(ca.Leaf)
	}
	if o.ClientCAFile != "" {
		bundle, err := os.ReadFile(o.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("client CA: %w", err)
		}
		if b.ClientCAs == nil {
			b.ClientCAs = x509.NewCertPool()
		}
		if err := addPEM(b.ClientCAs, "client CA "+o.ClientCAFile, bundle); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func makeDirs(o Options) error {
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return err
		}
	}
	if o.CertDir != "" && o.CertFile == "" {
		return os.MkdirAll(o.CertDir, 0o755)
	}
	return nil
}

func ensureAuthority(o Options) (*Authority, error) {
	files := pairFiles{o.Dir, "ca"}
	p, err := files.load()
	if err != nil {
		return nil, err
	}
	if p != nil && !p.nearEnd(o.Now()) {
		if !p.Leaf.IsCA {
			return nil, fmt.Errorf("%s is not a certificate authority", files.cert())
		}
		return &Authority{p}, nil
	}
	ca, err := NewAuthority(o.Now())
	if err != nil {
		return nil, err
	}
	return ca, files.save(ca.Pair)
}

func ensureAdmin(o Options, ca *Authority) (*Pair, error) {
	files := pairFiles{o.Dir, "admin"}
	old, err := files.load()
	if err != nil {
		return nil, err
	}
	if old != nil && ca.issued(old) && !old.nearEnd(o.Now()) {
		return old, nil
	}
	p, err := ca.Client(o.Now(), "kubernetes-admin", []string{"system:masters"}, old)
	if err != nil {
		return nil, err
	}
	return p, files.save(p)
}

// serving loads or makes the serving pair. ca nil signs it, if it has to be made, by an authority that is kept
// nowhere; its certificate is then part of the chain, for clients to trust.
func (b *Bundle) serving(o Options, ca *Authority) (err error) {
	if o.CertFile != "" {
		b.Serving, err = LoadPair(o.CertFile, o.KeyFile)
		if err != nil {
			return err
		}
		b.ServerCA = b.Serving.CertPEM
		return nil
	}
	files := pairFiles{o.CertDir, "apiserver"}
	if files.dir == "" {
		files.dir = o.Dir
	}
	old, err := files.load()
	if err != nil {
		return err
	}
	hosts := servingHosts(o)
	if old != nil {
		ours := ca != nil && ca.issued(old)
		stale := old.nearEnd(o.Now()) || ca != nil && !(ours && old.covers(hosts))
		if old.Leaf.Issuer.CommonName != authorityName || !stale {
			b.Serving, b.ServerCA = old, old.CertPEM
			if ours {
				b.ServerCA = ca.CertPEM
			}
			return nil
		}
	}
	signer := ca
	if signer == nil {
		if signer, err = NewAuthority(o.Now()); err != nil {
			return err
		}
	}
	if b.Serving, err = signer.Serving(o.Now(), hosts, old); err != nil {
		return err
	}
	if ca == nil {
		b.Serving.CertPEM = slices.Concat(b.Serving.CertPEM, signer.CertPEM)
	}
	b.ServerCA = signer.CertPEM
	return files.save(b.Serving)
}

// servingHosts are the names and addresses that the serving certificate has to be good for.
func servingHosts(o Options) []string {
	hosts := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"127.0.0.1", "::1"}
	add := func(h string) {
		if h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	if o.ServiceIP == nil {
		o.ServiceIP = net.IPv4(10, 0, 0, 1)
	}
	add(o.ServiceIP.String())
	if name, err := os.Hostname(); err == nil {
		add(name)
	}
	switch {
	case o.Bind == nil:
	case !o.Bind.IsUnspecified():
		add(o.Bind.String())
	default: // every address of this machine
		addrs, _ := net.InterfaceAddrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
				add(n.IP.String())
			}
		}
	}
	for _, h := range o.Hosts {
		add(h)
	}
	return hosts
}

// TLS returns the configuration to listen with. Client certificates are asked for and verified later, by whoever
// authenticates: one that nobody trusts is a 401, not a broken handshake.
func (b *Bundle) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{b.Serving.TLS()},
		ClientAuth:   tls.RequestClientCert,
		ClientCAs:    b.ClientCAs,
		NextProtos:   []string{"h2", "http/1.1"},
	}
}

// KubeconfigPath is where a data directory keeps the administrator's kubeconfig.
func KubeconfigPath(dataDir string) string { return filepath.Join(dataDir, "kubeconfig") }
