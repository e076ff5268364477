// Package etcd is the store on an etcd v3 cluster, in the layout that kube-apiserver uses there: the same keys,
// values, leases and compaction, so that both can work on one etcd, at once or in turn.
//
// Nouns: a record is a key below Config.Prefix, its revision etcd's mod revision; a commit is one transaction.
//
// Invariants: reads are linearizable; all ops of a commit have one revision, so no commit may hold two records
// that need different ones; keys below the prefix that no store.Key spells are left alone and not told of.
//
// Concurrency: as store.Store says. Each watch has a stream of its own on the shared connection, so that asking
// one for progress does not wait for others.
package etcd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pintle-io/pintle/internal/store"
)

// Config is what New needs.
type Config struct {
	// Endpoints are the members' client URLs.
	Endpoints []string
	// Prefix is the root of all keys, "/registry" by default.
	Prefix string
	// CAFile, CertFile and KeyFile are PEM files for TLS. The certificate is read again for each connection.
	CAFile, CertFile, KeyFile string
	// DialTimeout bounds how long New waits for the first answer; 20 seconds by default.
	DialTimeout time.Duration
}

// Store is the store. New makes one.
type Store struct {
	client *clientv3.Client
	prefix string // with the slash at its end
	leases leases
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	compacted atomic.Int64 // as far as this process has heard
	streams   atomic.Int64 // numbers the watches
}

// New connects, and returns when etcd has answered once.
func New(ctx context.Context, c Config) (*Store, error) {
	if c.Prefix == "" {
		c.Prefix = "/registry"
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 20 * time.Second
	}
	if len(c.Endpoints) == 0 {
		return nil, errors.New("etcd: no endpoints are given")
	}
	tlsConfig, err := tlsConfig(c)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            c.Endpoints,
		TLS:                  tlsConfig,
		DialTimeout:          c.DialTimeout,
		DialKeepAliveTime:    30 * time.Second,
		DialKeepAliveTimeout: 10 * time.Second,
		Logger:               zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	s := &Store{client: client, prefix: "/" + strings.Trim(c.Prefix, "/") + "/", leases: leases{client: client}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	first, cancel := context.WithTimeout(ctx, c.DialTimeout)
	defer cancel()
	if err := s.readCompacted(first); err != nil {
		_ = s.Close()
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = unreachable(c, tlsConfig)
		}
		return nil, fmt.Errorf("etcd at %s: %w", strings.Join(c.Endpoints, ","), err)
	}
	return s, nil
}

func tlsConfig(c Config) (*tls.Config, error) {
	secure := c.CAFile != "" || c.CertFile != ""
	for _, e := range c.Endpoints {
		secure = secure || strings.HasPrefix(e, "https://")
	}
	if !secure {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			return &cert, err
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return t, nil
}

// unreachable finds out why nobody answers, which the client keeps to itself.
func unreachable(c Config, t *tls.Config) error {
	var errs []error
	for _, e := range c.Endpoints {
		addr := e
		if u, err := url.Parse(e); err == nil && u.Host != "" {
			addr = u.Host
		}
		d := &net.Dialer{Timeout: 3 * time.Second}
		var conn net.Conn
		var err error
		if t != nil && !strings.HasPrefix(e, "http://") {
			conn, err = tls.DialWithDialer(d, "tcp", addr, t)
		} else {
			conn, err = d.Dial("tcp", addr)
		}
		if err == nil {
			conn.Close()
			err = fmt.Errorf("%s takes connections but does not answer", addr)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Store) key(k store.Key) string { return s.prefix + k.String() }

// record turns what etcd holds into a record; ok is false for keys that are no store.Key.
func (s *Store) parse(path []byte) (store.Key, bool) {
	rest, ok := bytes.CutPrefix(path, []byte(s.prefix))
	if !ok {
		return store.Key{}, false
	}
	return store.ParseKey(string(rest))
}

// value tells a record that is empty from none.
func value(v []byte) []byte {
	if v == nil {
		return []byte{}
	}
	return v
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Record, error) {
	if err := s.begin(ctx); err != nil {
		return store.Record{}, err
	}
	if !key.Valid() {
		return store.Record{}, store.ErrNotFound
	}
	resp, err := s.client.Get(ctx, s.key(key))
	if err != nil {
		return store.Record{}, s.translate(ctx, err)
	}
	if len(resp.Kvs) == 0 {
		return store.Record{}, store.ErrNotFound
	}
	kv := resp.Kvs[0]
	return store.Record{Key: key, Revision: kv.ModRevision, Value: value(kv.Value)}, nil
}

// begin refuses calls that cannot go well.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return store.ErrClosed
	}
	return nil
}

// translate says in this package's words what the client reports.
func (s *Store) translate(ctx context.Context, err error) error {
	switch {
	case s.ctx.Err() != nil:
		return store.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, rpctypes.ErrCompacted):
		return store.ErrCompacted
	case errors.Is(err, rpctypes.ErrFutureRev):
		return store.ErrFuture
	case errors.Is(err, rpctypes.ErrRequestTooLarge), status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max"):
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return fmt.Errorf("etcd: %w", err)
}

// List implements store.Store. It asks for a page at a time, all of one revision.
func (s *Store) List(ctx context.Context, r store.Range, yield func(store.Record) bool) (int64, error) {
	const page = 500
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	start := s.prefix + r.Prefix + "/"
	if r.Namespace != "" {
		start += r.Namespace + "/"
	}
	end := clientv3.GetPrefixRangeEnd(start)
	if after := s.key(r.After) + "\x00"; r.After.Name != "" && after > start {
		start = after
	}
	revision := r.Revision
	for n := 0; start < end; {
		limit := page
		if r.Limit > 0 {
			limit = min(page, r.Limit-n)
		}
		resp, err := s.client.Get(ctx, start, clientv3.WithRange(end), clientv3.WithLimit(int64(limit)), clientv3.WithRev(revision))
		if err != nil {
			return 0, s.translate(ctx, err)
		}
		if revision == 0 {
			revision = resp.Header.Revision
		}
		for _, kv := range resp.Kvs {
			key, ok := s.parse(kv.Key)
			if !ok || !r.Contains(key) {
				continue
			}
			n++
			if !yield(store.Record{Key: key, Revision: kv.ModRevision, Value: value(kv.Value)}) || n == r.Limit {
				return revision, nil
			}
		}
		if !resp.More || len(resp.Kvs) == 0 {
			return revision, nil
		}
		start = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
	}
	// Nothing lies behind After; still the revision has to be one that List accepts.
	if revision == 0 {
		return s.Revision(ctx)
	}
	_, err := s.client.Get(ctx, s.prefix, clientv3.WithRev(revision), clientv3.WithCountOnly())
	if err != nil {
		return 0, s.translate(ctx, err)
	}
	return revision, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, guards []store.Guard, ops []store.Op) ([]int64, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	if err := store.CheckCommit(guards, ops); err != nil {
		return nil, err
	}
	if len(guards)+len(ops) == 0 {
		return nil, nil
	}
	compares := make([]clientv3.Cmp, len(guards))
	reads := make([]clientv3.Op, len(guards))
	for i, g := range guards {
		path := s.key(g.Key)
		compares[i] = clientv3.Compare(clientv3.ModRevision(path), "=", g.Revision)
		reads[i] = clientv3.OpGet(path)
	}
	resp, err := s.transact(ctx, compares, ops, reads)
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	if !resp.Succeeded {
		e := &store.GuardError{Current: make([]store.Record, len(guards))}
		for i, g := range guards {
			e.Current[i].Key = g.Key
			if kvs := resp.Responses[i].GetResponseRange().GetKvs(); len(kvs) > 0 {
				e.Current[i].Revision, e.Current[i].Value = kvs[0].ModRevision, value(kvs[0].Value)
			}
		}
		return nil, e
	}
	revisions := make([]int64, len(ops))
	for i := range revisions {
		revisions[i] = resp.Header.Revision
	}
	return revisions, nil
}

// transact runs the transaction, once more if a lease has gone while it was on its way.
func (s *Store) transact(ctx context.Context, compares []clientv3.Cmp, ops []store.Op, reads []clientv3.Op) (*clientv3.TxnResponse, error) {
	for try := 0; ; try++ {
		writes := make([]clientv3.Op, len(ops))
		for i, op := range ops {
			path := s.key(op.Key)
			switch {
			case op.Value == nil:
				writes[i] = clientv3.OpDelete(path)
			case op.TTL > 0:
				id, err := s.leases.get(ctx, op.TTL)
				if err != nil {
					return nil, err
				}
				writes[i] = clientv3.OpPut(path, string(op.Value), clientv3.WithLease(id))
			default:
				writes[i] = clientv3.OpPut(path, string(op.Value))
			}
		}
		resp, err := s.client.Txn(ctx).If(compares...).Then(writes...).Else(reads...).Commit()
		if try == 0 && errors.Is(err, rpctypes.ErrLeaseNotFound) {
			s.leases.forget()
			continue
		}
		return resp, err
	}
}

// Revision implements store.Store: a linearizable read of a key that is never there.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	resp, err := s.client.Get(ctx, s.prefix, clientv3.WithCountOnly())
	if err != nil {
		return 0, s.translate(ctx, err)
	}
	return resp.Header.Revision, nil
}

// Compacted implements store.Store. Others may have compacted further than this process knows: then a list or a
// watch tells, and from then on so does this.
func (s *Store) Compacted() int64 { return s.compacted.Load() }

// Shared implements store.Store.
func (s *Store) Shared() bool { return true }

// Size implements store.Sizer: it is that of the first member's database.
func (s *Store) Size(ctx context.Context) (int64, error) {
	answer, err := s.client.Status(ctx, s.client.Endpoints()[0])
	if err != nil {
		return 0, err
	}
	return answer.DbSize, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	if s.ctx.Err() != nil {
		return nil
	}
	s.cancel()
	if err := s.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("etcd: %w", err)
	}
	return nil
}

// readCompacted asks etcd how far kube-apiserver or pintle has compacted it.
func (s *Store) readCompacted(ctx context.Context) error {
	resp, err := s.client.Get(ctx, compactKey)
	if err != nil {
		return s.translate(ctx, err)
	}
	if len(resp.Kvs) > 0 {
		s.heardCompacted(resp.Kvs[0].Value)
	}
	return nil
}

func (s *Store) heardCompacted(text []byte) {
	if revision, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		s.raiseCompacted(revision)
	}
}

func (s *Store) raiseCompacted(revision int64) {
	for {
		old := s.compacted.Load()
		if revision <= old || s.compacted.CompareAndSwap(old, revision) {
			return
		}
	}
}
