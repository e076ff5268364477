package pintle_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/script"
	"github.com/pintle-io/pintle/internal/store/embed"
	"github.com/pintle-io/pintle/pintletest"
)

var (
	scriptStore = flag.String("store", "memory", "where the server under the behaviour scripts keeps its objects: memory or embedded")
	scriptToken = "script-token"
)

// TestScripts replays the conversations of testdata/script, recorded from the reference, against servers in this
// process. A difference is a bug here, or a file that says why it differs. What depends on how bytes travel is replayed
// over HTTP/1.1 too.
func TestScripts(t *testing.T) {
	scripts, err := script.LoadAll("testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		t.Run(s.Name, func(t *testing.T) { replay(t, s, true) })
		if strings.HasPrefix(s.Name, "watch-") || strings.HasPrefix(s.Name, "negotiate-") || strings.HasPrefix(s.Name, "limit-") {
			t.Run(s.Name+"/http1", func(t *testing.T) { replay(t, s, false) })
		}
	}
}

func replay(t *testing.T, s *script.Script, http2 bool) {
	if why := s.Skip["pintle"]; why != "" {
		t.Skip(why)
	}
	t.Parallel()
	target := startScripted(t, s.Needs, http2) // one each: the answers tell how revisions relate
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answers, err := s.Run(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	if diff := s.Compare(answers); diff != "" {
		t.Errorf("%s (-recorded +answered):\n%s", s.Path, diff)
	}
}

// startScripted is a server as the recorder's reference is: everyone authenticated may do everything, and one
// token is known.
func startScripted(t *testing.T, needs string, http2 bool) script.Target {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(scriptToken+`,admin,admin,"system:masters"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := func(c *pintle.Config) {
		c.TokenAuthFile = tokens
		c.WaitLittle(100 * time.Millisecond) // for revisions that never come
		c.Storage = pintle.Storage(*scriptStore)
		if c.Storage == pintle.Embedded {
			c.DataDir = dir
		}
	}
	switch needs {
	case "", "cbor": // which is always served
	case "compacted":
		config = compacted(t, config)
	default:
		t.Fatalf("no server for %q", "needs: "+needs)
	}
	server := pintletest.Start(t, config)
	tls := server.ClientTLS()
	tls.Certificates = nil
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: http2}}
	t.Cleanup(client.CloseIdleConnections)
	return script.Target{Name: "pintle", URL: server.URL(), Token: scriptToken, Client: client, Patience: 5 * time.Second}
}

// compacted is a configuration of a server that has no history before its start: another one ran on its data, and
// what that wrote is compacted.
func compacted(t *testing.T, config func(*pintle.Config)) func(*pintle.Config) {
	dir := t.TempDir()
	embedded := func(c *pintle.Config) {
		config(c)
		c.Storage, c.DataDir = pintle.Embedded, dir
	}
	var first pintle.Config
	embedded(&first)
	server, err := pintle.New(first)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	select {
	case <-server.Ready():
	case <-t.Context().Done():
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	store, err := embed.Open(embed.Config{Dir: filepath.Join(dir, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	revision, err := store.Revision(t.Context())
	if err == nil {
		err = store.Compact(t.Context(), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	return embedded
}
