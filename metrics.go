package pintle

import (
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/metric"
)

// Gauges of our own, beside those that have kube-apiserver's names.
var (
	cacheLogBytes      = metric.Desc{Name: "pintle_cache_log_bytes", Help: "What the event logs hold for watches that lag behind, in bytes."}
	cacheEncodingBytes = metric.Desc{Name: "pintle_cache_encoding_bytes", Help: "What is held of objects already written down for clients, in bytes."}
)

// metrics is the registry, with what only the house as a whole can tell.
func (s *Server) newMetrics() *metric.Metrics {
	m := metric.New()
	type tell = func(float64, ...string)
	m.Gauge(metric.BuildInfo, func(t tell) {
		v := versionInfo()
		t(1, v.BuildDate, v.Compiler, v.GitCommit, v.GitTreeState, v.GitVersion, v.GoVersion, v.Major, v.Minor, runtime.GOOS+"/"+runtime.GOARCH)
	})
	counts := func(t func(n float64, r schema.GroupResource)) {
		for r := range s.catalog.Load().Resources {
			if n, loaded := s.cache.Count(r); loaded && r.Stored() {
				t(float64(n), schema.GroupResource{Group: r.Storage().Group, Resource: r.Names.Plural})
			}
		}
	}
	m.Gauge(metric.Objects, func(t tell) {
		counts(func(n float64, r schema.GroupResource) { t(n, r.Group, r.Resource) })
	})
	m.Gauge(metric.StorageObjects, func(t tell) {
		counts(func(n float64, r schema.GroupResource) { t(n, r.String()) })
	})
	m.Gauge(cacheLogBytes, func(t tell) { logs, _ := s.cache.Size(); t(float64(logs)) })
	m.Gauge(cacheEncodingBytes, func(t tell) { _, encodings := s.cache.Size(); t(float64(encodings)) })
	return m
}

// observe counts a commit.
func observe(m *metric.Metrics) func(string, schema.GroupResource, time.Duration, error) {
	return func(op string, r schema.GroupResource, took time.Duration, err error) {
		m.Store(op, r.Group, r.Resource, took, err)
	}
}
