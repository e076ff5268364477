package cert

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path by data, whole or not at all.
func WriteFile(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// LoadPair reads a certificate and its key from files.
func LoadPair(certFile, keyFile string) (*Pair, error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	p, err := ParsePair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	return p, nil
}

// pairFiles is where a pair lives: dir/name.crt and dir/name.key.
type pairFiles struct{ dir, name string }

func (f pairFiles) cert() string { return filepath.Join(f.dir, f.name+".crt") }
func (f pairFiles) key() string  { return filepath.Join(f.dir, f.name+".key") }

// load reads the pair; nil when there is no certificate.
func (f pairFiles) load() (*Pair, error) {
	if f.dir == "" {
		return nil, nil
	}
	if _, err := os.Stat(f.cert()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return LoadPair(f.cert(), f.key())
}

// save writes the pair, the key first: a certificate that is there has its key.
func (f pairFiles) save(p *Pair) error {
	if f.dir == "" {
		return nil
	}
	if err := WriteFile(f.key(), p.KeyPEM, 0o600); err != nil {
		return err
	}
	return WriteFile(f.cert(), p.CertPEM, 0o644)
}
