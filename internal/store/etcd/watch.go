package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/pintle-io/pintle/internal/store"
)

// Watch implements store.Store. The client resumes it by itself when the connection or a member is lost.
func (s *Store) Watch(ctx context.Context, from int64) (store.Watch, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	if from < s.compacted.Load() {
		return nil, store.ErrCompacted
	}
	own, cancel := context.WithCancel(clientv3.WithRequireLeader(s.ctx))
	// The client keeps a stream for each set of metadata: a number of our own makes this one alone on its.
	own = metadata.AppendToOutgoingContext(own, "watch", strconv.FormatInt(s.streams.Add(1), 10))
	w := &watch{s: s, ctx: own, cancel: cancel}
	w.responses = s.client.Watch(own, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(from+1), clientv3.WithPrevKV(), clientv3.WithProgressNotify())
	return w, nil
}

type watch struct {
	s         *Store
	ctx       context.Context
	cancel    context.CancelFunc
	responses clientv3.WatchChan
}

// Next implements store.Watch.
func (w *watch) Next(ctx context.Context) ([]store.Event, int64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		var resp clientv3.WatchResponse
		var ok bool
		select {
		case resp, ok = <-w.responses:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-w.ctx.Done():
			return nil, 0, store.ErrClosed
		}
		if w.ctx.Err() != nil {
			return nil, 0, store.ErrClosed
		}
		if !ok {
			return nil, 0, errors.New("etcd: the watch ended without a reason")
		}
		if resp.CompactRevision != 0 {
			w.s.raiseCompacted(resp.CompactRevision)
			return nil, 0, store.ErrCompacted
		}
		if err := resp.Err(); err != nil {
			if errors.Is(err, rpctypes.ErrCompacted) {
				return nil, 0, store.ErrCompacted
			}
			return nil, 0, fmt.Errorf("etcd: watch: %w", err)
		}
		if resp.IsProgressNotify() {
			return nil, resp.Header.Revision, nil
		}
		if len(resp.Events) == 0 {
			continue
		}
		events := make([]store.Event, 0, len(resp.Events))
		for _, e := range resp.Events {
			if key, ok := w.s.parse(e.Kv.Key); ok {
				events = append(events, event(key, e))
			}
		}
		// Not the header's revision: that may be ahead of what this stream has been told so far.
		return events, resp.Events[len(resp.Events)-1].Kv.ModRevision, nil
	}
}

func event(key store.Key, e *clientv3.Event) store.Event {
	ev := store.Event{Key: key, Revision: e.Kv.ModRevision}
	if e.Type != clientv3.EventTypeDelete {
		ev.Value = value(e.Kv.Value)
	}
	if e.PrevKv != nil {
		ev.Prev = store.Record{Key: key, Revision: e.PrevKv.ModRevision, Value: value(e.PrevKv.Value)}
	}
	return ev
}

// RequestProgress implements store.ProgressRequester.
func (w *watch) RequestProgress(ctx context.Context) error {
	if w.ctx.Err() != nil {
		return store.ErrClosed
	}
	// The stream is found by the metadata, the deadline is the caller's.
	md, _ := metadata.FromOutgoingContext(w.ctx)
	if err := w.s.client.RequestProgress(metadata.NewOutgoingContext(ctx, md)); err != nil {
		return w.s.translate(ctx, err)
	}
	return nil
}

// Close implements store.Watch.
func (w *watch) Close() { w.cancel() }
