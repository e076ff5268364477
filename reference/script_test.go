package reference

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/script"
	"github.com/pintle-io/pintle/pintletest"
)

// TestScriptsOnEtcd replays the behaviour scripts on servers that keep their objects in a real etcd. They share it,
// each with a prefix of its own; those that need an etcd without history have one for themselves.
func TestScriptsOnEtcd(t *testing.T) {
	scripts, err := script.LoadAll("../testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte("script-token,admin,admin,\"system:masters\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := startEtcd(t)
	for i, s := range scripts {
		t.Run(s.Name, func(t *testing.T) {
			if why := s.Skip["pintle"]; why != "" {
				t.Skip(why)
			}
			t.Parallel()
			config := pintle.Config{TokenAuthFile: tokens, Storage: pintle.Etcd,
				Etcd: pintle.EtcdConfig{Servers: []string{shared}, Prefix: fmt.Sprintf("/registry-%d", i)}}
			if s.Needs == "compacted" {
				config.Etcd.Servers = []string{startEtcd(t)}
				emptied(t, config)
			}
			server := pintletest.Start(t, func(c *pintle.Config) { *c = config })
			tls := server.ClientTLS()
			tls.Certificates = nil
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true}}
			t.Cleanup(client.CloseIdleConnections)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			answers, err := s.Run(ctx, script.Target{Name: "pintle", URL: server.URL(), Token: "script-token", Client: client})
			if err != nil {
				t.Fatal(err)
			}
			if diff := s.Compare(answers); diff != "" {
				t.Errorf("%s (-recorded +answered):\n%s", s.Path, diff)
			}
		})
	}
}

// emptied runs a server once, so that its own objects are there, and takes the history from its etcd.
func emptied(t *testing.T, config pintle.Config) {
	t.Helper()
	server, err := pintle.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	select {
	case <-server.Ready():
	case <-time.After(time.Minute):
		t.Error("the server is not ready after a minute")
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	cli, err := clientv3.New(clientv3.Config{Endpoints: config.Etcd.Servers})
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	resp, err := cli.Get(t.Context(), "/")
	if err == nil {
		_, err = cli.Compact(t.Context(), resp.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}
