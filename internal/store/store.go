// Package store is where records are kept: an ordered map from Key to bytes in which every change has a
// revision of its own, and in which changes are made by conditional commits.
//
// Nouns: a Record is a key's current bytes and the revision that wrote them; a Commit is a list of Guards
// (what must still be so) and Ops (what to change), all or nothing; an Event is one applied Op as a watch
// tells it. Revisions are positive, strictly increasing and never reused, whatever happens to the process.
//
// Invariants: a Commit that returned nil survives a crash of the process or of the machine (the memory store
// excepted, which promises nothing beyond its own life); a Watch yields every event after its start revision
// exactly once, in revision order; a List is one consistent revision.
//
// Concurrency: every method of a Store may be called from any goroutine. Byte slices that a Store hands out
// are shared and must not be modified, and a Store never modifies a slice it was given: callers hand it over.
//
// Implementations: store/embed (the default, on disk), store/memory, store/etcd. All pass store/storetest.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Key names a record. Prefix is the resource's place under the registry root ("pods", "services/specs",
// "stable.example.com/crontabs"), Namespace is empty for cluster-scoped records.
type Key struct {
	Prefix, Namespace, Name string
}

// String is the key as kube-apiserver spells it below its registry root: prefix[/namespace]/name.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Prefix + "/" + k.Name
	}
	return k.Prefix + "/" + k.Namespace + "/" + k.Name
}

// Compare orders keys by prefix, then as their paths namespace/name sort bytewise: the order of every list. So
// the namespace "a-b" comes before "a", because '-' is less than '/'. Records of one prefix either all have a
// namespace or none has; where they are mixed, those without come first.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Prefix, o.Prefix); c != 0 {
		return c
	}
	if k.Namespace != o.Namespace {
		return compareSegments(k.Namespace, o.Namespace)
	}
	return strings.Compare(k.Name, o.Name)
}

// compareSegments compares a+"/" with b+"/". Neither contains a slash, and they differ.
func compareSegments(a, b string) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	switch {
	case n == 0 && len(a) == 0:
		return -1
	case n == 0:
		return 1
	case len(a) < len(b):
		if b[n] < '/' {
			return 1
		}
		return -1
	}
	if a[n] < '/' {
		return -1
	}
	return 1
}

// Valid says whether a record can have this key: it has a prefix and a name, and no part holds a character that
// separates parts. Reading at any other key finds nothing, and committing one is ErrBadKey.
func (k Key) Valid() bool {
	return k.Prefix != "" && k.Name != "" &&
		strings.IndexByte(k.Prefix, 0) < 0 && strings.IndexByte(k.Name, 0) < 0 && strings.IndexByte(k.Namespace, 0) < 0 &&
		strings.IndexByte(k.Namespace, '/') < 0 && strings.IndexByte(k.Name, '/') < 0
}

// ParseKey is the inverse of String. A prefix has two segments when the first is an API group's name (it has
// a dot) or "services" (services/specs, services/endpoints), else one; what follows is a name, or a namespace
// and a name.
func ParseKey(path string) (Key, bool) {
	first, rest, ok := strings.Cut(path, "/")
	if !ok || first == "" {
		return Key{}, false
	}
	k := Key{Prefix: first}
	if strings.Contains(first, ".") || first == "services" {
		second, after, ok := strings.Cut(rest, "/")
		if !ok {
			return Key{}, false
		}
		k.Prefix = path[:len(first)+1+len(second)]
		rest = after
	}
	if ns, name, ok := strings.Cut(rest, "/"); ok {
		k.Namespace, k.Name = ns, name
	} else {
		k.Name = rest
	}
	if k.Name == "" || strings.Contains(k.Name, "/") {
		return Key{}, false
	}
	return k, true
}

// Record is the value of a key and the revision of the op that wrote it.
type Record struct {
	Key      Key
	Revision int64
	Value    []byte
}

// Guard is a condition of a Commit: the key's record must be at Revision; 0 means that the key must not exist.
// Value, if the caller has it, is the very value of the record at that revision: it is no condition, but spares
// the embedded store a read for the event's Prev. A nil Value is always right.
type Guard struct {
	Key      Key
	Revision int64
	Value    []byte
}

// Op is one change of a Commit: it writes Value, or deletes the key when Value is nil. TTL, when positive,
// makes the record expire: it is deleted, with an event, within a few seconds after its time. The embedded
// and memory stores round it up to whole seconds, etcd uses a lease.
type Op struct {
	Key   Key
	Value []byte
	TTL   time.Duration
}

// Event is one applied op. Value is nil for a deletion. Prev is what the key held before (Revision 0 and nil
// Value when it did not exist).
type Event struct {
	Key      Key
	Revision int64
	Value    []byte
	Prev     Record
}

// Range selects the records of a List. Namespace narrows it when not empty; After, when it has a name,
// starts behind that key; Limit 0 means all; Revision 0 means the latest.
type Range struct {
	Prefix    string
	Namespace string
	After     Key
	Limit     int
	Revision  int64
}

// Start is a key that no key of the range is less than.
func (r Range) Start() Key {
	start := Key{Prefix: r.Prefix, Namespace: r.Namespace}
	if r.After.Name != "" && r.After.Compare(start) > 0 {
		return r.After
	}
	return start
}

// Contains says whether key is of the range's prefix and namespace.
func (r Range) Contains(key Key) bool {
	return key.Prefix == r.Prefix && (r.Namespace == "" || key.Namespace == r.Namespace)
}

// Store is a place for records. Errors are the sentinels below (test with errors.Is), a *GuardError, the
// context's error, or a fault of the medium.
type Store interface {
	// Get returns the key's record, or ErrNotFound. It sees every commit that returned before it was called,
	// by any process that shares the store.
	Get(ctx context.Context, key Key) (Record, error)

	// List calls yield with each record of the range in Key order until it returns false, and returns the
	// revision that the list is of. A Revision older than the history is ErrCompacted, one that is not reached
	// yet is ErrFuture.
	List(ctx context.Context, r Range, yield func(Record) bool) (revision int64, err error)

	// Commit applies ops if every guard holds, and returns one revision per op, in order. When a guard fails
	// nothing is changed and the error is a *GuardError. A key occurs in at most one op. The embedded and
	// memory stores give each op a revision of its own; etcd gives all ops of a commit the same one, so no
	// commit holds two keys of one prefix there. Deleting a key that does not exist is no change: it makes no
	// event, and its revision is that of the store.
	Commit(ctx context.Context, guards []Guard, ops []Op) (revisions []int64, err error)

	// Watch returns the events after revision from, in order. When the history does not reach back that far
	// the error (here or from Next) is ErrCompacted.
	Watch(ctx context.Context, from int64) (Watch, error)

	// Revision is the latest revision; like Get it sees every commit that returned before. A new store is at 1.
	Revision(ctx context.Context) (int64, error)

	// Compact forgets the history before revision: lists at older revisions and watches from them fail.
	Compact(ctx context.Context, revision int64) error

	// Compacted is the oldest revision that List still accepts and Watch still can start from.
	Compacted() int64

	// Shared says whether other processes may write to the same store.
	Shared() bool

	// Close syncs and lets go of everything. Running calls end with ErrClosed.
	Close() error
}

// Watch is a stream of events.
type Watch interface {
	// Next blocks until there are events and returns them, in order, with the revision up to which the stream
	// is now complete (at least that of the last event). A batch may be empty: then only the revision has
	// progressed. Any error ends the stream.
	Next(ctx context.Context) (events []Event, progress int64, err error)
	// Close ends the stream and frees what it holds.
	Close()
}

// ProgressRequester is a Watch that does not know by itself how far a store has come in which nothing it tells of
// changes (etcd: others write outside of the prefix). RequestProgress makes Next return soon with the progress; a
// stream that is still behind may ignore it, so whoever waits for a revision asks again, every 100 ms or so.
type ProgressRequester interface {
	RequestProgress(ctx context.Context) error
}

// Sizer is a Store that takes room on a disk, or in another program. Size is in bytes.
type Sizer interface {
	Size(ctx context.Context) (int64, error)
}

// The errors of a Store.
var (
	ErrNotFound  = errors.New("store: no such record")
	ErrCompacted = errors.New("store: revision is older than the history")
	ErrFuture    = errors.New("store: revision is in the future")
	ErrClosed    = errors.New("store: closed")
	ErrTooLarge  = errors.New("store: record is too large")
	ErrBadKey    = errors.New("store: not a key that a record can have")
)

// GuardError says that a Commit's guards did not hold. Current has, for each guard in order, the key's record
// as it was found (Revision 0 when there is none).
type GuardError struct {
	Current []Record
}

func (e *GuardError) Error() string { return "store: a guard of the commit does not hold" }

// CheckCommit returns the error of a commit that no store can take, for the stores' own use.
func CheckCommit(guards []Guard, ops []Op) error {
	for i := range ops {
		if !ops[i].Key.Valid() {
			return fmt.Errorf("commit at %q: %w", ops[i].Key.String(), ErrBadKey)
		}
		for j := range ops[:i] {
			if ops[i].Key == ops[j].Key {
				return fmt.Errorf("commit has two ops at %q: %w", ops[i].Key.String(), ErrBadKey)
			}
		}
	}
	for i := range guards {
		if !guards[i].Key.Valid() {
			return fmt.Errorf("guard at %q: %w", guards[i].Key.String(), ErrBadKey)
		}
	}
	return nil
}

// ExpiresAt is when a record that is written now with a TTL expires: the stores count in whole seconds.
func ExpiresAt(now time.Time, ttl time.Duration) time.Time {
	at := now.Add(ttl)
	if whole := at.Truncate(time.Second); !whole.Equal(at) {
		return whole.Add(time.Second)
	}
	return at
}
