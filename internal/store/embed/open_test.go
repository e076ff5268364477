package embed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/embed"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func commit(t testing.TB, s store.Store, ops ...store.Op) []int64 {
	t.Helper()
	rs, err := s.Commit(context.Background(), nil, ops)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func pod(name string) store.Key { return store.Key{Prefix: "pods", Namespace: "default", Name: name} }

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := mustOpen(t, embed.Config{Dir: dir})
	id := s.ClusterID()
	for i := range 100 {
		commit(t, s, store.Op{Key: pod(fmt.Sprint(i % 10)), Value: bytes.Repeat([]byte{byte(i)}, 1000)})
	}
	commit(t, s, store.Op{Key: pod("0")})
	if err := s.Compact(context.Background(), 60); err != nil {
		t.Fatal(err)
	}
	commit(t, s, store.Op{Key: pod("last"), Value: []byte("x")}) // syncs the compaction as well
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s = mustOpen(t, embed.Config{Dir: dir})
		if s.ClusterID() != id || len(id) != 32 {
			t.Errorf("cluster id %q, was %q", s.ClusterID(), id)
		}
		if r, _ := s.Revision(context.Background()); r != 103 || s.Compacted() != 60 {
			t.Errorf("revision %d, compacted %d", r, s.Compacted())
		}
		checkHistory(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Compacted to the very end the index is empty, and the revision is known all the same.
	s = mustOpen(t, embed.Config{Dir: dir})
	if err := s.Compact(context.Background(), 103); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, embed.Config{Dir: dir})
	defer s.Close()
	if rs := commit(t, s, store.Op{Key: pod("next"), Value: []byte("x")}); rs[0] != 104 {
		t.Errorf("revision %d", rs[0])
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := embed.Open(embed.Config{Dir: dir, ReadOnly: true, Logger: quiet}); err == nil {
		t.Fatal("an empty directory opens read-only")
	}
	s := mustOpen(t, embed.Config{Dir: dir})
	commit(t, s, store.Op{Key: pod("a"), Value: []byte("1"), TTL: time.Second})
	s.Close()
	s = mustOpen(t, embed.Config{Dir: dir, ReadOnly: true})
	defer s.Close()
	if rec, err := s.Get(context.Background(), pod("a")); err != nil || string(rec.Value) != "1" {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Commit(context.Background(), nil, []store.Op{{Key: pod("b"), Value: []byte("x")}}); err == nil {
		t.Error("commits")
	}
	if s.Compact(context.Background(), 2) == nil || s.Expire(context.Background()) == nil {
		t.Error("compacts or expires")
	}
}

// Each thing that can be wrong with a directory is told in one clear line, and nothing in it is changed.
func TestOpenErrors(t *testing.T) {
	fresh := func(t *testing.T) string {
		dir := t.TempDir()
		s := mustOpen(t, embed.Config{Dir: dir})
		for i := range 50 {
			commit(t, s, store.Op{Key: pod(fmt.Sprint(i)), Value: make([]byte, 200<<10)})
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	glob := func(t *testing.T, dir, pattern string) string {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(names) == 0 {
			t.Fatalf("no %s in %s", pattern, dir)
		}
		return names[len(names)-1]
	}
	overwrite := func(t *testing.T, name string, change func([]byte) []byte) {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, change(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		damage func(t *testing.T) (dir string)
		want   error
		text   string
	}{
		{"in use", func(t *testing.T) string {
			dir := t.TempDir()
			s := mustOpen(t, embed.Config{Dir: dir})
			t.Cleanup(func() { s.Close() })
			return dir
		}, embed.ErrInUse, "is in use"},
		{"a file", func(t *testing.T) string {
			name := filepath.Join(t.TempDir(), "file")
			os.WriteFile(name, []byte("x"), 0o600)
			return name
		}, nil, "cannot be made"},
		{"lost manifest", func(t *testing.T) string {
			dir := fresh(t)
			os.Remove(glob(t, dir, "MANIFEST-*"))
			return dir
		}, embed.ErrDamaged, "is damaged"},
		{"cut manifest", func(t *testing.T) string {
			dir := fresh(t)
			overwrite(t, glob(t, dir, "MANIFEST-*"), func(b []byte) []byte { return b[:10] })
			return dir
		}, embed.ErrDamaged, "is damaged"},
		{"lost table", func(t *testing.T) string {
			dir := fresh(t)
			os.Remove(glob(t, dir, "*.sst"))
			return dir
		}, embed.ErrDamaged, "is damaged"},
		{"damaged log", func(t *testing.T) string {
			dir := fresh(t)
			s := mustOpen(t, embed.Config{Dir: dir})
			for i := range 100 {
				commit(t, s, store.Op{Key: pod(fmt.Sprint(i)), Value: make([]byte, 1000)})
			}
			s.Close()
			// In the middle, with synced blocks behind it: not a torn tail.
			overwrite(t, glob(t, dir, "*.log"), func(b []byte) []byte { b[5000] ^= 1; return b })
			return dir
		}, embed.ErrDamaged, "is damaged"},
		{"newer format", func(t *testing.T) string {
			dir := fresh(t)
			meta(t, dir, "mformat", "2")
			return dir
		}, embed.ErrNewer, "written by a newer version"},
		{"strange format", func(t *testing.T) string {
			dir := fresh(t)
			meta(t, dir, "mformat", "zwei")
			return dir
		}, embed.ErrDamaged, "is damaged"},
		{"newer files", func(t *testing.T) string {
			dir := fresh(t)
			name := glob(t, dir, "marker.format-version.*")
			newer := name[:strings.LastIndex(name, ".")] + ".099"
			if err := os.Rename(name, newer); err != nil {
				t.Fatal(err)
			}
			return dir
		}, embed.ErrNewer, "written by a newer version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := test.damage(t)
			s, err := embed.Open(embed.Config{Dir: dir, Logger: quiet})
			if err == nil {
				s.Close()
				t.Fatal("opens")
			}
			if test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) ||
				!strings.HasPrefix(err.Error(), "data directory "+dir+" ") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q", err)
			}
			t.Log(err)
			// It is not locked by the failed attempt.
			if test.want != embed.ErrInUse {
				if _, err2 := embed.Open(embed.Config{Dir: dir, Logger: quiet}); err2 == nil || err2.Error() != err.Error() {
					t.Errorf("the second time: %v", err2)
				}
			}
		})
	}
}

// meta changes a meta entry behind the store's back.
func meta(t *testing.T, dir, key, value string) {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{Comparer: embed.Comparer, FormatMajorVersion: pebble.FormatNewest, Logger: discard{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Set([]byte(key), []byte(value), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

type discard struct{}

func (discard) Infof(string, ...any)  {}
func (discard) Errorf(string, ...any) {}
func (discard) Fatalf(string, ...any) {}

// A watch that is far behind reads the history from disk and then goes on in memory.
func TestWatchFromDisk(t *testing.T) {
	s := mustOpen(t, embed.Config{Dir: "data", FS: vfs.NewMem()})
	defer s.Close()
	var last int64
	for i := range 2000 {
		op := store.Op{Key: pod(fmt.Sprint(i % 7)), Value: bytes.Repeat([]byte{byte(i)}, 2000)}
		if i%5 == 4 {
			op.Value = nil
		}
		last = commit(t, s, op)[0]
	}
	if err := s.Compact(context.Background(), 400); err != nil {
		t.Fatal(err)
	}
	checkHistory(t, s)
	w, err := s.Watch(context.Background(), 400)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := s.Compact(context.Background(), last); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Next(context.Background()); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("a watch behind the compaction: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	s := mustOpen(t, embed.Config{Dir: "data", FS: vfs.NewMem()})
	defer s.Close()
	if _, err := s.Commit(context.Background(), nil, []store.Op{{Key: pod("big"), Value: make([]byte, 33<<20)}}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("commit: %v", err)
	}
	commit(t, s, store.Op{Key: pod("big"), Value: make([]byte, 20<<20)})
	if rec, err := s.Get(context.Background(), pod("big")); err != nil || len(rec.Value) != 20<<20 {
		t.Errorf("get: %d bytes, %v", len(rec.Value), err)
	}
}

// The expiry of records survives a restart, and the store's own timer does it.
func TestTimer(t *testing.T) {
	fs := vfs.NewMem()
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := mustOpen(t, embed.Config{Dir: "data", FS: fs, Clock: func() time.Time { return start }})
	commit(t, s, store.Op{Key: pod("a"), Value: []byte("x"), TTL: time.Hour}, store.Op{Key: pod("b"), Value: []byte("x"), TTL: 2 * time.Hour},
		store.Op{Key: pod("kept"), Value: []byte("x"), TTL: time.Hour}, store.Op{Key: pod("c"), Value: []byte("x")})
	rs := commit(t, s, store.Op{Key: pod("kept"), Value: []byte("y")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := mustOpen(t, embed.Config{Dir: "data", FS: fs, Clock: func() time.Time { return start.Add(time.Since(began)) }})
		w, err := s.Watch(context.Background(), rs[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"a 1h0m0s", "b 2h0m0s"} {
			events, _, err := w.Next(context.Background())
			if err != nil || len(events) != 1 || events[0].Value != nil {
				t.Fatalf("%v, %v", events, err)
			}
			if got := fmt.Sprint(events[0].Key.Name, " ", time.Since(began).Round(2*time.Second)); got != want {
				t.Errorf("expired %s, want %s", got, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// An idle store has Pebble's goroutines, which sleep, and none of its own.
func TestIdle(t *testing.T) {
	before := runtime.NumGoroutine()
	s := mustOpen(t, embed.Config{Dir: "data", FS: vfs.NewMem()})
	defer s.Close()
	commit(t, s, store.Op{Key: pod("a"), Value: []byte("x")})
	w, err := s.Watch(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, _, err := w.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := runtime.NumGoroutine() - before; n > 4 {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines:\n%s", n, buf[:runtime.Stack(buf, true)])
	}
}
