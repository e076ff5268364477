package schema

import (
	"fmt"
	"strings"
	"testing"
)

// TestFindingsAreBounded: each of ten thousand values is none of ten thousand, which is told with all of those.
func TestFindingsAreBounded(t *testing.T) {
	var enum strings.Builder
	list := make([]any, 10000)
	for i := range list {
		fmt.Fprintf(&enum, `"allowed%d",`, i)
		list[i] = fmt.Sprintf("other%d", i)
	}
	c, err := Compile([]byte(`{"type":"object","properties":{"l":{"type":"array","items":{"type":"string","enum":[`+enum.String()+`"z"]}}}}`), false)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	errs := c.Validate(t.Context(), map[string]any{"l": list}, nil)
	for _, e := range errs {
		size += len(e.Detail)
	}
	if len(errs) < 10 || size > 2*maxTold {
		t.Errorf("%d findings, %d bytes", len(errs), size)
	}
}
