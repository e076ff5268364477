package reference

import (
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// logger keeps what a program logs for the end of a test that failed; what comes after the end is lost.
func logger(t *testing.T) logr.Logger {
	out := make(chan string, 10000)
	t.Cleanup(func() {
		for t.Failed() && len(out) > 0 {
			t.Log(<-out)
		}
	})
	return funcr.New(func(prefix, args string) {
		select {
		case out <- prefix + " " + args:
		default:
		}
	}, funcr.Options{})
}
