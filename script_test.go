package pintle_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/script"
	"github.com/pintle-io/pintle/pintletest"
)

var (
	scriptStore = flag.String("store", "memory", "where the server under the behaviour scripts keeps its objects: memory or embedded")
	scriptToken = "script-token"
)

// TestScripts replays the conversations of testdata/script, recorded from the reference, against a server in this
// process. A difference is a bug here, or a file that says why it differs.
func TestScripts(t *testing.T) {
	scripts, err := script.LoadAll("testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		t.Run(s.Name, func(t *testing.T) {
			if why := s.Skip["pintle"]; why != "" {
				t.Skip(why)
			}
			t.Parallel()
			target := startScripted(t) // one each: the answers tell how revisions relate
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			answers, err := s.Run(ctx, target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := s.Compare(answers); diff != "" {
				t.Errorf("%s (-recorded +answered):\n%s", s.Path, diff)
			}
		})
	}
}

// startScripted is a server as the recorder's reference is: everyone authenticated may do everything, and one
// token is known.
func startScripted(t *testing.T) script.Target {
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte(scriptToken+`,admin,admin,"system:masters"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := pintletest.Start(t, func(c *pintle.Config) {
		c.TokenAuthFile = tokens
		c.Storage = pintle.Storage(*scriptStore)
		if c.Storage == pintle.Embedded {
			c.DataDir = t.TempDir()
		}
	})
	tls := server.ClientTLS()
	tls.Certificates = nil
	return script.Target{Name: "pintle", URL: server.URL(), Token: scriptToken,
		Client: &http.Client{Transport: &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true}}}
}
