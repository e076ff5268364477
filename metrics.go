package pintle

import (
	"context"
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/metric"
	"github.com/pintle-io/pintle/internal/store"
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
	tables := func(f func(cache.Stats, schema.GroupResource)) {
		for r := range s.catalog.Load().Resources {
			if n, loaded := s.cache.Stats(r); loaded && r.Stored() {
				f(n, schema.GroupResource{Group: r.Storage().Group, Resource: r.Names.Plural})
			}
		}
	}
	each := func(d metric.Desc, value func(cache.Stats) int64) {
		m.Gauge(d, func(t tell) {
			tables(func(n cache.Stats, r schema.GroupResource) { t(float64(value(n)), r.Group, r.Resource) })
		})
	}
	each(metric.Objects, func(n cache.Stats) int64 { return int64(n.Objects) })
	each(metric.ObjectBytes, func(n cache.Stats) int64 { return n.Bytes })
	each(metric.EventsReceived, func(n cache.Stats) int64 { return n.Events })
	each(metric.CacheReceived, func(n cache.Stats) int64 { return n.Events })
	each(metric.CacheDispatched, func(n cache.Stats) int64 { return n.Events })
	each(metric.CacheLoads, func(n cache.Stats) int64 { return n.Loads })
	each(metric.CacheRevision, func(n cache.Stats) int64 { return n.Revision })
	m.Gauge(metric.StorageObjects, func(t tell) {
		tables(func(n cache.Stats, r schema.GroupResource) { t(float64(n.Objects), r.String()) })
	})
	if sizer, ok := s.store.(store.Sizer); ok {
		m.Gauge(metric.StorageSize, func(t tell) {
			ctx, cancel := context.WithTimeout(s.stopping, 2*time.Second)
			defer cancel()
			if n, err := sizer.Size(ctx); err == nil {
				t(float64(n), string(s.cfg.Storage)+"-0")
			}
		})
	}
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
