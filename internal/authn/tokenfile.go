package authn

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pintle-io/pintle/internal/request"
)

// TokenFile is a static table of tokens, read once: CSV records of token, user name, user uid and, optionally, one
// field of groups separated by commas.
type TokenFile struct {
	users map[string]*request.User
}

// ReadTokenFile reads the table at path. warn, when not nil, is told of records that count for nothing.
func ReadTokenFile(path string, warn func(string)) (*TokenFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if warn == nil {
		warn = func(string) {}
	}
	t := &TokenFile{users: map[string]*request.User{}}
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	for n := 1; ; n++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("token file '%s': %w", path, err)
		}
		if len(record) < 3 {
			return nil, fmt.Errorf("token file '%s' must have at least 3 columns (token, user name, user uid), found %d", path, len(record))
		}
		token := record[0]
		if token == "" {
			warn(fmt.Sprintf("empty token has been found in token file '%s', record number '%d'", path, n))
			continue
		}
		if t.users[token] != nil {
			warn(fmt.Sprintf("duplicate token has been found in token file '%s', record number '%d'", path, n))
		}
		u := &request.User{Name: record[1], UID: record[2]}
		if len(record) > 3 {
			u.Groups = strings.Split(record[3], ",")
		}
		t.users[token] = authenticated(u)
	}
}

// Token is a TokenSource.
func (t *TokenFile) Token(_ context.Context, token string) (*request.User, bool, error) {
	u, ok := t.users[token]
	return u, ok, nil
}
