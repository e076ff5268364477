package script

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// A watch collects events in a goroutine of its own until it has enough, the
// stream ends, or its time is up.
type watch struct {
	req  *request
	resp chan *http.Response // one, or none when sending failed
	done chan struct{}       // closed at the end; then the rest may be read

	events []any
	body   []byte // of an answer that is no stream
	ended  string // why there are no more events; "" if there were enough
	err    error
	answer *http.Response
}

func openWatch(ctx context.Context, req *request, t Target) *watch {
	w := &watch{req: req, resp: make(chan *http.Response, 1), done: make(chan struct{})}
	go w.collect(ctx, t)
	return w
}

// opened waits until the server has answered: from then on it sees every change.
func (w *watch) opened() error {
	select {
	case w.answer = <-w.resp:
		return nil
	case <-w.done:
		if w.err != nil {
			return w.err
		}
		w.answer = <-w.resp
		return nil
	}
}

func (w *watch) collect(parent context.Context, t Target) {
	defer close(w.done)
	ctx, cancel := context.WithTimeout(parent, w.req.timeout)
	defer cancel()
	start := time.Now()
	resp, err := w.open(ctx, t)
	if err != nil {
		w.err = err
		return
	}
	defer resp.Body.Close()
	w.resp <- resp
	if resp.StatusCode != http.StatusOK {
		return
	}
	err = frames(resp.Header.Get("Content-Type"), resp.Body, func(event any) bool {
		w.events = append(w.events, event)
		return w.req.events == 0 || len(w.events) < w.req.events
	})
	switch {
	case err == nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		w.ended = "# end of stream"
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(start) >= w.req.timeout:
		w.ended = "# no more events"
	default:
		w.err = err
	}
}

// open sends the request, and again while the server is not ready for this type. The body of a refusal is read.
func (w *watch) open(ctx context.Context, t Target) (*http.Response, error) {
	for {
		resp, err := w.req.send(ctx, t)
		if err != nil || resp.StatusCode == http.StatusOK {
			return resp, err
		}
		if w.body, err = io.ReadAll(resp.Body); err != nil || !initializing(resp, w.body) {
			return resp, err
		}
		resp.Body.Close()
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// events waits for a watch and prints its answer, one event a line.
func (r *run) events(ctx context.Context, step Step) (string, error) {
	w := r.watches[step.Number]
	select {
	case <-w.done:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if w.err != nil {
		return "", w.err
	}
	if w.answer.StatusCode != http.StatusOK {
		tree, decoded, err := decode(w.answer.Header.Get("Content-Type"), w.body)
		if err != nil {
			return "", err
		}
		return r.answer(w.req, w.answer, w.body, tree, decoded), nil
	}
	var b strings.Builder
	r.head(&b, w.answer)
	b.WriteString("\n")
	r.trees[step.answer()] = copyTree(w.events)
	for _, e := range w.events {
		b.WriteString(oneLine(r.normal.tree(e, w.req.asked())) + "\n")
	}
	if w.ended != "" {
		b.WriteString(w.ended + "\n")
	}
	return b.String(), nil
}

func copyTree(events []any) any {
	data, err := json.Marshal(events)
	if err != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil {
		return nil
	}
	return tree
}
