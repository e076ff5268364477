package schema

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
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

// TestLongEnum holds the look into a long enum to that into a short one.
func TestLongEnum(t *testing.T) {
	values := []any{"a", "1", "ab", "\x01", "A", int64(1), int64(65), int64(2), 2.0, 2.5, 3.5, true, nil, int64(1) << 40, "\uFFFD", []any{"a"}}
	for _, allowed := range values {
		short := &Limits{Enum: []any{allowed}}
		long := &Limits{Enum: []any{allowed}}
		for i := range fewAllowed {
			long.Enum = append(long.Enum, fmt.Sprintf("other%d", i))
		}
		for _, v := range values {
			if short.allows(v) != long.allows(v) {
				t.Errorf("%v of %v: %v in a short enum", v, allowed, short.allows(v))
			}
		}
	}
}

// TestManyElements holds the look for an element of a long map list to that in a short one.
func TestManyElements(t *testing.T) {
	values := []any{"a", "1", "a,b", `"a"`, int64(1), 1.0, 1.0000001, 1.5, true, nil, []any{}, map[string]any{}}
	for _, keys := range [][]string{{"k"}, {"k", "l"}} {
		s := &Schema{Type: List, ListType: ListMap, Keys: keys}
		var old []any
		for _, k := range values {
			for _, l := range values {
				old = append(old, map[string]any{"k": k, "l": l, "n": len(old)})
			}
		}
		long := elements{s: s, old: append(old, map[string]any{}, "no object")}
		for _, v := range append(slices.Clone(long.old), nil, map[string]any{"k": "a"}, map[string]any{"k": "b", "l": "a"}) {
			if got, want := long.like(v), elementLike(s, long.old, v); !reflect.DeepEqual(got, want) {
				t.Errorf("%v: %v, want %v", v, got, want)
			}
		}
	}
}

// TestLongMatch: a long pattern goes through a long text as ever, unless its request has ended.
func TestLongMatch(t *testing.T) {
	p := &Pattern{Text: "^(" + strings.Repeat("(a|b|é)*", 400) + ")c$"}
	text := strings.Repeat("abé", 20000)
	for s, want := range map[string]bool{text + "c": true, text: false, text[:100] + "c": true} {
		if got, err := p.match(t.Context(), s); got != want || err != nil {
			t.Errorf("%d bytes: %v, %v", len(s), got, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r := &patientReader{ctx: ended, s: text, step: 10}
	if _, n, err := r.ReadRune(); err != io.EOF || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
}
