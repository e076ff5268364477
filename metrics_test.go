package pintle_test

import (
	"bufio"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	"github.com/pintle-io/pintle/pintletest"
)

// family is a metric as a server tells it.
type family struct {
	kind, stability string
	labels          []string
}

var (
	metricLine  = regexp.MustCompile(`^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? [^ ]+$`)
	metricLabel = regexp.MustCompile(`(\w+)="`)
	stability   = regexp.MustCompile(`\[([A-Z]+)\]`)
)

func familiesOf(t *testing.T, text string) map[string]*family {
	t.Helper()
	out := map[string]*family{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 4)
		switch {
		case words[1] == "HELP":
			f := &family{stability: "-"}
			if m := stability.FindStringSubmatch(words[3]); m != nil {
				f.stability = m[1]
			}
			out[words[2]] = f
		case words[1] == "TYPE":
			out[words[2]].kind = words[3]
		default:
			m := metricLine.FindStringSubmatch(lines.Text())
			if m == nil || out[m[1]] == nil {
				t.Fatalf("%q", lines.Text())
			}
			f := out[m[1]]
			f.labels = nil
			for _, l := range metricLabel.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "le" {
					f.labels = append(f.labels, l[1])
				}
			}
		}
	}
	return out
}

// TestMetricsAreTheReferences: whatever bears a name of the reference's has its type, stability and labels.
func TestMetricsAreTheReferences(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(pintletest.Start(t).Config).Discovery().RESTClient()
	ask := func(method, path, body string) string {
		req := client.Verb(method).RequestURI(path)
		if body != "" {
			req.SetHeader("Content-Type", "application/json").Body([]byte(body))
		}
		out, err := req.DoRaw(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return string(out)
	}
	ask("POST", "/api/v1/namespaces?fieldValidation=Strict", `{"metadata":{"name":"a"}}`)
	ask("GET", "/api/v1/namespaces/a", "")
	ask("GET", "/api/v1/namespaces", "")
	ask("GET", "/api/v1/namespaces/a/endpoints", "")
	ask("GET", "/healthz", "")
	ask("GET", "/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1", "")
	text := ask("GET", "/metrics", "")
	got := familiesOf(t, text)
	want := map[string]family{}
	facts, err := os.ReadFile("internal/metric/testdata/reference.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(facts)) {
		if f := strings.Fields(line); f[0] != "#" {
			want[f[0]] = family{f[1], f[2], f[3:]}
		}
	}
	for name, f := range got {
		slices.Sort(f.labels)
		switch w, ok := want[name]; {
		case strings.HasPrefix(name, "pintle_"):
		case !ok:
			t.Errorf("the reference has no %s", name)
		case w.kind != f.kind || w.stability != f.stability || !slices.Equal(w.labels, f.labels):
			t.Errorf("%s is %v, the reference's %v", name, *f, w)
		}
	}
	if len(got) < 30 {
		t.Errorf("%d families:\n%s", len(got), text)
	}
}
