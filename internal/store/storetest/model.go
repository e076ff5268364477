package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pintle-io/pintle/internal/store"
)

// model is a Store in plain Go, slow and obvious: the history of events, from which all else is computed.
type model struct {
	base      int64
	rev       int64
	now       map[store.Key]store.Record
	events    []store.Event
	compacted int64
}

func (m *model) guard(guards []store.Guard) ([]store.Record, bool) {
	holds := true
	current := make([]store.Record, len(guards))
	for i, g := range guards {
		rec := m.now[g.Key]
		rec.Key = g.Key
		current[i] = rec
		holds = holds && rec.Revision == g.Revision
	}
	return current, holds
}

// apply takes over what the store says the revisions of the ops are.
func (m *model) apply(ops []store.Op, revisions []int64) error {
	for i, op := range ops {
		prev, had := m.now[op.Key]
		if op.Value == nil && !had {
			continue
		}
		if revisions[i] < m.rev || revisions[i] == m.rev && i == 0 {
			return fmt.Errorf("op %d has revision %d after %d", i, revisions[i], m.rev)
		}
		m.rev = revisions[i]
		e := store.Event{Key: op.Key, Revision: m.rev, Value: op.Value}
		if had {
			e.Prev = prev
		}
		m.events = append(m.events, e)
		if op.Value == nil {
			delete(m.now, op.Key)
		} else {
			m.now[op.Key] = store.Record{Key: op.Key, Revision: m.rev, Value: op.Value}
		}
	}
	return nil
}

func (m *model) list(r store.Range) []store.Record {
	state := m.now
	if r.Revision != 0 {
		state = map[store.Key]store.Record{}
		for _, e := range m.events {
			if e.Revision > r.Revision {
				break
			}
			if e.Value == nil {
				delete(state, e.Key)
			} else {
				state[e.Key] = store.Record{Key: e.Key, Revision: e.Revision, Value: e.Value}
			}
		}
	}
	var out []store.Record
	for k, rec := range state {
		if r.Contains(k) && (r.After.Name == "" || k.Compare(r.After) > 0) {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b store.Record) int { return a.Key.Compare(b.Key) })
	if r.Limit > 0 && len(out) > r.Limit {
		out = out[:r.Limit]
	}
	return out
}

func (m *model) after(revision int64) []store.Event {
	for i, e := range m.events {
		if e.Revision > revision {
			return m.events[i:]
		}
	}
	return nil
}

func testModel(t *testing.T, c Config) {
	n := seed(t)
	rnd := rand.New(rand.NewPCG(n, 1))
	s := open(t, c)
	ctx := patience(t)
	base := revision(t, s)
	m := &model{base: base, rev: base, now: map[store.Key]store.Record{}, compacted: base}
	var keys []store.Key
	for _, prefix := range []string{"pods", "podtemplates", "services/specs", "x.example.com/things"} {
		for _, ns := range []string{"a", "a-b", "b"} {
			for _, name := range []string{"1", "1-", "é", "x:%y"} {
				keys = append(keys, key(prefix, ns, name))
			}
		}
	}
	keys = append(keys, key("nodes", "", "n1"), key("nodes", "", "n2"))
	pick := func() store.Key { return keys[rnd.IntN(len(keys))] }
	type running struct {
		w    store.Watch
		from int64
	}
	var watches []running
	steps := c.Steps
	if steps == 0 {
		steps = 4000
	}
	for step := range steps {
		switch p := rnd.IntN(100); {
		case p < 60: // commit
			var guards []store.Guard
			var ops []store.Op
			for range rnd.IntN(3) {
				k := pick()
				g := store.Guard{Key: k, Revision: m.now[k].Revision}
				if rnd.IntN(8) == 0 {
					g.Revision = []int64{0, m.rev, m.rev - 1, 1}[rnd.IntN(4)]
				}
				guards = append(guards, g)
			}
			for range 1 + rnd.IntN(3) {
				k := pick()
				if slices.ContainsFunc(ops, func(o store.Op) bool { return o.Key == k }) {
					continue
				}
				op := put(k, fmt.Sprintf("%d %s", step, k))
				if rnd.IntN(4) == 0 {
					op.Value = nil
				}
				ops = append(ops, op)
			}
			current, holds := m.guard(guards)
			revisions, err := s.Commit(ctx, guards, ops)
			var g *store.GuardError
			switch {
			case holds && err != nil, !holds && !errors.As(err, &g):
				t.Fatalf("step %d: commit: %v, guards hold: %v", step, err, holds)
			case holds:
				if err := m.apply(ops, revisions); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
			default:
				sameRecords(t, fmt.Sprintf("step %d: current", step), g.Current, current)
			}
		case p < 75: // list
			k := pick()
			r := store.Range{Prefix: k.Prefix, Limit: rnd.IntN(5)}
			if rnd.IntN(2) == 0 {
				r.Namespace = k.Namespace
			}
			if rnd.IntN(3) == 0 {
				r.After = pick()
				r.After.Prefix = r.Prefix
				if (k.Namespace == "") != (r.After.Namespace == "") {
					r.After = store.Key{} // no prefix has records with and without a namespace
				}
			}
			if rnd.IntN(2) == 0 {
				r.Revision = m.compacted + rnd.Int64N(m.rev-m.compacted+1)
			}
			records, rev := list(t, s, r)
			want := r.Revision
			if want == 0 {
				want = m.rev
			}
			if rev != want {
				t.Fatalf("step %d: list %+v is of %d, want %d", step, r, rev, want)
			}
			sameRecords(t, fmt.Sprintf("step %d: list %+v", step, r), records, m.list(r))
			if m.compacted > m.base {
				listError(t, s, store.Range{Prefix: k.Prefix, Revision: m.compacted - 1}, store.ErrCompacted)
			}
		case p < 85: // get
			k := pick()
			rec, err := s.Get(ctx, k)
			if want, ok := m.now[k]; ok != (err == nil) || ok && !sameRecord(rec, want) {
				t.Fatalf("step %d: get %s: %+v, %v, want %+v", step, k, rec, err, want)
			}
		case p < 95: // watch
			from := m.compacted + rnd.Int64N(m.rev-m.compacted+1)
			w := watch(t, s, from)
			if rnd.IntN(4) == 0 && len(watches) < 8 {
				watches = append(watches, running{w, from})
				break
			}
			sameEvents(t, fmt.Sprintf("step %d: watch from %d", step, from), collect(t, w, from, m.rev), m.after(from))
			w.Close()
		case p < 97: // read on
			for i := range watches {
				r := &watches[i]
				got := collect(t, r.w, r.from, m.rev)
				sameEvents(t, fmt.Sprintf("step %d: long watch from %d", step, r.from), got, m.after(r.from))
				r.from = m.rev
			}
		case p < 98: // compact
			// Those who are behind would be cut off: bring them up first.
			for i := range watches {
				r := &watches[i]
				sameEvents(t, fmt.Sprintf("step %d: long watch from %d", step, r.from), collect(t, r.w, r.from, m.rev), m.after(r.from))
				r.from = m.rev
			}
			to := m.compacted + rnd.Int64N(m.rev-m.compacted+1)
			if to == m.compacted {
				break
			}
			if err := s.Compact(ctx, to); err != nil {
				t.Fatalf("step %d: compact to %d: %v", step, to, err)
			}
			m.compacted = to
			if s.Compacted() != to {
				t.Fatalf("step %d: compacted %d, want %d", step, s.Compacted(), to)
			}
		default:
			if r := revision(t, s); r != m.rev {
				t.Fatalf("step %d: revision %d, want %d", step, r, m.rev)
			}
		}
	}
	for _, prefix := range []string{"pods", "podtemplates", "services/specs", "x.example.com/things", "nodes"} {
		records, _ := list(t, s, store.Range{Prefix: prefix})
		sameRecords(t, prefix, records, m.list(store.Range{Prefix: prefix}))
	}
}
