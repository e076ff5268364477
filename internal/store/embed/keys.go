package embed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pintle-io/pintle/internal/store"
)

// The first byte of a key says what it is of. FORMAT.md has the picture.
const (
	kindIndex  = 'h'
	kindRecord = 'r'
	kindExpiry = 'x'

	metaFormat    = "mformat"
	metaCluster   = "mcluster"
	metaCompacted = "mcompacted"

	formatVersion = 1
)

// The first byte of a version's value.
const (
	markTombstone = 0
	markValue     = 1
)

var errBadEntry = errors.New("an entry of the store cannot be read")

// appendPath appends what a record's keys begin with. In it keys sort as store.Key.Compare says.
func appendPath(b []byte, k store.Key) []byte {
	b = append(b, kindRecord)
	b = append(b, k.Prefix...)
	b = append(b, 0)
	b = append(b, k.Namespace...)
	b = append(b, '/')
	b = append(b, k.Name...)
	return append(b, 0)
}

// appendRevision appends the tail of a version's key. The newest version comes first.
func appendRevision(b []byte, revision int64) []byte {
	return binary.BigEndian.AppendUint64(b, ^uint64(revision))
}

// comparer orders keys bytewise, and tells Pebble what all versions of a record have in common: the path. No path
// is the beginning of another, so this agrees with the order. Tables keep a filter of the paths in them.
var comparer = &pebble.Comparer{
	Name:                 "pintle.1",
	Compare:              bytes.Compare,
	Equal:                bytes.Equal,
	ComparePointSuffixes: bytes.Compare,
	CompareRangeSuffixes: bytes.Compare,
	AbbreviatedKey:       pebble.DefaultComparer.AbbreviatedKey,
	FormatKey:            pebble.DefaultComparer.FormatKey,
	ImmediateSuccessor:   pebble.DefaultComparer.ImmediateSuccessor,
	// Separators between blocks are whole keys: a shortened one would have another path.
	Separator: func(dst, a, _ []byte) []byte { return append(dst, a...) },
	Successor: func(dst, a []byte) []byte { return append(dst, a...) },
	Split: func(key []byte) int {
		if n := len(key) - 8; n >= 5 && key[0] == kindRecord && key[n-1] == 0 {
			return n
		}
		return len(key)
	},
}

func pathLen(k store.Key) int { return 4 + len(k.Prefix) + len(k.Namespace) + len(k.Name) }

// splitVersionKey takes a version's key apart: the path that all versions of the record share, and the revision.
func splitVersionKey(key []byte) (path []byte, revision int64, err error) {
	n := len(key) - 8
	if n < 5 || key[0] != kindRecord || key[n-1] != 0 {
		return nil, 0, fmt.Errorf("%w: version key %q", errBadEntry, key)
	}
	revision = int64(^binary.BigEndian.Uint64(key[n:]))
	if revision <= 0 {
		return nil, 0, fmt.Errorf("%w: version key %q", errBadEntry, key)
	}
	return key[:n], revision, nil
}

// A namer makes store.Keys from paths. Prefixes and namespaces that repeat share their bytes.
type namer struct {
	last store.Key
}

func (n *namer) key(path []byte) (store.Key, error) {
	if len(path) < 5 || path[0] != kindRecord || path[len(path)-1] != 0 {
		return store.Key{}, fmt.Errorf("%w: path %q", errBadEntry, path)
	}
	path = path[1 : len(path)-1]
	i := bytes.IndexByte(path, 0)
	if i < 0 {
		return store.Key{}, fmt.Errorf("%w: path %q", errBadEntry, path)
	}
	j := bytes.IndexByte(path[i+1:], '/')
	if j < 0 {
		return store.Key{}, fmt.Errorf("%w: path %q", errBadEntry, path)
	}
	prefix, namespace, name := path[:i], path[i+1:i+1+j], path[i+1+j+1:]
	if string(prefix) != n.last.Prefix {
		n.last.Prefix = string(prefix)
	}
	if string(namespace) != n.last.Namespace {
		n.last.Namespace = string(namespace)
	}
	k := store.Key{Prefix: n.last.Prefix, Namespace: n.last.Namespace, Name: string(name)}
	if !k.Valid() {
		return store.Key{}, fmt.Errorf("%w: path %q", errBadEntry, path)
	}
	return k, nil
}

// rangeBounds are the bounds of the paths in a range: [lower, upper).
func rangeBounds(r store.Range) (lower, upper []byte) {
	b := append([]byte{kindRecord}, r.Prefix...)
	b = append(b, 0)
	if r.Namespace != "" {
		b = append(b, r.Namespace...)
		b = append(b, '/')
	}
	lower, upper = b, append([]byte(nil), b...)
	upper[len(upper)-1]++
	if r.After.Name != "" {
		after := appendPath(nil, r.After)
		after[len(after)-1]++ // behind all versions of it
		if bytes.Compare(after, lower) > 0 {
			lower = after
		}
	}
	return lower, upper
}

// versionValue checks a version's value and returns the record's, nil for a tombstone. The result is a copy.
func versionValue(v []byte) ([]byte, error) {
	if len(v) == 0 {
		return nil, fmt.Errorf("%w: an empty version", errBadEntry)
	}
	switch v[0] {
	case markTombstone:
		return nil, nil
	case markValue:
		return append(make([]byte, 0, len(v)-1), v[1:]...), nil
	}
	return nil, fmt.Errorf("%w: a version of kind %d", errBadEntry, v[0])
}

func indexKey(b []byte, revision int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, kindIndex), uint64(revision))
}

func parseIndexKey(key []byte) (int64, error) {
	if len(key) != 9 || key[0] != kindIndex {
		return 0, fmt.Errorf("%w: index key %q", errBadEntry, key)
	}
	revision := binary.BigEndian.Uint64(key[1:])
	if revision == 0 || revision > math.MaxInt64 {
		return 0, fmt.Errorf("%w: index key %q", errBadEntry, key)
	}
	return int64(revision), nil
}

// indexRange are the index entries after a revision.
func indexRange(after int64) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: indexKey(nil, after+1), UpperBound: []byte{kindIndex + 1}}
}

// indexEntry is the value of an index entry: which path the op wrote, and which version that replaced.
type indexEntry struct {
	path    []byte
	prev    int64 // 0: the record did not exist
	deleted bool
}

func (e indexEntry) append(b []byte) []byte {
	mark := byte(markValue)
	if e.deleted {
		mark = markTombstone
	}
	b = append(b, mark)
	b = binary.AppendUvarint(b, uint64(e.prev))
	return append(b, e.path...)
}

func parseIndexEntry(v []byte) (e indexEntry, err error) {
	if len(v) < 2 || v[0] != markValue && v[0] != markTombstone {
		return e, fmt.Errorf("%w: index entry %q", errBadEntry, v)
	}
	prev, n := binary.Uvarint(v[1:])
	if n <= 0 || prev > math.MaxInt64 {
		return e, fmt.Errorf("%w: index entry %q", errBadEntry, v)
	}
	e = indexEntry{path: v[1+n:], prev: int64(prev), deleted: v[0] == markTombstone}
	if _, err := (&namer{}).key(e.path); err != nil {
		return e, err
	}
	return e, nil
}

// expiryKey is the key of an expiry entry; its value is the path. Seconds are those of Unix time.
func expiryKey(b []byte, second, revision int64) []byte {
	b = binary.BigEndian.AppendUint64(append(b, kindExpiry), uint64(second))
	return binary.BigEndian.AppendUint64(b, uint64(revision))
}

func parseExpiryKey(key []byte) (second, revision int64, err error) {
	if len(key) != 17 || key[0] != kindExpiry {
		return 0, 0, fmt.Errorf("%w: expiry key %q", errBadEntry, key)
	}
	second, revision = int64(binary.BigEndian.Uint64(key[1:])), int64(binary.BigEndian.Uint64(key[9:]))
	if second < 0 || revision <= 0 {
		return 0, 0, fmt.Errorf("%w: expiry key %q", errBadEntry, key)
	}
	return second, revision, nil
}

// printable is a path as one reads it.
func printable(path []byte) string { return strings.ReplaceAll(string(path), "\x00", " ") }
