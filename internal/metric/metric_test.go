package metric

import (
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func told(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestText(t *testing.T) {
	m := New()
	l := Labels{Verb: "GET", Version: "v1", Resource: "configmaps", Scope: "resource"}
	m.Request(l, 200, 10*time.Millisecond, 1500)
	m.Request(l, 200, time.Microsecond, 10)
	m.Request(l, 404, time.Microsecond, 10)
	m.Request(Labels{Verb: "BREW", Subresource: `a"b`}, 405, 0, 0)
	m.Watch("apps", "v1", "deployments").Event(2000)
	m.BodySize("", "pods", "create", 60000)
	m.Store("create", "", "pods", time.Millisecond, errors.New("no"))
	done := m.LongRunning(Labels{Verb: "WATCH", Resource: "pods"})
	m.LongRunning(Labels{Verb: "WATCH", Resource: "pods"})
	done()
	m.Terminated(l, 429)
	m.Gauge(Inflight, func(tell func(float64, ...string)) { tell(3, "mutating") })
	text := told(t, m)
	for _, want := range []string{
		"# TYPE apiserver_request_total counter\n",
		`apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"} 2` + "\n",
		`apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"} 1` + "\n",
		`subresource="a\"b",verb="other"`,
		`apiserver_request_duration_seconds_bucket{component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1",le="0.005"} 2` + "\n",
		`verb="GET",version="v1",le="0.025"} 3` + "\n",
		`apiserver_response_sizes_sum{component="apiserver",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"} 1520` + "\n",
		`apiserver_request_sli_duration_seconds_bucket{component="apiserver",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1",le="0.05"} 3` + "\n",
		`apiserver_watch_events_total{group="apps",resource="deployments",version="v1"} 1` + "\n",
		`apiserver_watch_events_sizes_bucket{group="apps",resource="deployments",version="v1",le="2048"} 1` + "\n",
		`apiserver_request_body_size_bytes_bucket{group="",resource="pods",verb="create",le="150000"} 1` + "\n",
		`etcd_requests_total{group="",operation="create",resource="pods"} 1` + "\n",
		`etcd_request_errors_total{group="",operation="create",resource="pods"} 1` + "\n",
		`apiserver_longrunning_requests{component="apiserver",group="",resource="pods",scope="",subresource="",verb="WATCH",version=""} 1` + "\n",
		`apiserver_request_terminations_total{code="429",component="apiserver",`,
		`apiserver_current_inflight_requests{request_kind="mutating"} 3` + "\n",
		"\ngo_goroutines ", "\nprocess_start_time_seconds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestConcurrent(t *testing.T) {
	m := New()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 1000 {
				m.Request(Labels{Verb: "GET", Resource: string(rune('a' + (n+i)%20))}, 200+n%3, time.Millisecond, 5)
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for _, s := range m.requests.all() {
		for c := s.codes.Load(); c != nil; c = c.next {
			total += c.n.Load()
		}
	}
	if total != 8000 {
		t.Fatal(total)
	}
}

func TestSeriesAreBounded(t *testing.T) {
	var f family[int, counter]
	for i := range mostSeries + 10 {
		f.get(i, -1, newCounter).n.Add(1)
	}
	if n := len(f.all()); n != mostSeries+1 {
		t.Fatal(n)
	}
	if n := f.all()[-1].n.Load(); n != 10 {
		t.Fatal(n)
	}
}

func BenchmarkRequest(b *testing.B) {
	m := New()
	l := Labels{Verb: "GET", Group: "apps", Version: "v1", Resource: "deployments", Scope: "resource"}
	b.ReportAllocs()
	for b.Loop() {
		m.Request(l, 200, time.Millisecond, 1000)
	}
}
