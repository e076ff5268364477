package pintletest

import (
	"context"
	"testing"

	"github.com/pintle-io/pintle"
)

// BenchmarkStart is a server in memory from nothing to ready, and its end.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := pintle.New(pintle.Config{})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		<-s.Ready()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
