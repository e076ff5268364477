package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// newClient returns an HTTP client of the kind that a row is about.
func newClient(http2, gzip bool) *http.Client {
	t := &http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // the client's work is not measured
		MaxIdleConnsPerHost: 4096,
		DisableCompression:  !gzip,
		ForceAttemptHTTP2:   http2,
		ReadBufferSize:      64 << 10,
	}
	if !http2 {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return &http.Client{Transport: t}
}

// call is one request.
type call struct {
	method, path string
	contentType  string
	accept       string
	gzip         bool // asked for, and counted as it comes over the wire
	body         []byte
}

// do sends a call and returns the size of the answer.
func (s *server) do(ctx context.Context, c *http.Client, r call) (int64, error) {
	resp, err := s.open(ctx, c, r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return io.Copy(io.Discard, resp.Body)
}

// fetch sends a call and returns the answer.
func (s *server) fetch(ctx context.Context, r call) ([]byte, error) {
	resp, err := s.open(ctx, s.h1, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// open sends a call and leaves the answer's body to be read.
func (s *server) open(ctx context.Context, c *http.Client, r call) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	} else if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if r.gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: %s: %s", r.method, r.path, resp.Status, strings.TrimSpace(string(text)))
	}
	return resp, nil
}

// load is what came of sending calls.
type load struct {
	ops       int
	cpu, wall time.Duration // the server's processor time; the clock's
	p50, p99  time.Duration // of one call
}

// perOp is the server's processor time for one call.
func (l load) perOp() time.Duration { return l.cpu / time.Duration(max(l.ops, 1)) }

func (l load) measure() measure {
	return measure{value: float64(l.perOp()), unit: unitTime,
		detail: fmt.Sprintf("p50 %s, p99 %s", short(l.p50), short(l.p99))}
}

// drive sends calls from clients at once, numbered from 0, until limit calls were sent or the time is over. A zero
// limit or duration does not count.
func (s *server) drive(ctx context.Context, c *http.Client, clients, limit int, d time.Duration, next func(i int) call) (load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var n atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	from, cpu := time.Now(), s.cpu()
	for range clients {
		wg.Go(func() {
			var took []time.Duration
			for ctx.Err() == nil && (d == 0 || time.Since(from) < d) {
				i := int(n.Add(1)) - 1
				if limit > 0 && i >= limit {
					break
				}
				r := next(i)
				sent := time.Now()
				if _, err := s.do(ctx, c, r); err != nil {
					cancel(err)
					break
				}
				took = append(took, time.Since(sent))
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wg.Wait()
	l := load{ops: len(all), cpu: s.cpu() - cpu, wall: time.Since(from)}
	if err := context.Cause(ctx); err != nil {
		return l, err
	}
	slices.Sort(all)
	if len(all) > 0 {
		l.p50, l.p99 = all[len(all)/2], all[len(all)*99/100]
	}
	return l, nil
}
