package request

import (
	"fmt"
	"testing"
	"time"
)

// TestManyWarnings: an object has a warning for each field that nobody knows.
func TestManyWarnings(t *testing.T) {
	var r Request
	began := time.Now()
	for range 2 {
		for i := range 200000 {
			r.Warn(fmt.Sprintf("unknown field \"spec.field%d\"", i))
		}
	}
	if len(r.Warnings) != 200000 || r.Warnings[17] != `unknown field "spec.field17"` {
		t.Errorf("%d, %q", len(r.Warnings), r.Warnings[17])
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Error(d)
	}
}
