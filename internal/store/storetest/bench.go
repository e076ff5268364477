package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pintle-io/pintle/internal/store"
)

// Benchmark measures a store: commits of 1 KB records by 1 and 16 writers (an operation is one commit), Get, and
// a list of 10,000 records of 3 KB.
func Benchmark(b *testing.B, open func(testing.TB) store.Store) {
	ctx := context.Background()
	value := bytes.Repeat([]byte("0123456789abcdef"), 64)
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("Commit/writers=%d", writers), func(b *testing.B) {
			s := open(b)
			defer s.Close()
			b.ReportAllocs()
			b.ResetTimer()
			used := cpu()
			var next atomic.Int64
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					revisions := map[store.Key]int64{}
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						k := key("configmaps", "default", fmt.Sprintf("cm-%d-%d", w, i%1000))
						guard := store.Guard{Key: k, Revision: revisions[k]}
						if guard.Revision != 0 {
							guard.Value = value
						}
						rs, err := s.Commit(ctx, []store.Guard{guard}, []store.Op{{Key: k, Value: value}})
						if err != nil {
							b.Error(err)
							return
						}
						revisions[k] = rs[0]
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
		})
	}
	b.Run("Get", func(b *testing.B) {
		s := open(b)
		defer s.Close()
		load(b, s, 10000, 1000)
		keys := make([]store.Key, 1000)
		for i := range keys {
			keys[i] = pod(fmt.Sprintf("pod-%08d", i*7))
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			if _, err := s.Get(ctx, keys[i%1000]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("List/10000x3KB", func(b *testing.B) {
		s := open(b)
		defer s.Close()
		load(b, s, 10000, 3000)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			n := 0
			if _, err := s.List(ctx, store.Range{Prefix: "pods"}, func(store.Record) bool { n++; return true }); err != nil || n != 10000 {
				b.Fatal(n, err)
			}
		}
	})
}

// cpu is the processor time that this process has used, in nanoseconds: what a store's background work costs
// shows here and not in the duration of a commit.
func cpu() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func load(b testing.TB, s store.Store, n, size int) {
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := w; i < n; i += 32 {
				value := bytes.Repeat([]byte{byte(i), byte(i >> 8), 'x', 'y'}, size/4)
				if _, err := s.Commit(context.Background(), nil, []store.Op{{Key: pod(fmt.Sprintf("pod-%08d", i)), Value: value}}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
