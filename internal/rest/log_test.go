package rest_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/corpus"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/rest"
)

// logged is what a server with a log of the level writes while f asks it.
func logged(t *testing.T, level slog.Level, e rest.Engine, f func(*rig)) string {
	var out bytes.Buffer
	r := newRig(t, func(c *rest.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))
		c.Engine = e
	})
	f(r)
	return out.String()
}

func TestLog(t *testing.T) {
	answer := func(took time.Duration) *fake {
		return &fake{get: func(context.Context, engine.Target) (engine.Result, error) {
			for start := time.Now(); time.Since(start) < took; { //nolint:revive // the clock is real
			}
			return engine.Result{Status: &metav1.Status{Status: metav1.StatusSuccess}}, nil
		}}
	}
	get := func(r *rig) { r.must(200, cms+"/a?x=1", "", "Audit-Id", "7") }
	if got := logged(t, slog.LevelInfo, answer(0), get); got != "" {
		t.Errorf("logged %s", got)
	}
	got := logged(t, slog.Level(-3), answer(0), get)
	for _, want := range []string{"msg=HTTP verb=GET URI=\"" + cms + "/a?x=1\" latency=", "userAgent=test/1 audit-ID=7 srcIP=192.0.2.1:1234 resp=200"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if got := logged(t, slog.LevelInfo, answer(501*time.Millisecond), get); !strings.Contains(got, "msg=Trace verb=GET") || !strings.Contains(got, "total=") {
		t.Errorf("logged %s", got)
	}
	got = logged(t, slog.LevelInfo, &fake{get: func(context.Context, engine.Target) (engine.Result, error) { panic("no good") }}, func(r *rig) { r.must(500, cms+"/a", "") })
	if !strings.Contains(got, "panic=\"no good\"") || !strings.Contains(got, "stack=") {
		t.Errorf("logged %s", got)
	}
}

// FuzzServe asks for anything: nothing may panic, and every answer has a code that means something.
func FuzzServe(f *testing.F) {
	corpus.Add(f)
	for _, s := range [][4]string{
		{"GET", cms + "/a?pretty=1", "application/json", ""},
		{"POST", cms, "application/json", `{"metadata":{"generateName":"x"}}`},
		{"PATCH", cms + "/a?fieldManager=x&force=1", "application/apply-patch+yaml", "apiVersion: v1\nkind: ConfigMap\n"},
		{"PATCH", cms + "/a", "application/json-patch+json", `[{"op":"add","path":"/data","value":{}}]`},
		{"PUT", "/api/v1/namespaces/default/finalize", "application/yaml", "metadata:\n  name: default\n"},
		{"DELETE", cms + "?labelSelector=a!=b&dryRun=All", "", `{"preconditions":{}}`},
		{"GET", cms + "?limit=1&continue=x&resourceVersion=0", tableV1, ""},
		{"GET", "/api/v1/watch/namespaces/default/configmaps/a?timeoutSeconds=0", partialV1, ""},
		{"GET", "/healthz?verbose&exclude=a", "", ""},
		{"POST", "/apis/apps/v1/namespaces/default/deployments/x/scale", "application/cbor", "\xa0"},
		{"POST", "/api/v1/namespaces/default/pods/x/eviction", "application/vnd.kubernetes.protobuf", "k8s\x00"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	r := newA(f)
	f.Fuzz(func(t *testing.T, method, target, media, body string) {
		req, err := http.NewRequest(method, "http://x"+target, strings.NewReader(body))
		if err != nil || req.URL.Host != "x" {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		req.RequestURI = req.URL.RequestURI()
		req.Header = http.Header{"Authorization": {"Bearer admin"}, "Accept": {media}, "Content-Type": {media}}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req.WithContext(ctx))
		if strings.Contains(w.Body.String(), "caused apiserver to panic") || w.Code < 200 || w.Code > 599 {
			t.Fatalf("%s %s %q %q: %d %s", method, target, media, body, w.Code, w.Body)
		}
	})
}
