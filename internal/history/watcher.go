package history

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// audit watches everything, from the beginning to the fences.
func (r *Run) audit(ctx context.Context) {
	from := r.h.Began
	for ctx.Err() == nil {
		s := &Segment{Watcher: -1, From: from}
		r.mu.Lock()
		r.h.Auditor = append(r.h.Auditor, s)
		r.mu.Unlock()
		if r.stream(ctx, s, -1, 0) {
			return
		}
		from = s.last()
	}
}

// last is a revision from which the watch can be resumed; 0 if it must begin anew. An ADDED of a watch that began with
// the present state may be part of that, and tells nothing.
func (s *Segment) last() int64 {
	for _, e := range slices.Backward(s.Events) {
		if s.From > 0 || e.Type != "ADDED" {
			return e.State.Revision
		}
	}
	return s.From
}

// watch watches this and that, over and over, until it has seen a fence.
func (r *Run) watch(ctx context.Context, id int) {
	rand := r.rand(uint64(id))
	s := r.segment(rand, id)
	for ctx.Err() == nil {
		r.mu.Lock()
		r.h.Segments = append(r.h.Segments, s)
		r.mu.Unlock()
		timeout := 0
		if rand.IntN(3) == 0 {
			timeout = 3
		}
		cut := -1
		if rand.IntN(2) == 0 {
			cut = 1 + rand.IntN(40)
		}
		if r.stream(ctx, s, cut, timeout) {
			return
		}
		select {
		case <-r.stop: // see this one to its end
			s = &Segment{Watcher: id, Namespace: s.Namespace, Label: s.Label, From: s.last(), Streaming: s.Streaming && s.last() == 0}
			continue
		default:
		}
		if last := s.last(); last > 0 && rand.IntN(2) == 0 {
			s = &Segment{Watcher: id, Namespace: s.Namespace, Label: s.Label, From: last}
		} else {
			s = r.segment(rand, id)
		}
	}
}

func (r *Run) segment(rand *rand.Rand, id int) *Segment {
	s := &Segment{Watcher: id}
	if rand.IntN(2) == 0 {
		s.Namespace = r.cfg.Namespaces[rand.IntN(len(r.cfg.Namespaces))]
	}
	if rand.IntN(2) == 0 {
		s.Label = "a"
	}
	switch rand.IntN(4) {
	case 0: // with the present state
	case 1:
		s.Streaming = true
	default: // from some revision
		s.From = r.h.Began + rand.Int64N(max(r.latest.Load(), r.h.Began)-r.h.Began+1)
	}
	return s
}

// stream follows one watch and says whether it has come to the fence. It ends after cut events (-1: never), after
// timeout seconds, or when the server ends it.
func (r *Run) stream(ctx context.Context, s *Segment, cut, timeout int) (fenced bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := url.Values{"watch": {"true"}, "allowWatchBookmarks": {"true"}}
	if s.Label != "" {
		q.Set("labelSelector", label+"="+s.Label)
	}
	if timeout > 0 {
		q.Set("timeoutSeconds", strconv.Itoa(timeout))
	}
	if s.From > 0 {
		q.Set("resourceVersion", strconv.FormatInt(s.From, 10))
	}
	if s.Streaming {
		q.Set("sendInitialEvents", "true")
		q.Set("resourceVersionMatch", "NotOlderThan")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url(s.Watcher)+collection(s.Namespace)+"?"+q.Encode(), nil)
	if err != nil {
		r.fault(err)
		return true
	}
	s.Start = r.ticks.Add(1)
	resp, err := r.cfg.Client.Do(req)
	if err != nil {
		if !r.cfg.Breaks && ctx.Err() == nil {
			r.fault(fmt.Errorf("%v: %w", s, err))
		}
		pause(ctx)
		return false
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusGatewayTimeout && timeout > 0 {
		return false // its time was up before it could begin
	}
	if resp.StatusCode != http.StatusOK {
		r.fault(fmt.Errorf("%v: %s", s, resp.Status))
		return true
	}
	lines := bufio.NewReader(resp.Body)
	for cut != 0 {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return false
		}
		var frame struct {
			Type   string
			Object json.RawMessage
		}
		if err := json.Unmarshal(line, &frame); err != nil {
			r.fault(fmt.Errorf("%v: frame %q: %w", s, line, err))
			return true
		}
		e := Event{Type: frame.Type}
		switch frame.Type {
		case "BOOKMARK":
			var cm configMap
			err = json.Unmarshal(frame.Object, &cm)
			if err == nil {
				e.State.Revision, err = strconv.ParseInt(cm.Metadata.ResourceVersion, 10, 64)
			}
			e.InitialEnd = cm.Metadata.Annotations["k8s.io/initial-events-end"] == "true"
		case "ERROR":
			s.Unexpected = string(frame.Object)
			return true
		default:
			e.State, err = stateOf(frame.Object)
		}
		if err != nil {
			r.fault(fmt.Errorf("%v: frame %q: %w", s, line, err))
			return true
		}
		e.At = r.ticks.Add(1)
		s.Events = append(s.Events, e)
		r.learn(e.State.Revision)
		if r.atFence(ctx, s, e) {
			return true
		}
		cut--
	}
	return false
}

// atFence says whether nothing that matters can come behind the event.
func (r *Run) atFence(ctx context.Context, s *Segment, e Event) bool {
	last := r.cfg.Namespaces[len(r.cfg.Namespaces)-1]
	if s.Namespace != "" {
		last = s.Namespace
	}
	switch {
	case e.Type == "BOOKMARK": // may be newer than a fence of before this watch
		select {
		case <-r.fenced:
		default:
			return false
		}
	case e.State.Key != Key{last, fence}:
		return false
	default:
		select {
		case <-r.fenced: // soon: whether this was the last one
		case <-ctx.Done():
			return true
		}
	}
	return e.State.Revision >= r.fences[last]
}
