package etcd

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pintle-io/pintle/internal/store"
)

// compactKey lies outside of every prefix. Its value is the last compacted revision, and its version counts the
// rounds: whoever raises the version compacts, everybody else has found out that it is done. kube-apiserver takes
// part in the same way.
const compactKey = "compact_rev_key"

// Compact implements store.Store. Between several servers RunCompactor is the way to do it.
func (s *Store) Compact(ctx context.Context, revision int64) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	if revision <= s.compacted.Load() {
		return nil
	}
	_, err := s.client.Compact(ctx, revision)
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return s.translate(ctx, err)
	}
	s.raiseCompacted(revision)
	return nil
}

// RunCompactor implements store.SelfCompacting: once an interval, by whichever of the servers on this etcd comes
// first, what is older than the last interval is compacted. It ends with ctx or the store.
func (s *Store) RunCompactor(ctx context.Context, interval time.Duration) error {
	var round compaction
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return store.ErrClosed
		}
		// A round that fails is done again with the next.
		_ = s.compactRound(ctx, &round)
	}
}

// compaction is what a server remembers between rounds: the version of compactKey, and the revision at that time.
type compaction struct {
	version  int64
	revision int64
}

func (s *Store) compactRound(ctx context.Context, c *compaction) error {
	resp, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.Version(compactKey), "=", c.version)).
		Then(clientv3.OpPut(compactKey, strconv.FormatInt(c.revision, 10))).
		Else(clientv3.OpGet(compactKey)).
		Commit()
	if err != nil {
		return s.translate(ctx, err)
	}
	last := c.revision
	c.revision = resp.Header.Revision
	if !resp.Succeeded {
		if kvs := resp.Responses[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
			c.version = kvs[0].Version
			s.heardCompacted(kvs[0].Value)
		} else {
			c.version = 0 // somebody has deleted it
		}
		return nil
	}
	c.version++
	if last == 0 { // the first round only learns the revision
		return nil
	}
	return s.Compact(ctx, last)
}

var (
	_ store.Store             = (*Store)(nil)
	_ store.SelfCompacting    = (*Store)(nil)
	_ store.ProgressRequester = (*watch)(nil)
)
