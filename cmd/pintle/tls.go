package main

import (
	"crypto/tls"
	"fmt"
)

// tlsMinVersionOf reads --tls-min-version; 0 when it was not given.
func tlsMinVersionOf(name string) (uint16, error) {
	switch name {
	case "":
		return 0, nil
	case "VersionTLS12":
		return tls.VersionTLS12, nil
	case "VersionTLS13":
		return tls.VersionTLS13, nil
	case "VersionTLS10", "VersionTLS11":
		return 0, fmt.Errorf("--tls-min-version: %s is not spoken any more; VersionTLS12 and VersionTLS13 are", name)
	}
	return 0, fmt.Errorf("--tls-min-version: unknown TLS version %q; there are VersionTLS12 and VersionTLS13", name)
}

// cipherSuitesOf reads --tls-cipher-suites; nil when it was not given.
func cipherSuitesOf(names []string) ([]uint16, error) {
	var ids []uint16
names:
	for _, name := range names {
		for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
			for _, s := range list {
				if s.Name == name {
					ids = append(ids, s.ID)
					continue names
				}
			}
		}
		switch name { // the names without their hash, which the reference takes too
		case "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305":
			ids = append(ids, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
		case "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305":
			ids = append(ids, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
		default:
			return nil, fmt.Errorf("--tls-cipher-suites: unknown cipher suite %q", name)
		}
	}
	return ids, nil
}
