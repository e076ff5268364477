package embed_test

import (
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
