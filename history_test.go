package pintle_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/history"
	"github.com/pintle-io/pintle/pintletest"
)

var (
	historySeed  = flag.Uint64("history.seed", 0, "seed of the random clients (0: from the clock)")
	historySteps = flag.Int("history.steps", 400, "what each random client does")
)

// Many clients at once are told nothing that one server doing one thing after the other could not have told.
func TestHistory(t *testing.T) {
	for _, store := range []pintle.Storage{pintle.Memory, pintle.Embedded} {
		t.Run(string(store), func(t *testing.T) {
			server := pintletest.Start(t, func(c *pintle.Config) {
				if c.Storage = store; store == pintle.Embedded {
					c.DataDir = t.TempDir()
				}
			})
			run := startHistory(t, server.Config, history.Config{Steps: *historySteps})
			select {
			case <-run.Done():
			case <-time.After(5 * time.Minute):
				t.Fatal("the clients do not come to an end")
			}
			checkHistory(t, run)
		})
	}
}

// startHistory lets random clients loose on a server.
func startHistory(t testing.TB, config *rest.Config, h history.Config) *history.Run {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	h.URLs, h.Client = []string{config.Host}, &http.Client{Transport: client.Transport}
	h.Clients, h.Watchers, h.Keys, h.Namespaces = 8, 12, 4, []string{"history-a", "history-b"}
	if h.Seed = *historySeed; h.Seed == 0 {
		h.Seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", h.Seed)
	namespaces := kubernetes.NewForConfigOrDie(config).CoreV1().Namespaces()
	for _, name := range h.Namespaces {
		if _, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	run, err := history.Start(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); run.Wait() })
	return run
}

func checkHistory(t testing.TB, run *history.Run) {
	t.Helper()
	h := run.Wait()
	outcomes := map[string]int{}
	for _, o := range h.Ops {
		outcomes[fmt.Sprint(o.Verb, " ", o.Code)]++
	}
	events, bookmarks := 0, 0
	for _, s := range h.Segments {
		for _, e := range s.Events {
			if events++; e.Type == "BOOKMARK" {
				bookmarks++
			}
		}
	}
	t.Logf("%d requests: %v; %d watches with %d events, %d bookmarks", len(h.Ops), outcomes, len(h.Segments), events, bookmarks)
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}
