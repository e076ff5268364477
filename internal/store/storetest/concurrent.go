package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/pintle-io/pintle/internal/store"
)

// testCounters lets many writers increment few counters, two in one commit, each by reading and guarding. No
// increment is lost or done twice, and a watch sees every step of every counter.
func testCounters(t *testing.T, c Config) {
	s := open(t, c)
	ctx := patience(t)
	const writers, rounds, counters = 8, 40, 3
	counter := func(i int) store.Key { return key(fmt.Sprintf("counters%d", i), "", "c") }
	for i := range counters {
		must(t, s, put(counter(i), "0"))
	}
	from := revision(t, s)
	w := watch(t, s, from)
	var wg sync.WaitGroup
	for id := range writers {
		wg.Go(func() {
			for round := range rounds {
				ka, kb := counter((id+round)%counters), counter((id+round+1)%counters)
				for {
					a, errA := s.Get(ctx, ka)
					b, errB := s.Get(ctx, kb)
					if errA != nil || errB != nil {
						t.Errorf("get: %v, %v", errA, errB)
						return
					}
					rs, err := s.Commit(ctx, []store.Guard{{Key: ka, Revision: a.Revision}, {Key: kb, Revision: b.Revision}},
						[]store.Op{put(ka, plusOne(a.Value)), put(kb, plusOne(b.Value))})
					var g *store.GuardError
					if errors.As(err, &g) {
						if g.Current[0].Revision == a.Revision && g.Current[1].Revision == b.Revision {
							t.Errorf("a guard failed though both records are as they were")
							return
						}
						continue
					}
					if err != nil {
						t.Errorf("commit: %v", err)
						return
					}
					// Read your own write, or a later one.
					if now, err := s.Get(ctx, ka); err != nil || now.Revision < rs[0] {
						t.Errorf("get after commit of %d: %d, %v", rs[0], now.Revision, err)
						return
					}
					if r, err := s.Revision(ctx); err != nil || r < rs[1] {
						t.Errorf("revision after commit of %d: %d, %v", rs[1], r, err)
						return
					}
					break
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sum := 0
	for i := range counters {
		rec, err := s.Get(ctx, counter(i))
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(rec.Value))
		sum += n
	}
	if sum != writers*rounds*2 {
		t.Errorf("the counters add up to %d, want %d", sum, writers*rounds*2)
	}
	events := collect(t, w, from, revision(t, s))
	seen := map[store.Key]int{}
	for i, e := range events {
		seen[e.Key]++
		if string(e.Value) != strconv.Itoa(seen[e.Key]) || string(e.Prev.Value) != strconv.Itoa(seen[e.Key]-1) {
			t.Fatalf("event %d: %s", i, showEvents(events, i))
		}
	}
	if len(events) != sum {
		t.Errorf("%d events for %d increments", len(events), sum)
	}
}

func plusOne(b []byte) string {
	n, _ := strconv.Atoi(string(b))
	return strconv.Itoa(n + 1)
}

// testMirror keeps mirrors by list and watch, begun at any time, while writers write: at the end each equals
// the store.
func testMirror(t *testing.T, c Config) {
	s := open(t, c)
	ctx := patience(t)
	const writers, rounds, mirrors = 8, 60, 6
	var wg sync.WaitGroup
	done := make(chan struct{})
	started := make(chan struct{}, writers*rounds)
	for id := range writers {
		wg.Go(func() {
			for round := range rounds {
				k := pod(strconv.Itoa((id*7 + round) % 30))
				op := put(k, fmt.Sprintf("%d/%d", id, round))
				if round%5 == 4 {
					op.Value = nil
				}
				if _, err := s.Commit(ctx, nil, []store.Op{op, put(key("leases", "x", strconv.Itoa(id)), strconv.Itoa(round))}); err != nil {
					t.Errorf("commit: %v", err)
					return
				}
				started <- struct{}{}
			}
		})
	}
	type result struct {
		state map[store.Key]store.Record
		w     store.Watch
		at    int64
	}
	results := make([]result, mirrors)
	var mg sync.WaitGroup
	for i := range mirrors {
		mg.Go(func() {
			for range 30 * i {
				select {
				case <-started:
				case <-done:
				}
			}
			r := result{state: map[store.Key]store.Record{}}
			rev, err := s.List(ctx, store.Range{Prefix: "pods"}, func(rec store.Record) bool {
				r.state[rec.Key] = rec
				return true
			})
			if err != nil {
				t.Errorf("list: %v", err)
				return
			}
			for k, rec := range r.state {
				if rec.Revision > rev {
					t.Errorf("a list of %d holds %s of %d", rev, k, rec.Revision)
				}
			}
			if r.w, err = s.Watch(ctx, rev); err != nil {
				t.Errorf("watch: %v", err)
			}
			r.at = rev
			results[i] = r
		})
	}
	wg.Wait()
	close(done)
	mg.Wait()
	if t.Failed() {
		return
	}
	end := revision(t, s)
	final, _ := list(t, s, store.Range{Prefix: "pods"})
	for i, r := range results {
		for _, e := range collect(t, r.w, r.at, end) {
			if e.Key.Prefix != "pods" {
				continue
			}
			if have := r.state[e.Key]; have.Revision != e.Prev.Revision || string(have.Value) != string(e.Prev.Value) {
				t.Fatalf("mirror %d has %s@%d=%q, the event says it was @%d=%q", i, e.Key, have.Revision, have.Value, e.Prev.Revision, e.Prev.Value)
			}
			if e.Value == nil {
				delete(r.state, e.Key)
			} else {
				r.state[e.Key] = store.Record{Key: e.Key, Revision: e.Revision, Value: e.Value}
			}
		}
		r.w.Close()
		if len(r.state) != len(final) {
			t.Fatalf("mirror %d holds %d, the store %d", i, len(r.state), len(final))
		}
		for _, rec := range final {
			if !sameRecord(r.state[rec.Key], rec) {
				t.Fatalf("mirror %d: %s differs", i, rec.Key)
			}
		}
	}
}
