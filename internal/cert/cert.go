// Package cert makes, keeps and loads the certificates that a server shows and the authority that it trusts.
//
// Nouns: an Authority signs; a Pair is a certificate (with its chain) and its key, as PEM; a Bundle is all that one
// server needs: what it serves with, whom it trusts, and the administrator's pair.
//
// Invariants: files are written whole or not at all, a key before its certificate, so a certificate that is there has
// its key; keys are readable by their owner only; a pair that somebody else put there is used and never replaced; a
// pair of our own is renewed at start when it nears its end or lacks a name, and keeps its key. ECDSA P-256
// throughout: making an RSA key can take longer than everything else at start.
//
// Concurrency: functions that touch files expect one process a directory (the store's lock sees to it). Values are
// immutable once made.
package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// authorityName is the subject of our authorities, and so tells which certificates are ours to renew.
const authorityName = "pintle-ca"

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	pairLife      = 365 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is renewed at start.
	renewBefore = 30 * 24 * time.Hour
	// backdate makes room for clocks that are behind.
	backdate = time.Hour
)

// Pair is a certificate and its key.
type Pair struct {
	CertPEM, KeyPEM []byte
	// Leaf is the first certificate of CertPEM.
	Leaf *x509.Certificate
	key  crypto.Signer
}

// ParsePair reads PEM blocks and checks that they belong together.
func ParsePair(certPEM, keyPEM []byte) (*Pair, error) {
	t, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := t.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return &Pair{CertPEM: certPEM, KeyPEM: keyPEM, Leaf: t.Leaf, key: key}, nil
}

// TLS returns the pair as crypto/tls takes it.
func (p *Pair) TLS() tls.Certificate {
	c := tls.Certificate{PrivateKey: p.key, Leaf: p.Leaf}
	for rest := p.CertPEM; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return c
		}
		if b.Type == "CERTIFICATE" {
			c.Certificate = append(c.Certificate, b.Bytes)
		}
	}
}

// nearEnd says whether the pair should be renewed.
func (p *Pair) nearEnd(now time.Time) bool { return now.Add(renewBefore).After(p.Leaf.NotAfter) }

// Authority signs certificates.
type Authority struct{ *Pair }

// NewAuthority makes an authority with a new key.
func NewAuthority(now time.Time) (*Authority, error) {
	p, err := (*Authority)(nil).issue(&x509.Certificate{
		Subject:               pkix.Name{CommonName: authorityName},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}, nil)
	if err != nil {
		return nil, err
	}
	return &Authority{p}, nil
}

// Serving issues a serving certificate for DNS names and IP addresses. key nil makes a new one.
func (a *Authority) Serving(now time.Time, hosts []string, key *Pair) (*Pair, error) {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(pairLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return a.issue(t, key)
}

// Client issues a client certificate for a user in groups. key nil makes a new one.
func (a *Authority) Client(now time.Time, user string, groups []string, key *Pair) (*Pair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(pairLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
}

// issue signs t for the key of keep, or for a new key. A nil authority signs itself.
func (a *Authority) issue(t *x509.Certificate, keep *Pair) (*Pair, error) {
	p := &Pair{}
	if keep != nil {
		p.key, p.KeyPEM = keep.key, keep.KeyPEM
	} else {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, err
		}
		p.key, p.KeyPEM = key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial.Add(serial, big.NewInt(1))
	parent, signer := t, p.key
	if a != nil {
		parent, signer = a.Leaf, a.key
		if t.NotAfter.After(parent.NotAfter) {
			t.NotAfter = parent.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, p.key.Public(), signer)
	if err != nil {
		return nil, err
	}
	if p.Leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	p.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return p, nil
}

// issued says whether the authority signed the pair's certificate.
func (a *Authority) issued(p *Pair) bool { return p.Leaf.CheckSignatureFrom(a.Leaf) == nil }

// covers says whether the pair is valid for all of hosts.
func (p *Pair) covers(hosts []string) bool {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			if !slices.ContainsFunc(p.Leaf.IPAddresses, ip.Equal) {
				return false
			}
		} else if !slices.Contains(p.Leaf.DNSNames, h) {
			return false
		}
	}
	return true
}

// addPEM adds the certificates of a PEM bundle to pool. source names the bundle in errors.
func addPEM(pool *x509.CertPool, source string, bundle []byte) error {
	n := 0
	for rest := bundle; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return fmt.Errorf("%s holds no PEM certificate", source)
	}
	return nil
}
