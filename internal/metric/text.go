package metric

import (
	"bufio"
	"io"
	"math"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers in Prometheus' text format.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
	w.Header().Set("Process-Start-Time-Unix", strconv.FormatInt(m.start.Unix(), 10))
	_ = m.WriteText(w)
}

// pairs are label names and values, alternating.
type pairs []string

// sample is one line: what follows the family's name, the labels, the number.
type sample struct {
	suffix string
	labels pairs
	value  float64
}

type text struct {
	w *bufio.Writer
}

// WriteText writes every family, sorted by name.
func (m *Metrics) WriteText(w io.Writer) error {
	t := &text{bufio.NewWriter(w)}
	families := []struct {
		name, kind, help string
		samples          func() []sample
	}{
		{"apiserver_cache_list_fetched_objects_total", "counter", "[ALPHA] Number of objects read from watch cache in the course of serving a LIST request", m.listSamples((*listSeries).lookedAt, "index", "")},
		{"apiserver_cache_list_returned_objects_total", "counter", "[ALPHA] Number of objects returned for a LIST request from watch cache", m.listSamples((*listSeries).returnedOf)},
		{"apiserver_cache_list_total", "counter", "[ALPHA] Number of LIST requests served from watch cache", m.listSamples((*listSeries).listsOf, "index", "")},
		{"apiserver_conversion_webhook_duration_seconds", "histogram", "[ALPHA] How long calls of conversion webhooks took, by result and type of failure.", m.webhookSamples},
		{"apiserver_conversion_webhook_request_total", "counter", "[ALPHA] Calls of conversion webhooks, by result and type of failure.", m.webhookTotalSamples},
		{"apiserver_crd_conversion_webhook_duration_seconds", "histogram", "[ALPHA] How long conversions by webhooks took in seconds, by definition and versions.", m.conversionSamples},
		{"apiserver_longrunning_requests", "gauge", "[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.", m.longRunningSamples},
		{"apiserver_request_aborts_total", "counter", "[ALPHA] Number of requests which apiserver aborted possibly due to a timeout, for each group, version, verb, resource, subresource and scope", m.abortedSamples},
		{"apiserver_request_body_size_bytes", "histogram", "[ALPHA] Apiserver request body size in bytes broken out by resource and verb.", m.bodySamples},
		{"apiserver_request_duration_seconds", "histogram", "[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.", m.durationSamples},
		{"apiserver_request_filter_duration_seconds", "histogram", "[ALPHA] Request filter latency distribution in seconds, for each filter type", m.filterSamples},
		{"apiserver_request_sli_duration_seconds", "histogram", "[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.", m.sliSamples},
		{"apiserver_request_terminations_total", "counter", "[ALPHA] Number of requests which apiserver terminated in self-defense.", m.terminatedSamples},
		{"apiserver_request_total", "counter", "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.", m.totalSamples},
		{"apiserver_requested_deprecated_apis", "gauge", "[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.", m.deprecatedSamples},
		{"apiserver_response_sizes", "histogram", "[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.", m.sizeSamples},
		{"apiserver_watch_events_sizes", "histogram", "[ALPHA] Watch event size distribution in bytes", m.watchSizeSamples},
		{"apiserver_watch_events_total", "counter", "[ALPHA] Number of events sent in watch clients", m.watchSamples},
		{"apiserver_watch_list_duration_seconds", "histogram", "[BETA] Response latency distribution in seconds for watch list requests broken by group, version, resource and scope.", m.watchListSamples},
		{"etcd_request_duration_seconds", "histogram", "[ALPHA] Etcd request latency in seconds for each operation and object type.", m.storeSamples},
		{"etcd_request_errors_total", "counter", "[ALPHA] Etcd failed request counts for each operation and object type.", m.storeErrorSamples},
		{"etcd_requests_total", "counter", "[ALPHA] Etcd request counts for each operation and object type.", m.storeTotalSamples},
		{"field_validation_request_duration_seconds", "histogram", "[ALPHA] Response latency distribution in seconds for each field validation value", m.validationSamples},
	}
	for _, g := range append(m.read(), process(m.start)...) {
		kind := "gauge"
		if g.Counter {
			kind = "counter"
		}
		families = append(families, struct {
			name, kind, help string
			samples          func() []sample
		}{g.Name, kind, g.Help, g.samples})
	}
	slices.SortStableFunc(families, func(a, b struct {
		name, kind, help string
		samples          func() []sample
	}) int {
		return strings.Compare(a.name, b.name)
	})
	for _, f := range families {
		t.family(f.name, f.kind, f.help, f.samples())
	}
	return t.w.Flush()
}

func (t *text) family(name, kind, help string, samples []sample) {
	if len(samples) == 0 {
		return
	}
	t.w.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
	for _, s := range samples {
		t.w.WriteString(name)
		t.w.WriteString(s.suffix)
		for i := 0; i < len(s.labels); i += 2 {
			sep := ","
			if i == 0 {
				sep = "{"
			}
			t.w.WriteString(sep + s.labels[i] + `="` + escaper.Replace(s.labels[i+1]) + `"`)
		}
		if len(s.labels) > 0 {
			t.w.WriteByte('}')
		}
		t.w.WriteByte(' ')
		t.w.WriteString(number(s.value))
		t.w.WriteByte('\n')
	}
}

var escaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// samples of a histogram with the buckets from bounds on (a suffix of the histogram's own).
func (h *histogram) samples(labels pairs, skip int) []sample {
	var out []sample
	total := uint64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
		if i < skip {
			continue
		}
		le := math.Inf(1)
		if i < len(h.bounds) {
			le = h.bounds[i]
		}
		out = append(out, sample{"_bucket", append(slices.Clone(labels), "le", number(le)), float64(total)})
	}
	return append(out, sample{"_sum", labels, math.Float64frombits(h.sum.Load())}, sample{"_count", labels, float64(total)})
}

// The labels are told in alphabetical order.

func (l Labels) pairs(more ...string) pairs {
	component := "apiserver"
	if l.Resource == "" { // health and documents
		component = ""
	}
	p := append(pairs{"component", component}, more...)
	return append(p, "group", l.Group, "resource", l.Resource, "scope", l.Scope, "subresource", l.Subresource, "verb", l.Verb, "version", l.Version)
}

func collect[K comparable, S any](f *family[K, S], one func(K, *S) []sample) []sample {
	var sets [][]sample
	for k, s := range f.all() {
		if out := one(k, s); len(out) > 0 {
			sets = append(sets, out)
		}
	}
	slices.SortFunc(sets, func(a, b []sample) int { return slices.Compare(a[0].labels, b[0].labels) })
	return slices.Concat(sets...)
}

func (m *Metrics) totalSamples() []sample {
	return collect(&m.requests, func(l Labels, s *requestSeries) []sample {
		var out []sample
		for c := s.codes.Load(); c != nil; c = c.next {
			p := append(pairs{"code", strconv.Itoa(c.code)}, l.pairs("dry_run", l.DryRun)...)
			out = append(out, sample{labels: p, value: float64(c.n.Load())})
		}
		return out
	})
}

func (m *Metrics) durationSamples() []sample {
	return collect(&m.requests, func(l Labels, s *requestSeries) []sample {
		return s.duration.samples(l.pairs("dry_run", l.DryRun), 0)
	})
}

func (m *Metrics) sliSamples() []sample {
	return collect(&m.requests, func(l Labels, s *requestSeries) []sample {
		if l.DryRun != "" {
			return nil
		}
		return s.duration.samples(l.pairs(), len(durationBuckets)-len(sliBuckets))
	})
}

func (m *Metrics) sizeSamples() []sample {
	return collect(&m.requests, func(l Labels, s *requestSeries) []sample {
		if s.sizes == nil {
			return nil
		}
		return s.sizes.samples(l.pairs(), 0)
	})
}

func (m *Metrics) longRunningSamples() []sample {
	return collect(&m.longRunning, func(l Labels, c *counter) []sample {
		return []sample{{labels: l.pairs(), value: float64(c.n.Load())}}
	})
}

func (m *Metrics) terminatedSamples() []sample {
	return collect(&m.terminated, func(l codeLabels, c *counter) []sample {
		return []sample{{labels: append(pairs{"code", strconv.Itoa(l.code)}, l.pairs()...), value: float64(c.n.Load())}}
	})
}

func (m *Metrics) abortedSamples() []sample {
	return collect(&m.aborted, func(l Labels, c *counter) []sample {
		return []sample{{labels: l.pairs()[2:], value: float64(c.n.Load())}}
	})
}

func (m *Metrics) filterSamples() (out []sample) {
	for i, h := range m.filters {
		out = append(out, h.samples(pairs{"filter", filterNames[i]}, 0)...)
	}
	return out
}

func (m *Metrics) validationSamples() []sample {
	return collect(&m.validations, func(asked string, h *histogram) []sample { return h.samples(pairs{"field_validation", asked}, 0) })
}

func (s *listSeries) listsOf() int64    { return s.lists.Load() }
func (s *listSeries) lookedAt() int64   { return s.looked.Load() }
func (s *listSeries) returnedOf() int64 { return s.returned.Load() }

func (m *Metrics) listSamples(value func(*listSeries) int64, more ...string) func() []sample {
	return func() []sample {
		return collect(&m.lists, func(k groupResource, s *listSeries) []sample {
			p := append(append(pairs{"group", k.group}, more...), "resource", k.resource)
			return []sample{{labels: p, value: float64(value(s))}}
		})
	}
}

func (m *Metrics) watchListSamples() []sample {
	return collect(&m.watchLists, func(k watchList, h *histogram) []sample {
		return h.samples(pairs{"group", k.group, "resource", k.resource, "scope", k.scope, "version", k.version}, 0)
	})
}

func (m *Metrics) conversionSamples() []sample {
	return collect(&m.conversions, func(k conversion, h *histogram) []sample {
		return h.samples(pairs{"crd_name", k.crd, "from_version", k.from, "succeeded", strconv.FormatBool(k.succeeded), "to_version", k.to}, 0)
	})
}

func (m *Metrics) webhookSamples() []sample {
	return collect(&m.webhooks, func(failure string, h *histogram) []sample { return h.samples(webhookPairs(failure), 0) })
}

func (m *Metrics) webhookTotalSamples() []sample {
	return collect(&m.webhooks, func(failure string, h *histogram) []sample {
		total := uint64(0)
		for i := range h.counts {
			total += h.counts[i].Load()
		}
		return []sample{{labels: webhookPairs(failure), value: float64(total)}}
	})
}

func webhookPairs(failure string) pairs {
	result := "success"
	if failure != "" {
		result = "failure"
	}
	return pairs{"failure_type", failure, "result", result}
}

func (m *Metrics) deprecatedSamples() []sample {
	return collect(&m.deprecated, func(k deprecated, c *counter) []sample {
		p := pairs{"group", k.group, "removed_release", "", "resource", k.resource, "subresource", k.subresource, "version", k.version}
		return []sample{{labels: p, value: float64(c.n.Load())}}
	})
}

func (m *Metrics) bodySamples() []sample {
	return collect(&m.bodies, func(k groupResourceVerb, h *histogram) []sample {
		return h.samples(pairs{"group", k.group, "resource", k.resource, "verb", k.verb}, 0)
	})
}

func (m *Metrics) watchSizeSamples() []sample {
	return collect(&m.watches, func(k gvr, s *WatchSeries) []sample {
		return s.sizes.samples(pairs{"group", k.group, "resource", k.resource, "version", k.version}, 0)
	})
}

func (m *Metrics) watchSamples() []sample {
	return collect(&m.watches, func(k gvr, s *WatchSeries) []sample {
		all := s.sizes.samples(pairs{"group", k.group, "resource", k.resource, "version", k.version}, 0)
		count := all[len(all)-1]
		count.suffix = ""
		return []sample{count}
	})
}

func (k operation) pairs() pairs {
	return pairs{"group", k.group, "operation", k.operation, "resource", k.resource}
}

func (m *Metrics) storeSamples() []sample {
	return collect(&m.store, func(k operation, s *storeSeries) []sample { return s.duration.samples(k.pairs(), 0) })
}

func (m *Metrics) storeTotalSamples() []sample {
	return collect(&m.store, func(k operation, s *storeSeries) []sample {
		all := s.duration.samples(k.pairs(), 0)
		count := all[len(all)-1]
		count.suffix = ""
		return []sample{count}
	})
}

func (m *Metrics) storeErrorSamples() []sample {
	return collect(&m.store, func(k operation, s *storeSeries) []sample {
		if n := s.errors.Load(); n > 0 {
			return []sample{{labels: k.pairs(), value: float64(n)}}
		}
		return nil
	})
}

func (m *Metrics) read() []gauge {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.gauges)
}

func (g gauge) samples() []sample {
	var out []sample
	g.read(func(v float64, labels ...string) {
		p := make(pairs, 0, 2*len(labels))
		for i, l := range labels {
			p = append(p, g.Labels[i], l)
		}
		out = append(out, sample{labels: p, value: v})
	})
	return out
}

// process tells of the process and its Go runtime what is cheap to know.
func process(start time.Time) []gauge {
	one := func(name, help string, counter bool, v float64) gauge {
		return gauge{Desc{Name: name, Help: help, Counter: counter}, func(tell func(float64, ...string)) { tell(v) }}
	}
	reads := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(reads)
	gauges := []gauge{
		one("go_goroutines", "Number of goroutines that currently exist.", false, float64(runtime.NumGoroutine())),
		one("go_memstats_alloc_bytes", "Number of bytes allocated in heap and currently in use.", false, float64(reads[0].Value.Uint64())),
		one("go_memstats_sys_bytes", "Number of bytes obtained from system.", false, float64(reads[1].Value.Uint64())),
		one("go_gc_cycles_total_gc_cycles_total", "Count of all completed GC cycles.", true, float64(reads[2].Value.Uint64())),
		one("go_memstats_alloc_bytes_total", "Total number of bytes allocated in heap until now, even if released already.", true, float64(reads[3].Value.Uint64())),
		one("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", false, float64(start.UnixMilli())/1000),
	}
	if rss, virtual, cpu, ok := procStat(); ok {
		gauges = append(gauges,
			one("process_resident_memory_bytes", "Resident memory size in bytes.", false, rss),
			one("process_virtual_memory_bytes", "Virtual memory size in bytes.", false, virtual),
			one("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", true, cpu))
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		gauges = append(gauges, one("process_open_fds", "Number of open file descriptors.", false, float64(len(fds))))
	}
	return gauges
}

// procStat reads /proc/self/stat, where there is one.
func procStat() (rss, virtual, cpu float64, ok bool) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, 0, false
	}
	// The name in parentheses may hold anything; what follows it is numbers.
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 22 {
		return 0, 0, 0, false
	}
	at := func(i int) float64 { v, _ := strconv.ParseFloat(f[i], 64); return v }
	const ticks = 100 // per second, on every Linux that Go runs on
	return at(21) * float64(os.Getpagesize()), at(20), (at(11) + at(12)) / ticks, true
}
