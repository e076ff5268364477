// Package embed is the store on the local disk: the default. It keeps records in Pebble, a log-structured
// merge tree; FORMAT.md draws the bytes.
//
// Nouns: a version is what one op left at a key, a value or a tombstone; the index has an entry for each op, by
// revision; a commit is pending from the moment its revisions are assigned until it is durable, that is synced.
//
// Invariants: a commit is acknowledged, and its revisions can be seen by anybody, only when it and all before it
// are durable; revisions become visible in order. Guards look at the newest versions, pending ones included, and
// a refusal because of a pending version waits until that is durable. After the first failed write or sync the
// disk is not touched any more (fence.go) and every commit fails: a restart recovers what was acknowledged.
//
// Concurrency: commits are checked and written to the log one at a time under mu, and wait for their sync
// together without it. Readers take no lock: they read the versions up to the visible revision. While nothing
// happens no goroutine of this package runs.
package embed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/alarm"
	"github.com/pintle-io/pintle/internal/store/eventlog"
)

// Config is what Open needs.
type Config struct {
	// Dir is the store's directory. It is made if it does not exist, and belongs to one process at a time.
	Dir string
	// FS is the file system; the operating system's by default.
	FS vfs.FS
	// Clock tells when records expire; time.Now by default.
	Clock func() time.Time
	// ReadOnly opens an existing store without changing anything; commits fail.
	ReadOnly bool
	// Logger gets the warnings about the medium; slog.Default() by default.
	Logger *slog.Logger
}

// The errors of Open, each wrapped in one line that names the directory.
var (
	ErrInUse   = errors.New("is in use by another process")
	ErrDamaged = errors.New("is damaged")
	ErrNewer   = errors.New("was written by a newer version of this program")
)

// errReadOnly is what a commit on a read-only store gets.
var errReadOnly = errors.New("store: opened read-only")

// recentBytes bounds the newest events that are kept in memory for watches; older ones are read from disk.
const recentBytes = 512 << 10

// maxValue is the largest value of a record. Pebble would take more, but nothing that large is an API object.
const maxValue = 32 << 20

// Store is the store. Open makes one.
type Store struct {
	dir       string
	clock     func() time.Time
	readOnly  bool
	db        *pebble.DB
	lock      io.Closer
	fence     *fence
	log       *eventlog.Log
	alarm     *alarm.Alarm
	calls     calls
	cluster   string
	compactMu sync.Mutex // one compaction at a time

	visible   atomic.Int64 // the newest durable revision: what readers see
	compacted atomic.Int64

	mu       sync.Mutex // orders commits: guards, revisions, Pebble's log
	assigned int64      // the newest revision, pending ones included
	heads    heads      // newest revisions of some keys
	keyBuf   []byte     // for seeks under mu

	pendingMu sync.Mutex
	pending   []pending // in revision order
}

// pending is a commit that waits for its sync, or for that of one before it.
type pending struct {
	last   int64
	events []store.Event
}

// Open opens the store in a directory, or makes one.
func Open(c Config) (*Store, error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	s := &Store{dir: c.Dir, clock: c.Clock, readOnly: c.ReadOnly, heads: newHeads()}
	s.fence = newFence(c.FS, s.fail)
	if err := s.open(c); err != nil {
		if s.lock != nil {
			_ = s.lock.Close()
		}
		return nil, fmt.Errorf("data directory %s %w", c.Dir, err)
	}
	return s, nil
}

func (s *Store) open(c Config) error {
	if !c.ReadOnly {
		if err := c.FS.MkdirAll(c.Dir, 0o700); err != nil {
			return oneLine("cannot be made: ", err)
		}
	}
	lock, err := pebble.LockDirectory(c.Dir, c.FS)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return oneLine("cannot be opened: ", err)
	default:
		return ErrInUse
	}
	s.lock = lock
	if !c.ReadOnly {
		if err := stampFresh(c.FS, c.Dir); err != nil {
			return oneLine("cannot be made: ", err)
		}
	}
	opts, release := s.options(c, lock)
	defer release()
	if s.db, err = openPebble(c.Dir, opts); err != nil {
		return err
	}
	if err := s.start(c); err != nil {
		_ = s.db.Close()
		return err
	}
	return nil
}

// start makes an opened database a store.
func (s *Store) start(c Config) error {
	if err := s.recover(); err != nil {
		return err
	}
	s.log = eventlog.New(s.visible.Load(), recentBytes)
	s.alarm = alarm.New(c.Clock, func() { _ = s.Expire(context.Background()) })
	s.fence.arm()
	// What the file system told Pebble during Open may have gone to its Fatalf instead of to us.
	if err := s.fence.fault(); err != nil {
		return oneLine("cannot be written: ", err)
	}
	if c.ReadOnly {
		return nil
	}
	return s.setAlarm()
}

// ClusterID is a random text that was made with the store.
func (s *Store) ClusterID() string { return s.cluster }

// Revision implements store.Store.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	if err := s.calls.enter(ctx); err != nil {
		return 0, err
	}
	defer s.calls.leave()
	return s.visible.Load(), nil
}

// Compacted implements store.Store.
func (s *Store) Compacted() int64 { return s.compacted.Load() }

// Shared implements store.Store: the directory is locked.
func (s *Store) Shared() bool { return false }

// Size implements store.Sizer.
func (s *Store) Size(ctx context.Context) (int64, error) {
	if err := s.calls.enter(ctx); err != nil {
		return 0, err
	}
	defer s.calls.leave()
	return int64(s.db.Metrics().DiskSpaceUsage()), nil
}

// Close implements store.Store. It waits for running calls, commits among them.
func (s *Store) Close() error {
	if !s.calls.close() {
		return nil
	}
	s.alarm.Stop()
	s.log.Close(store.ErrClosed)
	s.calls.wait()
	err := s.db.Close()
	if lerr := s.lock.Close(); err == nil {
		err = lerr
	}
	if fault := s.fence.fault(); fault != nil {
		err = fault
	}
	if err != nil {
		return fmt.Errorf("close the store in %s: %w", s.dir, err)
	}
	return nil
}

// fail is called once, at the first fault of the medium.
func (s *Store) fail(err error) { s.log.Close(s.faultError(err)) }

func (s *Store) faultError(err error) error {
	return fmt.Errorf("store in %s failed and takes no more commits until it is opened again: %w", s.dir, err)
}

// calls counts the calls that use Pebble, so that Close can wait for them.
type calls struct {
	mu      sync.Mutex
	running int
	closed  bool
	idle    chan struct{}
}

func (c *calls) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return store.ErrClosed
	}
	c.running++
	return nil
}

func (c *calls) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.closed && c.running == 0 {
		close(c.idle)
	}
}

// close makes every further enter fail, and says whether it is the first close.
func (c *calls) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.idle = make(chan struct{})
	if c.running == 0 {
		close(c.idle)
	}
	return true
}

func (c *calls) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *calls) wait() { <-c.idle }
