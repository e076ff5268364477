package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	name, title string
	// plot puts the row's ratio into the plot.
	plot bool
}

// allRows are the table's lines, in order.
var allRows = []row{
	{"start", "start to /readyz, median of 10", true},
	{"rest-anon", "at rest: anonymous memory, server and store", true},
	{"rest-rss", "at rest: whole RSS", true},
	{"get", "GET of a 1 KB object, CPU", true},
	{"get-http2", "GET of a 1 KB object over HTTP/2, CPU", false},
	{"create", "create a 1 KB object, 16 clients, CPU", true},
	{"update", "update, 16 clients, CPU", true},
	{"patch", "merge patch, 16 clients, CPU", true},
	{"apply", "server-side apply, 16 clients, CPU", true},
	{"watch", "watch, 200 watchers, CPU a delivery", true},
	{"pods-create", "create a pod, 16 clients, CPU", true},
	{"pods-peak", "10,000 pods: peak anonymous memory during ten lists", true},
	{"pods-after", "10,000 pods: anonymous memory a minute after", true},
	{"list-first", "the first LIST of 10,000 pods after they were written, JSON, CPU", true},
	{"list-json", "LIST of 10,000 pods, JSON, CPU, the nine after it", true},
	{"list-protobuf", "LIST of 10,000 pods, protobuf, CPU", true},
	{"list-gzip", "LIST of 10,000 pods, JSON with gzip, CPU", false},
	{"list-http2", "LIST of 10,000 pods, JSON over HTTP/2, CPU", false},
	{"idle-watch", "idle watch on its own connection, anonymous memory each", true},
	{"idle-watch-http2", "idle watch, 100 to an HTTP/2 connection, anonymous memory each", false},
	{"many-write-1k", "one more write with 1,000 objects, CPU", false},
	{"many-write-100k", "one more write with 100,000 objects, CPU", false},
	{"many-list-1k", "LIST of a namespace of 100 among 1,000 objects, CPU", false},
	{"many-list-100k", "LIST of a namespace of 100 among 100,000 objects, CPU", false},
	{"many-anon", "anonymous memory with 100,000 objects", false},
	{"many-start", "start to /readyz with 100,000 objects", false},
	{"crd-burst", "100 CustomResourceDefinitions of 60 fields, posted in a burst: CPU each", true},
	{"crd-serve", "the last of them serves, after its POST returned", true},
	{"crd-memory", "memory each, after one object of it was written and listed", true},
	{"openapi-first", "/openapi/v2 with them, first fetch, CPU", true},
	{"openapi-second", "/openapi/v2, the fetches after it, CPU", true},
	{"cr-create", "create a custom resource, 16 clients, CPU", true},
	{"cr-get", "GET of one among 10,000, CPU", true},
	{"cr-list", "LIST of 10,000 custom resources, JSON, CPU", true},
	{"crds-anon", "2,000 CustomResourceDefinitions: anonymous memory", false},
	{"crds-start", "start to /readyz with 2,000 CustomResourceDefinitions", false},
	{"crds-discovery-first", "discovery of them, as kubectl api-resources asks, first time", false},
	{"crds-discovery-second", "discovery of them, second time", false},
}

type unit int

const (
	unitTime  unit = iota // nanoseconds
	unitBytes             // bytes
)

// measure is one figure, with what else is worth saying of it.
type measure struct {
	value  float64
	unit   unit
	detail string
}

// of is the figure of some rounds: the median one, and how far apart they were.
func of(all []measure) measure {
	all = slices.Clone(all)
	slices.SortFunc(all, func(x, y measure) int { return cmp.Compare(x.value, y.value) })
	m := all[len(all)/2]
	if n := len(all); n > 1 {
		if n%2 == 0 {
			m.value = (all[n/2-1].value + all[n/2].value) / 2
		}
		spread := all[0].amount() + " to " + all[n-1].amount()
		m.detail = strings.TrimSuffix(spread+"; "+m.detail, "; ")
	}
	return m
}

func (m measure) amount() string {
	if m.unit == unitBytes {
		return size(m.value)
	}
	return short(time.Duration(m.value))
}

func (m measure) String() string {
	text := m.amount()
	if m.detail != "" {
		text += " (" + m.detail + ")"
	}
	return text
}

// short is a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	}
	return digits(d.Seconds()) + " s"
}

func size(bytes float64) string {
	switch {
	case bytes < 1<<20:
		return digits(bytes/(1<<10)) + " KB"
	case bytes < 1<<30:
		return digits(bytes/(1<<20)) + " MB"
	}
	return digits(bytes/(1<<30)) + " GB"
}

func digits(f float64) string {
	switch {
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// splitMarks cuts s into the marks (as JSON writes them) and what lies between.
func splitMarks(s string, marks ...string) []string {
	parts := []string{s}
	for _, mark := range marks {
		encoded := strings.ReplaceAll(mark, "\x01", `\u0001`)
		var next []string
		for _, p := range parts {
			for i, piece := range strings.Split(p, encoded) {
				if i > 0 {
					next = append(next, mark)
				}
				next = append(next, piece)
			}
		}
		parts = next
	}
	return parts
}
