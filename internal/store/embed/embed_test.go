package embed_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/embed"
	"github.com/pintle-io/pintle/internal/store/storetest"
)

func mustOpen(t testing.TB, c embed.Config) *embed.Store {
	t.Helper()
	s, err := embed.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(t testing.TB, clock func() time.Time) store.Store {
		return mustOpen(t, embed.Config{Dir: "data", FS: vfs.NewMem(), Clock: clock})
	}})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b testing.TB) store.Store {
		return mustOpen(b, embed.Config{Dir: b.TempDir()})
	})
}

// BenchmarkInMemory has no disk to wait for: what is left is the store's own work, flushes and compactions
// included.
func BenchmarkInMemory(b *testing.B) {
	storetest.Benchmark(b, func(b testing.TB) store.Store {
		return mustOpen(b, embed.Config{Dir: "data", FS: vfs.NewMem()})
	})
}

func BenchmarkOpen(b *testing.B) {
	b.Run("fresh", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			dir := b.TempDir()
			b.StartTimer()
			s := mustOpen(b, embed.Config{Dir: dir})
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
	})
	b.Run("existing", func(b *testing.B) {
		dir := b.TempDir()
		mustOpen(b, embed.Config{Dir: dir}).Close()
		b.ResetTimer()
		for range b.N {
			s := mustOpen(b, embed.Config{Dir: dir})
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
	})
}

// TestCreatesReadNoBlocks: under load, whether a key is new is answered from memory. The room of Pebble's memtables comes
// out of the block cache; when all of it did, each create read its filters from disk.
func TestCreatesReadNoBlocks(t *testing.T) {
	s := mustOpen(t, embed.Config{Dir: "data", FS: vfs.NewMem()})
	defer s.Close()
	value := make([]byte, 1000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(value) // does not shrink
	create := func(from, to int) {
		for i := from; i < to; i++ {
			key := store.Key{Prefix: "things", Namespace: "default", Name: fmt.Sprintf("thing-%05d", i*7919%30000)}
			if _, err := s.Commit(t.Context(), []store.Guard{{Key: key}}, []store.Op{{Key: key, Value: value}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	create(0, 15000) // until memtables have their full size
	before := s.BlockReads()
	create(15000, 30000)
	if n := s.BlockReads() - before; n > 7500 {
		t.Errorf("15000 creates read %d blocks", n)
	}
}
