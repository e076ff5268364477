package embed

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pintle-io/pintle/internal/corpus"
	"github.com/pintle-io/pintle/internal/store"
)

func oddKeys() []store.Key {
	var keys []store.Key
	for _, prefix := range []string{"pods", "pod", "podtemplates", "services/specs", "a.b/c", "\x01", "\xff"} {
		for _, ns := range []string{"", "a", "a-b", "aa", "\xff", "a.b"} {
			for _, name := range []string{"a", "aa", "a-", "\x01", "\xff\xff", "system:node:x", "日本"} {
				keys = append(keys, store.Key{Prefix: prefix, Namespace: ns, Name: name})
			}
		}
	}
	return keys
}

// Paths come back as keys, and sort as keys do; versions of a record come newest first.
func TestPaths(t *testing.T) {
	keys := oddKeys()
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	slices.SortFunc(keys, store.Key.Compare)
	var last []byte
	for _, k := range keys {
		path := appendPath(nil, k)
		if len(path) != pathLen(k) {
			t.Fatalf("%q: %d bytes, not %d", path, len(path), pathLen(k))
		}
		for _, revision := range []int64{1 << 40, 256, 255, 1} {
			v := appendRevision(slices.Clone(path), revision)
			if bytes.Compare(last, v) >= 0 {
				t.Fatalf("%q is not before %q", last, v)
			}
			if comparer.Split(v) != len(path) {
				t.Fatalf("split of %q is %d", v, comparer.Split(v))
			}
			last = v
			p, r, err := splitVersionKey(v)
			if err != nil || r != revision || !bytes.Equal(p, path) {
				t.Fatalf("%q: %q %d %v", v, p, r, err)
			}
		}
		got, err := (&namer{}).key(path)
		if err != nil || got != k {
			t.Fatalf("%q: %q, %v", path, got, err)
		}
	}
}

// Whatever lies on the disk, decoding it ends with what encodes to the same bytes, or with an error.
func FuzzEntries(f *testing.F) {
	corpus.Add(f)
	for _, k := range oddKeys()[:10] {
		path := appendPath(nil, k)
		f.Add(appendRevision(slices.Clone(path), 7))
		f.Add(indexEntry{path: path, prev: 300}.append(nil))
		f.Add(indexEntry{path: path, deleted: true}.append(nil))
	}
	f.Add(indexKey(nil, 5))
	f.Add(expiryKey(nil, 1700000000, 5))
	f.Fuzz(func(t *testing.T, b []byte) {
		bad := func(err error) bool {
			if err != nil && !errors.Is(err, errBadEntry) {
				t.Fatal(err)
			}
			return err != nil
		}
		if path, revision, err := splitVersionKey(b); !bad(err) {
			if !bytes.Equal(appendRevision(slices.Clone(path), revision), b) {
				t.Fatalf("version key %q", b)
			}
			if k, err := (&namer{}).key(path); !bad(err) && !bytes.Equal(appendPath(nil, k), path) {
				t.Fatalf("path %q", path)
			}
		}
		if e, err := parseIndexEntry(b); !bad(err) {
			if again, err := parseIndexEntry(e.append(nil)); err != nil || again.prev != e.prev || again.deleted != e.deleted || !bytes.Equal(again.path, e.path) {
				t.Fatalf("index entry %q", b)
			}
		}
		if r, err := parseIndexKey(b); !bad(err) && !bytes.Equal(indexKey(nil, r), b) {
			t.Fatalf("index key %q", b)
		}
		if s, r, err := parseExpiryKey(b); !bad(err) && !bytes.Equal(expiryKey(nil, s, r), b) {
			t.Fatalf("expiry key %q", b)
		}
		if v, err := versionValue(b); !bad(err) && v != nil && !bytes.Equal(v, b[1:]) {
			t.Fatalf("version %q", b)
		}
	})
}
