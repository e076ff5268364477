package crds

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var cost = flag.Bool("cost", false, "measure what a definition costs, on both servers")

// TestCost prints what the corpus's definitions cost: CPU and memory each, and how long after the last POST the last
// of them is served.
func TestCost(t *testing.T) {
	if !*cost {
		t.Skip("needs -cost: runs for minutes on the reference")
	}
	c, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("pintle", func(t *testing.T) { measure(t, startPintle(t), waves(c.Definitions)[0]) })
	t.Run("reference", func(t *testing.T) { measure(t, startReference(t), waves(c.Definitions)[0]) })
}

func measure(t *testing.T, s *target, wave []Document) {
	before := s.usage(t)
	n := 0
	var last Document
	begin := time.Now()
	for _, d := range wave {
		a, err := s.do(t.Context(), http.MethodPost, definitionsPath, d.JSON)
		if err != nil {
			t.Fatal(err)
		}
		if a.code == http.StatusCreated {
			last = d
			n++
		}
	}
	posted := time.Now()
	var behind time.Duration
	for _, d := range wave {
		k, ok := first(d)
		if !ok {
			continue
		}
		wait(t, 5*time.Minute, func(ctx context.Context) bool {
			a, err := s.do(ctx, http.MethodGet, k.path()+"?limit=1", nil)
			return err == nil && (a.code == http.StatusOK || !s.established(ctx, d))
		})
		if d.name() == last.name() {
			behind = time.Since(posted)
		}
	}
	if err := quiet(t.Context(), s, wave); err != nil {
		t.Fatal(err)
	}
	listed := s.usage(t)
	t.Logf("%d definitions posted in %v; the last was served %v after its POST returned", n, posted.Sub(begin).Round(time.Millisecond), behind.Round(time.Millisecond))
	t.Logf("each, posted, served and listed once: %.1f ms of CPU, %d KB of anonymous memory",
		float64((listed.cpu-before.cpu).Microseconds())/1000/float64(n), (listed.memory-before.memory)/n)
	for _, path := range []string{"/openapi/v2", "/openapi/v3", "/apis"} {
		u := s.usage(t)
		a, err := s.do(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d, %d KB, %v of CPU", path, a.code, len(a.body)/1024, s.usage(t).cpu-u.cpu)
	}
}

// first is the first served version of a definition.
func first(d Document) (kind, bool) {
	for _, v := range list(d.Object, "spec", "versions") {
		if v, _ := v.(map[string]any); v["served"] == true {
			return kind{group: text(d.Object, "spec", "group"), version: text(v, "name"), plural: text(d.Object, "spec", "names", "plural"),
				namespaced: text(d.Object, "spec", "scope") == "Namespaced"}, true
		}
	}
	return kind{}, false
}

// established tells whether a definition was taken and will be served, if it is not yet.
func (t *target) established(ctx context.Context, d Document) bool {
	a, err := t.do(ctx, http.MethodGet, definitionsPath+"/"+d.name(), nil)
	if err != nil || a.code != http.StatusOK {
		return false
	}
	_, note := statusOf(a.body)
	return !strings.Contains(note, "NamesAccepted=False")
}

// usage is what the server's processes have used.
type usage struct {
	cpu    time.Duration
	memory int // KB of anonymous memory
}

func (t *target) usage(tb testing.TB) usage {
	tb.Helper()
	var u usage
	for _, pid := range t.pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			tb.Skipf("what a process uses is read from /proc: %v", err)
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, ticks := range f[11:13] { // utime and stime, in hundredths of a second
			n, _ := strconv.Atoi(ticks)
			u.cpu += time.Duration(n) * 10 * time.Millisecond
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
				n, _ := strconv.Atoi(strings.Fields(rest)[0])
				u.memory += n
			}
		}
	}
	return u
}
