// Command bench measures pintle and the real kube-apiserver with etcd side by side: the same machine, the same run, the same
// client, both as processes over TLS and both synced to disk. It prints what it measured, never a verdict.
//
// Nouns: a target is one kind of server (pintle, the reference bare, the reference as it comes); a server is a
// running one, with the ids of all its processes; a scenario puts a server under a kind of work and fills rows; a row
// is one figure for each target: the median of some rounds, in which the targets take turns.
//
//	go run ./bench                        everything, some ten minutes
//	go run ./bench -reference=off         pintle alone
//	go run ./bench -rows 'get|create'     only these rows
//	go run ./bench -o docs/bench          also writes docs/bench.md and docs/bench.svg
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var (
		rows      = flag.String("rows", "", "only rows that match this `regexp`")
		reference = flag.String("reference", "both", "bare, full (as it comes), both, or off")
		pintle    = flag.String("pintle", "", "a built `binary` instead of building ./cmd/pintle, or off")
		dir       = flag.String("dir", "", "folder on a real disk for the servers' data (default: a temporary one)")
		seconds   = flag.Float64("seconds", 3, "how long each kind of request is sent")
		out       = flag.String("o", "", "write the table to `path`.md and the plot to path.svg")
		record    = flag.Bool("record", false, "take the objects from the reference, write them to bench/objects, and end")
		list      = flag.Bool("list", false, "print the rows' names and end")
	)
	flag.Parse()
	if *list {
		for _, r := range allRows {
			fmt.Printf("%-22s %s\n", r.name, r.title)
		}
		return nil
	}
	match, err := regexp.Compile(*rows)
	if err != nil {
		return err
	}
	b := &bench{match: match, duration: time.Duration(*seconds * float64(time.Second)), results: map[string]map[string][]measure{}}
	if b.dir, err = dataDir(*dir); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.findTargets(ctx, *pintle, *reference); err != nil {
		return err
	}
	started := time.Now()
	if err := b.prepareObjects(ctx); err != nil {
		return err
	}
	if *record {
		return b.objects.write("bench/objects")
	}
	for _, s := range scenarios {
		if err := b.runScenario(ctx, s); err != nil {
			return err
		}
	}
	report := b.markdown(time.Since(started))
	fmt.Print(report)
	if *out == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(*out), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(*out+".md", []byte(report+"\n![ratios]("+filepath.Base(*out)+".svg)\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(*out+".svg", b.svg(), 0o644)
}

// bench is one run.
type bench struct {
	dir      string
	match    *regexp.Regexp
	duration time.Duration
	targets  []*target
	objects  objects
	notes    []string
	turns    turns

	mu      sync.Mutex
	results map[string]map[string][]measure // row -> target -> a figure of each round
}

// scenario is a kind of work. Each target's server is fresh, and they take turns: see turns.go.
type scenario struct {
	name string
	rows []string
	run  func(context.Context, *bench, *target) error
	// pintleOnly leaves the reference out: the row is about pintle against itself.
	pintleOnly bool
}

func (b *bench) wants(rows ...string) bool {
	for _, r := range rows {
		if b.match.MatchString(r) {
			return true
		}
	}
	return false
}

// record keeps a figure, if its row was asked for.
func (b *bench) record(row string, t *target, m measure) {
	if !b.wants(row) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.results[row] == nil {
		b.results[row] = map[string][]measure{}
	}
	b.results[row][t.name] = append(b.results[row][t.name], m)
	fmt.Fprintf(os.Stderr, "  %-22s %-22s %s\n", t.name, row, m)
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// dataDir makes a folder for the servers' data on a real disk: a sync to memory would cost nothing.
func dataDir(parent string) (string, error) {
	if parent == "" {
		parent = os.TempDir()
		var fs syscall.Statfs_t
		const tmpfsMagic = 0x01021994
		if err := syscall.Statfs(parent, &fs); err == nil && fs.Type == tmpfsMagic {
			cache, err := os.UserCacheDir()
			if err != nil {
				return "", err
			}
			parent = cache
		}
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, "pintle-bench-")
}

// lines splits a command's output.
func lines(out []byte) []string { return strings.Split(strings.TrimSpace(string(out)), "\n") }
