package rest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Check is one of the things that must be right for the server to be healthy.
type Check struct {
	Name string
	Func func(context.Context) error // nil: always right
	// Ready says that only /readyz asks it.
	Ready bool
}

// probes are the health endpoints.
var probes = []string{"healthz", "livez", "readyz"}

// on says whether a probe asks the check.
func (ch *Check) on(probe string) bool { return !ch.Ready || probe == "readyz" }

// health answers /healthz, /livez, /readyz and the single checks below them; false: the path is none of these.
func (s *Server) health(c *call) bool {
	name, single, below := strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	if !slices.Contains(probes, name) {
		return false
	}
	if !below {
		s.allChecks(&c.w, c.r, name)
		return true
	}
	for i := range s.Checks {
		if ch := &s.Checks[i]; ch.on(name) && ch.Name == single {
			if err := ch.run(c.r.Context()); err != nil {
				http.Error(&c.w, fmt.Sprintf("internal server error: %v", err), http.StatusInternalServerError)
			} else {
				_, _ = c.w.Write([]byte("ok"))
			}
			return true
		}
	}
	return false
}

func (ch *Check) run(ctx context.Context) error {
	if ch.Func == nil {
		return nil
	}
	return ch.Func(ctx)
}

func (s *Server) allChecks(w http.ResponseWriter, r *http.Request, name string) {
	q := r.URL.Query()
	excluded := slices.Clone(q["exclude"])
	slices.Sort(excluded)
	excluded = slices.Compact(excluded)
	var out bytes.Buffer
	var failed []string
	for i := range s.Checks {
		ch := &s.Checks[i]
		if !ch.on(name) {
			continue
		}
		if at, ok := slices.BinarySearch(excluded, ch.Name); ok {
			excluded = slices.Delete(excluded, at, at+1)
			fmt.Fprintf(&out, "[+]%s excluded: ok\n", ch.Name)
			continue
		}
		if err := ch.run(r.Context()); err != nil {
			// The reason is for the log: everybody may ask here.
			s.Logger.Warn("a health check failed", "probe", name, "check", ch.Name, "err", err)
			fmt.Fprintf(&out, "[-]%s failed: reason withheld\n", ch.Name)
			failed = append(failed, ch.Name)
			continue
		}
		fmt.Fprintf(&out, "[+]%s ok\n", ch.Name)
	}
	if len(excluded) > 0 {
		quoted := make([]string, len(excluded))
		for i, e := range excluded {
			quoted[i] = fmt.Sprintf("%q", e)
		}
		fmt.Fprintf(&out, "warn: some health checks cannot be excluded: no matches for %s\n", strings.Join(quoted, ","))
	}
	if len(failed) > 0 {
		http.Error(w, out.String()+name+" check failed", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h["X-Content-Type-Options"] = noSniff
	if _, verbose := q["verbose"]; !verbose {
		_, _ = w.Write([]byte("ok"))
		return
	}
	fmt.Fprintf(&out, "%s check passed\n", name)
	_, _ = w.Write(out.Bytes())
}
