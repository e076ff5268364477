package cert

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
)

// Kubeconfig returns a kubeconfig for the administrator of the server at url.
func (b *Bundle) Kubeconfig(url string) []byte {
	b64 := base64.StdEncoding.EncodeToString
	var out bytes.Buffer
	fmt.Fprintf(&out, `apiVersion: v1
kind: Config
clusters:
- name: pintle
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: kubernetes-admin
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: pintle
  context:
    cluster: pintle
    user: kubernetes-admin
current-context: pintle
`, url, b64(b.ServerCA), b64(b.Admin.CertPEM), b64(b.Admin.KeyPEM))
	return out.Bytes()
}

// WriteKubeconfig writes the administrator's kubeconfig, unless the file there already leads to this server: what
// its user changed in it, a namespace or further contexts, then stays.
func (b *Bundle) WriteKubeconfig(path, url string) error {
	if old, err := os.ReadFile(path); err == nil && b.leadsHere(old, url) {
		return os.Chmod(path, 0o600)
	}
	return WriteFile(path, b.Kubeconfig(url), 0o600)
}

// leadsHere says whether a kubeconfig has this server's address, authority and pair.
func (b *Bundle) leadsHere(kubeconfig []byte, url string) bool {
	b64 := base64.StdEncoding.EncodeToString
	for _, want := range []string{"server: " + url + "\n", b64(b.ServerCA), b64(b.Admin.CertPEM), b64(b.Admin.KeyPEM)} {
		if !bytes.Contains(kubeconfig, []byte(want)) {
			return false
		}
	}
	return true
}
