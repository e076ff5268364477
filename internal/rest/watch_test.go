package rest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/rest"
)

// serve puts the rig behind a socket; h2 speaks HTTP/2.
func (r *rig) serve(h2 bool) (url string, client *http.Client) {
	s := httptest.NewUnstartedServer(r)
	s.EnableHTTP2 = h2
	s.TLS = &tls.Config{}
	s.StartTLS()
	r.t.Cleanup(s.CloseClientConnections)
	r.t.Cleanup(s.Close)
	return s.URL, s.Client()
}

// stream starts a watch and returns its lines.
func (r *rig) stream(ctx context.Context, client *http.Client, url string, headers ...string) (*http.Response, *bufio.Reader) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer admin")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err, s)
	}
	return s
}

const wordy = "?resourceVersionMatch=NotOlderThan&sendInitialEvents=true&allowWatchBookmarks=true&watch=true"

func TestWatch(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) {
			r := newA(t)
			url, client := r.serve(h2)
			resp, lines := r.stream(t.Context(), client, url+cms+wordy)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != jsonType || h2 != (resp.ProtoMajor == 2) {
				t.Fatal(resp.Status, resp.Header, resp.Proto)
			}
			trimmed := strings.TrimSuffix(aJSON, "\n")
			if got := line(t, lines); got != `{"type":"ADDED","object":`+trimmed+"}\n" {
				t.Fatal(got)
			}
			if got := line(t, lines); got != `{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"3","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n" {
				t.Fatal(got)
			}
			r.must(200, "PATCH "+cms+"/a", `{"data":{"y":"2"}}`, "Content-Type", "application/merge-patch+json")
			if got := line(t, lines); !strings.HasPrefix(got, `{"type":"MODIFIED","object":{"kind":"ConfigMap",`) {
				t.Fatal(got)
			}
			r.must(200, "DELETE "+cms+"/a", "")
			if got := line(t, lines); !strings.HasPrefix(got, `{"type":"DELETED","object":{"kind":"ConfigMap",`) || !strings.Contains(got, `"resourceVersion":"5"`) {
				t.Fatal(got)
			}
		})
	}
}

func TestWatchForms(t *testing.T) {
	r := newA(t)
	url, client := r.serve(true)
	part := strings.TrimSuffix(aPart, "\n")
	end := `"metadata":{"resourceVersion":"3","annotations":{"k8s.io/initial-events-end":"true"}}}`
	_, lines := r.stream(t.Context(), client, url+cms+wordy, "Accept", partialV1)
	for _, want := range []string{
		`{"type":"ADDED","object":` + part + "}\n",
		`{"type":"BOOKMARK","object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",` + end + "}\n",
	} {
		if got := line(t, lines); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	for include, objects := range map[string][2]string{
		"":                      {part, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",` + end},
		"&includeObject=None":   {"null", `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",` + end},
		"&includeObject=Object": {strings.TrimSuffix(aJSON, "\n"), `{"kind":"ConfigMap","apiVersion":"v1",` + end},
	} {
		_, lines := r.stream(t.Context(), client, url+cms+wordy+include, "Accept", tableV1)
		got := line(t, lines)
		if !strings.HasPrefix(got, `{"type":"ADDED","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"3"},"columnDefinitions":[{`) ||
			!strings.HasSuffix(got, `"rows":[{"cells":["a","0s"],"object":`+objects[0]+`}]}}`+"\n") {
			t.Error(include, got)
		}
		want := `{"type":"BOOKMARK","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"3"},"columnDefinitions":null,"rows":[{"cells":["","\u003cunknown\u003e"],"object":` + objects[1] + `}]}}` + "\n"
		if got := line(t, lines); got != want {
			t.Errorf("%s\n got %s\nwant %s", include, got, want)
		}
	}

	resp, frames := r.stream(t.Context(), client, url+cms+wordy, "Accept", "application/vnd.kubernetes.protobuf")
	if got := resp.Header.Get("Content-Type"); got != "application/vnd.kubernetes.protobuf;stream=watch" {
		t.Error(got)
	}
	for _, typ := range []string{"ADDED", "BOOKMARK"} {
		var size [4]byte
		if _, err := io.ReadFull(frames, size[:]); err != nil {
			t.Fatal(err)
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(frames, frame); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(frame), "\x0a"+string(rune(len(typ)))+typ+"\x12") || !strings.Contains(string(frame), "k8s\x00") {
			t.Errorf("%q", frame)
		}
	}
	resp, _ = r.stream(t.Context(), client, url+cms+wordy, "Accept", "application/cbor")
	if got := resp.Header.Get("Content-Type"); got != "application/cbor-seq" {
		t.Error(got)
	}
}

// The old form of the path watches too; a timeout ends the stream properly.
func TestWatchTimeout(t *testing.T) {
	r := newA(t)
	url, client := r.serve(false)
	for _, path := range []string{cms + "?watch=1&timeoutSeconds=1", "/api/v1/watch/namespaces/default/configmaps?timeoutSeconds=1",
		"/api/v1/watch/namespaces/default/configmaps/a?timeoutSeconds=1", "/api/v1/watch/configmaps?timeoutSeconds=1"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, lines := r.stream(t.Context(), client, url+path)
			b, err := io.ReadAll(lines)
			if err != nil || strings.Count(string(b), "\n") != 1 {
				t.Errorf("%v %s", err, b)
			}
		})
	}
}

func TestWatchEndsWithTheServer(t *testing.T) {
	stop := make(chan struct{})
	r := newRig(t, func(c *rest.Config) { c.Stopping = stop })
	url, client := r.serve(true)
	_, lines := r.stream(t.Context(), client, url+cms+"?watch=1")
	close(stop)
	if b, err := io.ReadAll(lines); err != nil || len(b) != 0 {
		t.Fatal(err, b)
	}
}

// script is a watch that yields what it is given.
type script struct {
	batches chan []engine.Event
	err     error
	closed  chan struct{}
}

func (s *script) Next(ctx context.Context) ([]engine.Event, error) {
	select {
	case b, ok := <-s.batches:
		if !ok {
			return nil, s.err
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *script) Close() { close(s.closed) }

func TestWatchErrors(t *testing.T) {
	gone := `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (5)","reason":"Expired","code":410}}` + "\n"
	expired := apierrors.NewResourceExpired("too old resource version: 1 (5)")
	s := &script{batches: make(chan []engine.Event), err: expired, closed: make(chan struct{})}
	later := newRig(t, withFake(&fake{watch: func(context.Context, engine.ListOptions) (rest.Watch, error) { return s, nil }}))
	close(s.batches)
	if w := later.do(cms+"?watch=1", ""); w.Body.String() != gone || w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	<-s.closed
	early := newRig(t, withFake(&fake{watch: func(context.Context, engine.ListOptions) (rest.Watch, error) { return nil, expired }}))
	if w := early.do(cms+"?watch=1", ""); w.Body.String() != gone || w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	refused := newRig(t, withFake(&fake{watch: func(context.Context, engine.ListOptions) (rest.Watch, error) {
		return nil, apierrors.NewBadRequest("no")
	}}))
	refused.expect(cms+"?watch=1", "", 400, jsonType, bad("no"))
}

// A client that does not read is let go, however much there is to tell.
func TestStalledWatcher(t *testing.T) {
	r := newRig(t, func(c *rest.Config) { c.Limits.Stalled = 50 * time.Millisecond })
	r.must(201, "POST "+cms, `{"metadata":{"name":"a"},"data":{"x":"`+strings.Repeat("x", 500<<10)+`"}}`)
	s := httptest.NewServer(r)
	defer s.Close()
	defer s.CloseClientConnections()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprintf(conn, "GET %s?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n\r\n", cms)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			w := r.do("/metrics", "").Body.String()
			if strings.Contains(w, `verb="WATCH",version="v1"} 0`) && i > 0 {
				return
			}
			if ctx := t.Context(); ctx.Err() != nil {
				return
			}
			r.must(200, "PATCH "+cms+"/a", fmt.Sprintf(`{"metadata":{"annotations":{"i":"%d"}}}`, i), "Content-Type", "application/merge-patch+json")
		}
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the watch goes on")
	}
}

// stuck is an HTTP/2 stream whose client does not read: writes wait for the deadline.
type stuck struct {
	http.ResponseWriter
	began chan struct{}
	reset chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.began <- struct{}{}
	<-s.reset
	return 0, io.ErrClosedPipe
}
func (s *stuck) Flush() {}
func (s *stuck) SetWriteDeadline(t time.Time) error {
	if t.Before(time.Now()) {
		close(s.reset)
	}
	return nil
}

func TestStalledStream(t *testing.T) {
	r := newRig(t, func(c *rest.Config) { c.Limits.Stalled = time.Millisecond })
	r.must(201, "POST "+cms, `{"metadata":{"name":"a"}}`)
	w := &stuck{httptest.NewRecorder(), make(chan struct{}, 1), make(chan struct{})}
	req := getRequest(cms + "?watch=1")
	req.ProtoMajor = 2
	r.ServeHTTP(w, req.WithContext(t.Context()))
	<-w.began
	<-w.reset
}

func TestWebSocketWatch(t *testing.T) {
	r := newA(t)
	s := httptest.NewServer(r)
	defer s.Close()
	cfg, err := websocket.NewConfig("ws"+strings.TrimPrefix(s.URL, "http")+cms+wordy, "http://x")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Header.Set("Authorization", "Bearer admin")
	ws, err := websocket.DialConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for _, typ := range []string{"ADDED", "BOOKMARK"} {
		var text string
		if err := websocket.Message.Receive(ws, &text); err != nil {
			t.Fatal(err)
		}
		var event struct{ Type string }
		if err := json.Unmarshal([]byte(text), &event); err != nil || event.Type != typ {
			t.Error(text, err)
		}
	}
}
