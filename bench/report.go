package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// markdown is the table of what was measured.
func (b *bench) markdown(took time.Duration) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# pintle and the reference, side by side\n\n")
	fmt.Fprintf(&out, "Measured on %s in %s: %s.\n", time.Now().Format("2006-01-02"), took.Round(time.Second), machine())
	if len(b.targets) > 1 || b.targets[0].kind != kindPintle {
		fmt.Fprint(&out, "The reference is kube-apiserver v1.36.3 with etcd v3.7.3, figures are the sum of both (but for start: kube-apiserver\n"+
			"alone, its etcd being up); bare means AlwaysAllow, default plugins, flow control off.\n")
	}
	fmt.Fprint(&out, "CPU is the servers' user and system time for one operation; HTTP/1.1 over TLS without gzip unless the row says otherwise.\n"+
		"Where it can be, a row is measured in rounds in which the servers take turns: the figure is the median, the lowest and highest stand behind it.\n\n")

	fmt.Fprint(&out, "| work |")
	for _, t := range b.targets {
		fmt.Fprintf(&out, " %s |", t.name)
		if t.kind != kindPintle && b.hasPintle() {
			fmt.Fprint(&out, " ratio |")
		}
	}
	fmt.Fprint(&out, "\n|---|")
	for _, t := range b.targets {
		fmt.Fprint(&out, "---|")
		if t.kind != kindPintle && b.hasPintle() {
			fmt.Fprint(&out, "---|")
		}
	}
	fmt.Fprintln(&out)
	for _, r := range allRows {
		figures := b.results[r.name]
		if len(figures) == 0 {
			continue
		}
		fmt.Fprintf(&out, "| %s |", r.title)
		for _, t := range b.targets {
			if all := figures[t.name]; len(all) > 0 {
				fmt.Fprintf(&out, " %s |", of(all))
			} else {
				fmt.Fprint(&out, " |")
			}
			if t.kind != kindPintle && b.hasPintle() {
				if ratio := b.ratio(r.name, t); ratio > 0 {
					fmt.Fprintf(&out, " %s × |", ratioText(ratio))
				} else {
					fmt.Fprint(&out, " |")
				}
			}
		}
		fmt.Fprintln(&out)
	}
	if len(b.notes) > 0 {
		fmt.Fprintf(&out, "\n%s\n", strings.Join(b.notes, "\n"))
	}
	return out.String()
}

func (b *bench) hasPintle() bool { return len(b.targets) > 0 && b.targets[0].kind == kindPintle }

// ratio is how many times pintle's figure the target's is; 0 when one of them is missing.
func (b *bench) ratio(row string, t *target) float64 {
	figures := b.results[row]
	ours, theirs := figures["pintle"], figures[t.name]
	if len(ours) == 0 || len(theirs) == 0 || of(ours).value <= 0 {
		return 0
	}
	return of(theirs).value / of(ours).value
}

func ratioText(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.0f", r)
}

func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}
