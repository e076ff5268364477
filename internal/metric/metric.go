// Package metric counts what the server does, under kube-apiserver's metric names, and tells it in the text format of
// Prometheus.
//
// Nouns: Metrics is a registry, a field of what the root builds; Labels are those of a request; a series is the
// numbers of one set of labels; a Gauge is read when somebody asks for /metrics.
//
// Invariants: counting a request costs less than a microsecond and allocates nothing once its series is there: series
// are found in a map that is replaced when many are new, and their numbers are atomic. How many series there may be is
// bounded.
//
// Concurrency: everything here may be used by any number of goroutines.
package metric

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// mostSeries bounds each family: past it, new labels are counted as "other".
const mostSeries = 10_000

// Labels are those of a request.
type Labels struct {
	Verb, DryRun, Group, Version, Resource, Subresource, Scope string
}

// The buckets of the reference.
var (
	durationBuckets = []float64{0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60}
	sliBuckets      = durationBuckets[2:]
	sizeBuckets     = exponential(1000, 10, 7)
	watchBuckets    = exponential(1024, 2, 8)
	bodyBuckets     = linear(50000, 100000, 31)
	filterBuckets   = []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30}
	listBuckets     = []float64{0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60}
	hookBuckets     = []float64{0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60}
	convertBuckets  = exponential(0.001, 2, 15)
	storeBuckets    = []float64{0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60}
)

func exponential(start, factor float64, n int) []float64 {
	b := make([]float64, n)
	for i := range b {
		b[i] = start
		start *= factor
	}
	return b
}

func linear(start, width float64, n int) []float64 {
	b := make([]float64, n)
	for i := range b {
		b[i] = start + width*float64(i)
	}
	return b
}

// Metrics is a registry.
type Metrics struct {
	requests    family[Labels, requestSeries]
	watches     family[gvr, WatchSeries]
	bodies      family[groupResourceVerb, histogram]
	store       family[operation, storeSeries]
	longRunning family[Labels, counter]
	terminated  family[codeLabels, counter]
	aborted     family[Labels, counter]
	validations family[string, histogram]
	lists       family[groupResource, listSeries]
	watchLists  family[watchList, histogram]
	deprecated  family[deprecated, counter]
	conversions family[conversion, histogram]
	webhooks    family[string, histogram] // of conversions, by how they failed
	filters     [filters]*histogram

	mu     sync.Mutex
	gauges []gauge
	start  time.Time
}

// New returns an empty registry.
func New() *Metrics {
	m := &Metrics{start: time.Now()}
	for i := range m.filters {
		m.filters[i] = newHistogram(filterBuckets)
	}
	return m
}

// family finds series by their labels. Those in known are found without the lock. New ones wait in fresh, and join the
// others once looking for them has cost as much as that does: so many series cost time in proportion, not its square.
type family[K comparable, S any] struct {
	known atomic.Pointer[map[K]*S] // never written once it is there
	mu    sync.Mutex
	fresh map[K]*S
	tries int // of finding a series behind the lock since known was replaced
}

// get returns the series of k. other is whose series is taken when there are too many.
func (f *family[K, S]) get(k, other K, make func() *S) *S {
	if s := f.old()[k]; s != nil {
		return s
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.find(k)
	if s == nil && len(f.old())+len(f.fresh) >= mostSeries {
		k = other
		s = f.find(k)
	}
	if s == nil {
		if f.fresh == nil {
			f.fresh = map[K]*S{}
		}
		s = make()
		f.fresh[k] = s
	}
	if f.tries++; f.tries > len(f.old()) {
		f.merge()
	}
	return s
}

// all is every series there is; nobody writes to it any more.
func (f *family[K, S]) all() map[K]*S {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.merge()
	return f.old()
}

func (f *family[K, S]) old() map[K]*S {
	if m := f.known.Load(); m != nil {
		return *m
	}
	return nil
}

func (f *family[K, S]) find(k K) *S {
	if s := f.old()[k]; s != nil {
		return s
	}
	return f.fresh[k]
}

func (f *family[K, S]) merge() {
	f.tries = 0
	if len(f.fresh) == 0 {
		return
	}
	grown := make(map[K]*S, len(f.old())+len(f.fresh))
	maps.Copy(grown, f.old())
	maps.Copy(grown, f.fresh)
	f.known.Store(&grown)
	f.fresh = nil
}

type counter struct{ n atomic.Int64 }

func newCounter() *counter { return &counter{} }

// histogram is cumulative only when it is told.
type histogram struct {
	bounds []float64
	counts []atomic.Uint64 // one more than bounds: +Inf
	sum    atomic.Uint64   // the bits of a float64
}

func newHistogram(bounds []float64) *histogram {
	return &histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

func (h *histogram) observe(v float64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// requestSeries are the numbers of one kind of request.
type requestSeries struct {
	codes    atomic.Pointer[codeCount]
	duration *histogram
	sizes    *histogram // of reads
}

// codeCount is a list: a kind of request has one or two codes.
type codeCount struct {
	code int
	n    atomic.Int64
	next *codeCount
}

func (s *requestSeries) code(code int) {
	for {
		head := s.codes.Load()
		for c := head; c != nil; c = c.next {
			if c.code == code {
				c.n.Add(1)
				return
			}
		}
		c := &codeCount{code: code, next: head}
		c.n.Store(1)
		if s.codes.CompareAndSwap(head, c) {
			return
		}
	}
}

// Request counts a request that has been answered.
func (m *Metrics) Request(l Labels, code int, took time.Duration, size int64) {
	l.Verb = cleanVerb(l.Verb)
	s := m.requests.get(l, Labels{Verb: "other"}, func() *requestSeries {
		s := &requestSeries{duration: newHistogram(durationBuckets)}
		if l.Verb == "GET" || l.Verb == "LIST" {
			s.sizes = newHistogram(sizeBuckets)
		}
		return s
	})
	s.code(code)
	s.duration.observe(took.Seconds())
	if s.sizes != nil {
		s.sizes.observe(float64(size))
	}
}

// cleanVerb keeps made-up methods from making series.
func cleanVerb(v string) string {
	switch v {
	case "GET", "LIST", "POST", "PUT", "PATCH", "APPLY", "DELETE", "WATCH", "CONNECT":
		return v
	}
	return "other"
}

// LongRunning counts a long request in; what it returns counts it out.
func (m *Metrics) LongRunning(l Labels) (done func()) {
	l.DryRun, l.Verb = "", cleanVerb(l.Verb)
	c := m.longRunning.get(l, Labels{Verb: "other"}, newCounter)
	c.n.Add(1)
	return func() { c.n.Add(-1) }
}

type codeLabels struct {
	Labels
	code int
}

// Terminated counts a request that was turned away in self-defence.
func (m *Metrics) Terminated(l Labels, code int) {
	l.DryRun, l.Verb = "", cleanVerb(l.Verb)
	m.terminated.get(codeLabels{l, code}, codeLabels{Labels{Verb: "other"}, code}, newCounter).n.Add(1)
}

// Aborted counts a request whose answer broke off.
func (m *Metrics) Aborted(l Labels) {
	l.DryRun, l.Verb = "", cleanVerb(l.Verb)
	m.aborted.get(l, Labels{Verb: "other"}, newCounter).n.Add(1)
}

// Filter is a step that every request takes before it is served.
type Filter int

// The filters, in the order of the chain.
const (
	Authentication Filter = iota
	Authorization
	filters
)

var filterNames = [filters]string{"authentication", "authorization"}

// Filter notes how long a filter took.
func (m *Metrics) Filter(f Filter, took time.Duration) { m.filters[f].observe(took.Seconds()) }

// FieldValidation notes a write that asked for this validation of its fields. (The reference names the series, and
// observes nothing.)
func (m *Metrics) FieldValidation(asked string, took time.Duration) {
	m.validations.get(asked, "invalid", func() *histogram { return newHistogram(durationBuckets[2:]) }).observe(took.Seconds())
}

type groupResource struct{ group, resource string }

type listSeries struct{ lists, looked, returned atomic.Int64 }

// List counts a list that was served from memory: how many objects it looked at, and how many it returned.
func (m *Metrics) List(group, resource string, looked, returned int) {
	s := m.lists.get(groupResource{group, resource}, groupResource{}, func() *listSeries { return &listSeries{} })
	s.lists.Add(1)
	s.looked.Add(int64(looked))
	s.returned.Add(int64(returned))
}

type watchList struct{ group, version, resource, scope string }

// WatchList notes how long it took until a watch had told all that was there at its beginning.
func (m *Metrics) WatchList(l Labels, took time.Duration) {
	m.watchLists.get(watchList{l.Group, l.Version, l.Resource, l.Scope}, watchList{}, func() *histogram { return newHistogram(listBuckets) }).observe(took.Seconds())
}

type deprecated struct{ group, version, resource, subresource string }

// Deprecated notes that a deprecated API was asked for.
func (m *Metrics) Deprecated(group, version, resource, subresource string) {
	m.deprecated.get(deprecated{group, version, resource, subresource}, deprecated{}, newCounter).n.Store(1)
}

type conversion struct {
	crd, from, to string
	succeeded     bool
}

// Conversion notes that objects of a CustomResourceDefinition went from one version to another by way of a webhook, or
// failed to.
func (m *Metrics) Conversion(crd, from, to string, succeeded bool, took time.Duration) {
	k := conversion{crd, from, to, succeeded}
	m.conversions.get(k, conversion{succeeded: succeeded}, func() *histogram { return newHistogram(convertBuckets) }).observe(took.Seconds())
}

// ConversionWebhook notes a call of a conversion webhook. failure says what became of it; nothing if it was well.
func (m *Metrics) ConversionWebhook(failure string, took time.Duration) {
	m.webhooks.get(failure, "", func() *histogram { return newHistogram(hookBuckets) }).observe(took.Seconds())
}

type gvr struct{ group, version, resource string }

// WatchSeries counts the events of a resource's watches.
type WatchSeries struct{ sizes *histogram }

// Watch returns the series of a resource.
func (m *Metrics) Watch(group, version, resource string) *WatchSeries {
	return m.watches.get(gvr{group, version, resource}, gvr{}, func() *WatchSeries {
		return &WatchSeries{newHistogram(watchBuckets)}
	})
}

// Event counts an event of so many bytes.
func (s *WatchSeries) Event(size int) { s.sizes.observe(float64(size)) }

type groupResourceVerb struct{ group, resource, verb string }

// BodySize notes the size of a write's body. verb is create, update, patch, delete or delete_collection.
func (m *Metrics) BodySize(group, resource, verb string, size int) {
	k := groupResourceVerb{group, resource, verb}
	m.bodies.get(k, groupResourceVerb{verb: verb}, func() *histogram { return newHistogram(bodyBuckets) }).observe(float64(size))
}

type operation struct{ operation, group, resource string }

type storeSeries struct {
	duration *histogram
	errors   atomic.Int64
}

// Store notes an operation on the store: it is told as the reference's etcd requests.
func (m *Metrics) Store(op, group, resource string, took time.Duration, err error) {
	s := m.store.get(operation{op, group, resource}, operation{operation: op}, func() *storeSeries {
		return &storeSeries{duration: newHistogram(storeBuckets)}
	})
	s.duration.observe(took.Seconds())
	if err != nil {
		s.errors.Add(1)
	}
}

// Desc describes a gauge.
type Desc struct {
	Name, Help string
	Labels     []string
	Counter    bool
}

// The gauges that others fill in.
var (
	Inflight = Desc{Name: "apiserver_current_inflight_requests", Labels: []string{"request_kind"},
		Help: "[STABLE] Requests being served, per request kind."}
	Objects = Desc{Name: "apiserver_resource_objects", Labels: []string{"group", "resource"},
		Help: "[ALPHA] Number of stored objects split by kind."}
	StorageObjects = Desc{Name: "apiserver_storage_objects", Labels: []string{"resource"},
		Help: "[STABLE] (Deprecated since 1.34.0) Number of stored objects split by kind."}
	ObjectBytes = Desc{Name: "apiserver_resource_size_estimate_bytes", Labels: []string{"group", "resource"},
		Help: "[ALPHA] Size of the stored objects, split by kind, in bytes."}
	EventsReceived = Desc{Name: "apiserver_storage_events_received_total", Labels: []string{"group", "resource"}, Counter: true,
		Help: "[BETA] Number of changes that the store has told, split by kind."}
	CacheReceived = Desc{Name: "apiserver_watch_cache_events_received_total", Labels: []string{"group", "resource"}, Counter: true,
		Help: "[ALPHA] Counter of events received in watch cache broken by resource type."}
	CacheDispatched = Desc{Name: "apiserver_watch_cache_events_dispatched_total", Labels: []string{"group", "resource"}, Counter: true,
		Help: "[ALPHA] Counter of events dispatched in watch cache broken by resource type."}
	CacheLoads = Desc{Name: "apiserver_watch_cache_initializations_total", Labels: []string{"group", "resource"}, Counter: true,
		Help: "[ALPHA] Counter of watch cache initializations broken by resource type."}
	CacheRevision = Desc{Name: "apiserver_watch_cache_resource_version", Labels: []string{"group", "resource"},
		Help: "[ALPHA] Current resource version of watch cache broken by resource type."}
	StorageSize = Desc{Name: "apiserver_storage_size_bytes", Labels: []string{"storage_cluster_id"},
		Help: "[STABLE] Size of the storage database file physically allocated in bytes."}
	BuildInfo = Desc{Name: "kubernetes_build_info", Help: "[BETA] What was built, from what, by which compiler; always 1.",
		Labels: []string{"build_date", "compiler", "git_commit", "git_tree_state", "git_version", "go_version", "major", "minor", "platform"}}
)

type gauge struct {
	Desc
	read func(tell func(value float64, labels ...string))
}

// Gauge registers numbers that are read when they are asked for.
func (m *Metrics) Gauge(d Desc, read func(tell func(value float64, labels ...string))) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gauges = append(m.gauges, gauge{d, read})
}
