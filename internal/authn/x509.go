package authn

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pintle-io/pintle/internal/request"
)

// credentialID is the key in a User's Extra that tells which document proved the identity.
const credentialID = "authentication.kubernetes.io/credential-id"

// uidOID is the subject attribute that holds a user's UID.
var uidOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2}

// maxVerified bounds the memory of certificates already verified. Only certificates that the authority signed get
// there, so it is a bound on distinct clients, not a door.
const maxVerified = 1024

// X509 knows the users whose client certificates an authority signed for client authentication: the common name is
// the user, organizations are the groups.
//
// Verifying a chain costs some 100 µs and a request may cost 30, so a verified leaf is remembered. crypto/tls hands
// out the same *x509.Certificate for every request of a connection, and for every connection that shows the same
// bytes as long as one is alive, so the pointer is the key: equal pointers are equal bytes. Only success is
// remembered, and only until the first certificate of the chain ends.
type X509 struct {
	roots *x509.CertPool
	now   func() time.Time

	verified sync.Map // *x509.Certificate -> *verifiedLeaf
	count    atomic.Int32
}

type verifiedLeaf struct {
	user                *request.User
	notBefore, notAfter time.Time // of the chain: the latest start, the earliest end
}

// NewX509 returns an X509 that trusts roots. now nil is time.Now.
func NewX509(roots *x509.CertPool, now func() time.Time) *X509 {
	if now == nil {
		now = time.Now
	}
	return &X509{roots: roots, now: now}
}

// Authenticate implements Authenticator.
func (x *X509) Authenticate(_ context.Context, r *http.Request) (*request.User, bool, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	leaf := r.TLS.PeerCertificates[0]
	now := x.now()
	if v, ok := x.verified.Load(leaf); ok {
		if v := v.(*verifiedLeaf); !now.Before(v.notBefore) && !now.After(v.notAfter) {
			return v.user, v.user != nil, nil
		}
	}
	return x.verify(r.TLS.PeerCertificates, now)
}

func (x *X509) verify(peer []*x509.Certificate, now time.Time) (*request.User, bool, error) {
	leaf := peer[0]
	opts := x509.VerifyOptions{
		Roots:       x.roots,
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(peer) > 1 {
		opts.Intermediates = x509.NewCertPool()
		for _, c := range peer[1:] {
			opts.Intermediates.AddCert(c)
		}
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		return nil, false, fmt.Errorf("verifying certificate SN=%d, CN=%q failed: %w", leaf.SerialNumber, leaf.Subject.CommonName, err)
	}
	user, err := certUser(leaf)
	if err != nil {
		return nil, false, err
	}
	v := &verifiedLeaf{user: user, notBefore: leaf.NotBefore, notAfter: leaf.NotAfter}
	for _, c := range chains[0] {
		if c.NotAfter.Before(v.notAfter) {
			v.notAfter = c.NotAfter
		}
		if c.NotBefore.After(v.notBefore) {
			v.notBefore = c.NotBefore
		}
	}
	x.remember(leaf, v)
	return user, user != nil, nil
}

// remember keeps v for leaf. A full memory is forgotten whole: everyone verifies once more.
func (x *X509) remember(leaf *x509.Certificate, v *verifiedLeaf) {
	if _, had := x.verified.Swap(leaf, v); had {
		return
	}
	if x.count.Add(1) > maxVerified {
		x.verified.Clear()
		x.count.Store(0)
	}
}

// certUser reads the user off a verified certificate; nil when it names nobody.
func certUser(leaf *x509.Certificate) (*request.User, error) {
	if leaf.Subject.CommonName == "" {
		return nil, nil
	}
	uid, err := certUID(leaf)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(leaf.Raw)
	return authenticated(&request.User{
		Name:   leaf.Subject.CommonName,
		UID:    uid,
		Groups: leaf.Subject.Organization,
		Extra:  map[string][]string{credentialID: {"X509SHA256=" + hex.EncodeToString(sum[:])}},
	}), nil
}

// certUID reads the one UID attribute of the subject, if there is any.
func certUID(leaf *x509.Certificate) (string, error) {
	uid, found := "", false
	for _, name := range leaf.Subject.Names {
		if !name.Type.Equal(uidOID) {
			continue
		}
		s, _ := name.Value.(string)
		switch {
		case s == "":
			return "", errors.New("the certificate's UID attribute is empty or not a string")
		case found:
			return "", errors.New("the certificate has more than one UID attribute")
		}
		uid, found = s, true
	}
	return uid, nil
}
