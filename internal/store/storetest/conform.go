package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pintle-io/pintle/internal/store"
)

func testNew(t *testing.T, c Config) {
	s := open(t, c)
	if r := revision(t, s); r < 1 {
		t.Fatalf("a new store is at revision %d", r)
	}
	if records, rev := list(t, s, store.Range{Prefix: "pods"}); len(records) != 0 || rev != revision(t, s) {
		t.Fatalf("a new store lists %d records at %d", len(records), rev)
	}
	if _, err := s.Get(patience(t), pod("a")); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get: %v", err)
	}
	if s.Compacted() > revision(t, s) {
		t.Fatalf("compacted %d", s.Compacted())
	}
}

func testCommit(t *testing.T, c Config) {
	s := open(t, c)
	before := revision(t, s)
	r1 := must(t, s, put(pod("a"), "1"))[0]
	if r1 <= before || revision(t, s) != r1 {
		t.Fatalf("revision %d after %d, store at %d", r1, before, revision(t, s))
	}
	rec, err := s.Get(patience(t), pod("a"))
	if err != nil || !sameRecord(rec, store.Record{Key: pod("a"), Revision: r1, Value: []byte("1")}) {
		t.Fatalf("get: %+v, %v", rec, err)
	}
	// Several ops: an update, a creation and a deletion, with ascending revisions or one.
	must(t, s, put(key("nodes", "", "n"), "n"))
	rs := must(t, s, put(pod("a"), "2"), put(key("services/specs", "default", "a"), "s"), store.Op{Key: key("nodes", "", "n")})
	for i := range rs[1:] {
		if c.OneRevision != (rs[i] == rs[i+1]) || rs[i] > rs[i+1] {
			t.Fatalf("revisions of one commit: %v", rs)
		}
	}
	if revision(t, s) != rs[2] {
		t.Fatalf("store at %d after %v", revision(t, s), rs)
	}
	if rec, err := s.Get(patience(t), pod("a")); err != nil || string(rec.Value) != "2" || rec.Revision != rs[0] {
		t.Fatalf("get: %+v, %v", rec, err)
	}
	if _, err := s.Get(patience(t), key("nodes", "", "n")); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get what was deleted: %v", err)
	}
	// Nothing to do is done.
	if rs, err := s.Commit(patience(t), nil, nil); err != nil || len(rs) != 0 {
		t.Fatalf("empty commit: %v, %v", rs, err)
	}
	// The slices of one who hands out records are not those of another's record.
	must(t, s, put(pod("b"), "b"))
	if rec, _ := s.Get(patience(t), pod("a")); string(rec.Value) != "2" {
		t.Fatalf("the value of a changed to %q", rec.Value)
	}
}

func testGuards(t *testing.T, c Config) {
	s := open(t, c)
	ctx := patience(t)
	a, b, n := pod("a"), pod("b"), key("namespaces", "", "default")
	ra, err := s.Commit(ctx, []store.Guard{{Key: a}}, []store.Op{put(a, "1")})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	rn := must(t, s, put(n, "active"))
	fails := func(guards []store.Guard, want ...store.Record) {
		t.Helper()
		before := revision(t, s)
		_, err := s.Commit(ctx, guards, []store.Op{put(b, "no"), {Key: a}})
		var g *store.GuardError
		if !errors.As(err, &g) {
			t.Fatalf("commit: %v, want a GuardError", err)
		}
		sameRecords(t, "current", g.Current, want)
		if revision(t, s) != before {
			t.Fatalf("a commit that failed made a revision")
		}
		if _, err := s.Get(ctx, b); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("a commit that failed wrote: %v", err)
		}
	}
	isA := store.Record{Key: a, Revision: ra[0], Value: []byte("1")}
	isN := store.Record{Key: n, Revision: rn[0], Value: []byte("active")}
	noB := store.Record{Key: b}
	fails([]store.Guard{{Key: a}}, isA)
	fails([]store.Guard{{Key: a, Revision: ra[0] - 1}}, isA)
	fails([]store.Guard{{Key: a, Revision: rn[0]}}, isA)
	fails([]store.Guard{{Key: b, Revision: ra[0]}}, noB)
	fails([]store.Guard{{Key: a, Revision: ra[0]}, {Key: n}, {Key: b}}, isA, isN, noB)

	// All hold: keys that are not written can guard as well.
	rs, err := s.Commit(ctx, []store.Guard{{Key: a, Revision: ra[0]}, {Key: n, Revision: rn[0]}, {Key: b}}, []store.Op{put(a, "2"), put(b, "1")})
	if err != nil || len(rs) != 2 {
		t.Fatalf("commit: %v, %v", rs, err)
	}
	// Guards alone.
	if _, err := s.Commit(ctx, []store.Guard{{Key: a, Revision: rs[0]}}, nil); err != nil {
		t.Fatalf("guards alone: %v", err)
	}
	// A deleted and recreated record has another revision, and between them there is none.
	must(t, s, store.Op{Key: a})
	if _, err := s.Commit(ctx, []store.Guard{{Key: a, Revision: rs[0]}}, []store.Op{put(a, "3")}); err == nil {
		t.Fatal("the guard holds for a deleted record")
	}
	if _, err := s.Commit(ctx, []store.Guard{{Key: a}}, []store.Op{put(a, "3")}); err != nil {
		t.Fatalf("recreate: %v", err)
	}
	if _, err := s.Commit(ctx, []store.Guard{{Key: a, Revision: rs[0]}}, []store.Op{{Key: a}}); err == nil {
		t.Fatal("the guard holds for a recreated record")
	}
}

func testDeleteMissing(t *testing.T, c Config) {
	s := open(t, c)
	before := must(t, s, put(pod("a"), "1"))[0]
	if rs := must(t, s, store.Op{Key: pod("missing")}); rs[0] != before || revision(t, s) != before {
		t.Fatalf("deleting nothing: revision %d, store at %d, was at %d", rs[0], revision(t, s), before)
	}
	rs := must(t, s, store.Op{Key: pod("missing")}, put(pod("b"), "2"))
	events := collect(t, watch(t, s, before), before, rs[1])
	sameEvents(t, "watch", events, []store.Event{{Key: pod("b"), Revision: rs[1], Value: []byte("2")}})
}

func testBadKeys(t *testing.T, c Config) {
	s := open(t, c)
	ctx := patience(t)
	for _, k := range []store.Key{{}, {Prefix: "pods"}, {Name: "a"}, key("pods", "a", ""), key("pods", "a/b", "c"), key("pods", "a", "b/c"),
		key("pods", "a", "b\x00c"), key("pods", "a\x00", "c"), key("po\x00ds", "a", "c")} {
		if _, err := s.Get(ctx, k); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get %q: %v", k, err)
		}
		if _, err := s.Commit(ctx, nil, []store.Op{put(k, "x")}); !errors.Is(err, store.ErrBadKey) {
			t.Errorf("commit %q: %v", k, err)
		}
		if _, err := s.Commit(ctx, []store.Guard{{Key: k}}, nil); !errors.Is(err, store.ErrBadKey) {
			t.Errorf("guard %q: %v", k, err)
		}
	}
	if _, err := s.Commit(ctx, nil, []store.Op{put(pod("a"), "x"), {Key: pod("a")}}); !errors.Is(err, store.ErrBadKey) {
		t.Errorf("two ops at one key: %v", err)
	}
}

// testKeys keeps odd keys apart: prefixes of prefixes, namespaces of namespaces, and every odd character.
func testKeys(t *testing.T, c Config) {
	s := open(t, c)
	var keys []store.Key
	for _, prefix := range []string{"pods", "podtemplates", "pod", "services/specs", "services/endpoints", "stable.example.com/crontabs", "stable.example.com/crontabs2"} {
		for _, ns := range []string{"a", "a-b", "aa", "default", "a.b"} {
			for _, name := range []string{"a", "system:node:a%2F", "A", "ü-日本語-🙂", "a.b", "..", "a b", "~", "\xff\xfe", strings.Repeat("n", 253)} {
				keys = append(keys, key(prefix, ns, name))
			}
		}
	}
	for _, name := range []string{"a", "default", "a-b", "system:masters"} {
		keys = append(keys, key("clusterroles", "", name), key("rbac.example.com/clusterroles", "", name))
	}
	for i, k := range keys {
		must(t, s, put(k, strings.Repeat("v", i+1)))
	}
	for i, k := range keys {
		rec, err := s.Get(patience(t), k)
		if err != nil || rec.Key != k || len(rec.Value) != i+1 {
			t.Fatalf("get %q: %q, %d bytes, %v", k, rec.Key, len(rec.Value), err)
		}
	}
	for _, r := range []store.Range{{Prefix: "pods"}, {Prefix: "pod"}, {Prefix: "services"}, {Prefix: "services/specs"}, {Prefix: "clusterroles"},
		{Prefix: "pods", Namespace: "a"}, {Prefix: "pods", Namespace: "a-b"}, {Prefix: "pods", Namespace: "defaul"}, {Prefix: ""}, {Prefix: "stable.example.com/crontabs"}} {
		want := 0
		for _, k := range keys {
			if r.Contains(k) {
				want++
			}
		}
		records, _ := list(t, s, r)
		if len(records) != want {
			t.Errorf("%+v lists %d, want %d", r, len(records), want)
		}
		for _, rec := range records {
			if !r.Contains(rec.Key) {
				t.Errorf("%+v lists %q", r, rec.Key)
			}
		}
	}
}

func testValues(t *testing.T, c Config) {
	s := open(t, c)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for name, value := range map[string][]byte{"empty": {}, "zeros": make([]byte, 100), "big": big, "k8s": []byte("k8s\x00\x0a")} {
		from := revision(t, s)
		r := must(t, s, store.Op{Key: pod(name), Value: value})[0]
		rec, err := s.Get(patience(t), pod(name))
		if err != nil || !sameRecord(rec, store.Record{Key: pod(name), Revision: r, Value: value}) {
			t.Errorf("%s: got %d bytes (nil: %v), %v", name, len(rec.Value), rec.Value == nil, err)
		}
		sameEvents(t, name, collect(t, watch(t, s, from), from, r), []store.Event{{Key: pod(name), Revision: r, Value: value}})
	}
	records, _ := list(t, s, store.Range{Prefix: "pods"})
	for _, rec := range records {
		if rec.Value == nil {
			t.Errorf("%s is listed without a value", rec.Key)
		}
	}
}

func fill(t *testing.T, s store.Store) []store.Record {
	var want []store.Record
	for _, ns := range []string{"b", "a", "a-b", "c"} {
		for _, name := range []string{"3", "1", "2", "4"} {
			k := key("pods", ns, name)
			r := must(t, s, put(k, ns+name))[0]
			want = append(want, store.Record{Key: k, Revision: r, Value: []byte(ns + name)})
		}
	}
	must(t, s, put(key("podtemplates", "a", "1"), "x"), put(key("pod", "a", "1"), "x"))
	slices.SortFunc(want, func(a, b store.Record) int { return a.Key.Compare(b.Key) })
	return want
}

func testList(t *testing.T, c Config) {
	s := open(t, c)
	want := fill(t, s)
	records, rev := list(t, s, store.Range{Prefix: "pods"})
	sameRecords(t, "all", records, want)
	if rev != revision(t, s) {
		t.Errorf("list is of %d, store at %d", rev, revision(t, s))
	}
	for i, rec := range want {
		after, _ := list(t, s, store.Range{Prefix: "pods", After: rec.Key})
		sameRecords(t, "after "+rec.Key.String(), after, want[i+1:])
		limited, _ := list(t, s, store.Range{Prefix: "pods", After: rec.Key, Limit: 2})
		sameRecords(t, "two after "+rec.Key.String(), limited, want[i+1:min(i+3, len(want))])
	}
	// After need not exist, and may be outside of the range.
	records, _ = list(t, s, store.Range{Prefix: "pods", After: key("pods", "a", "2x")})
	if len(records) == 0 || records[0].Key != key("pods", "a", "3") {
		t.Errorf("after a missing key: %s", showRecords(records))
	}
	records, _ = list(t, s, store.Range{Prefix: "pods", Namespace: "b", After: key("pods", "a", "1")})
	if len(records) != 4 {
		t.Errorf("after a key before the range: %s", showRecords(records))
	}
	records, _ = list(t, s, store.Range{Prefix: "pods", Namespace: "b", After: key("pods", "c", "1")})
	if len(records) != 0 {
		t.Errorf("after a key behind the range: %s", showRecords(records))
	}
	records, _ = list(t, s, store.Range{Prefix: "pods", Namespace: "a"})
	if len(records) != 4 || records[0].Key != key("pods", "a", "1") {
		t.Errorf("namespace a: %s", showRecords(records))
	}
}

// testListOld pages through an old revision while everything changes.
func testListOld(t *testing.T, c Config) {
	s := open(t, c)
	want := fill(t, s)
	at := revision(t, s)
	for i, rec := range want {
		if i%2 == 0 {
			must(t, s, store.Op{Key: rec.Key})
		} else {
			must(t, s, put(rec.Key, "changed"), put(key("podtemplates", "a", rec.Key.Name), "x"))
		}
		must(t, s, put(key("pods", "new", rec.Key.Namespace+rec.Key.Name), "new"))
	}
	var got []store.Record
	var after store.Key
	for {
		page, rev := list(t, s, store.Range{Prefix: "pods", Revision: at, After: after, Limit: 3})
		if rev != at {
			t.Fatalf("list at %d is of %d", at, rev)
		}
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
		after = page[2].Key
		must(t, s, put(page[1].Key, "again"))
	}
	sameRecords(t, "pages", got, want)
	if now, _ := list(t, s, store.Range{Prefix: "pods"}); len(now) < len(want) {
		t.Errorf("now there are %d", len(now))
	}
	one, _ := list(t, s, store.Range{Prefix: "pods", Namespace: "a", Revision: at - 1})
	if len(one) != 4 {
		t.Errorf("namespace a at %d: %s", at-1, showRecords(one))
	}
}

func testListStops(t *testing.T, c Config) {
	s := open(t, c)
	fill(t, s)
	n := 0
	rev, err := s.List(patience(t), store.Range{Prefix: "pods"}, func(store.Record) bool { n++; return n < 3 })
	if n != 3 || err != nil || rev != revision(t, s) {
		t.Fatalf("stopped after %d, revision %d, %v", n, rev, err)
	}
	// A list may be interleaved with other calls on the same store.
	_, err = s.List(patience(t), store.Range{Prefix: "pods"}, func(r store.Record) bool {
		got, err := s.Get(patience(t), r.Key)
		if err != nil || !bytes.Equal(got.Value, r.Value) {
			t.Errorf("get in list: %v", err)
		}
		must(t, s, put(key("nodes", "", r.Key.Name), "x"))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testOrder holds Key.Compare and the stores' lists to the order of paths.
func testOrder(t *testing.T, c Config) {
	s := open(t, c)
	var keys []store.Key
	for _, ns := range []string{"a", "a-", "a-b", "a.b", "a0", "ab", "b", "kube-system", "kube", "kube-"} {
		for _, name := range []string{"x", "x-1", "x.1", "x1"} {
			keys = append(keys, key("pods", ns, name))
		}
	}
	for _, k := range keys {
		must(t, s, put(k, "x"))
	}
	slices.SortFunc(keys, func(a, b store.Key) int { return strings.Compare(a.String(), b.String()) })
	if !slices.IsSortedFunc(keys, store.Key.Compare) {
		t.Fatal("Compare is not the order of the paths")
	}
	records, _ := list(t, s, store.Range{Prefix: "pods"})
	for i, k := range keys {
		if i >= len(records) || records[i].Key != k {
			t.Fatalf("record %d is not %s: %s", i, k, showRecords(records))
		}
	}
	for i, k := range keys {
		if page, _ := list(t, s, store.Range{Prefix: "pods", After: k, Limit: 1}); i+1 < len(keys) && (len(page) != 1 || page[0].Key != keys[i+1]) {
			t.Fatalf("after %s: %s", k, showRecords(page))
		}
	}
}

func testFuture(t *testing.T, c Config) {
	s := open(t, c)
	r := must(t, s, put(pod("a"), "1"))[0]
	listError(t, s, store.Range{Prefix: "pods", Revision: r + 100}, store.ErrFuture)
	if err := s.Compact(patience(t), r+100); !errors.Is(err, store.ErrFuture) {
		t.Errorf("compact: %v", err)
	}
	list(t, s, store.Range{Prefix: "pods", Revision: r})
}

func testClosed(t *testing.T, c Config) {
	s := open(t, c)
	ctx := patience(t)
	r := must(t, s, put(pod("a"), "1"))[0]
	w := watch(t, s, r)
	ended := make(chan error, 1)
	go func() {
		for {
			if _, _, err := w.Next(ctx); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("next: %v", err)
	}
	_, err := s.Get(ctx, pod("a"))
	_, err2 := s.Commit(ctx, nil, []store.Op{put(pod("a"), "2")})
	_, err3 := s.List(ctx, store.Range{Prefix: "pods"}, func(store.Record) bool { return true })
	_, err4 := s.List(ctx, store.Range{Prefix: "pods", Revision: r - 1}, func(store.Record) bool { return true })
	_, err5 := s.Watch(ctx, r)
	_, err6 := s.Revision(ctx)
	for i, err := range []error{err, err2, err3, err4, err5, err6, s.Compact(ctx, r)} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func testCancelled(t *testing.T, c Config) {
	s := open(t, c)
	r := must(t, s, put(pod("a"), "1"))[0]
	ctx, cancel := context.WithCancel(context.Background())
	w := watch(t, s, r)
	cancel()
	_, err := s.Commit(ctx, nil, []store.Op{put(pod("a"), "2")})
	_, err2 := s.Get(ctx, pod("a"))
	_, _, err3 := w.Next(ctx)
	for i, err := range []error{err, err2, err3} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d with a cancelled context: %v", i, err)
		}
	}
	if revision(t, s) != r {
		t.Error("a cancelled commit was made")
	}
}

func testTTL(t *testing.T, c Config) {
	if c.RealTime {
		testRealTTL(t, c)
		return
	}
	clk := newClock()
	s := c.New(t, clk.Now)
	t.Cleanup(func() { _ = s.Close() })
	ctx := patience(t)
	expire := func(d time.Duration) {
		t.Helper()
		clk.advance(d)
		if err := s.(Expirer).Expire(ctx); err != nil {
			t.Fatalf("expire: %v", err)
		}
	}
	has := func(name string, want bool) {
		t.Helper()
		if _, err := s.Get(ctx, pod(name)); (err == nil) != want {
			t.Fatalf("%s: %v, want it: %v", name, err, want)
		}
	}
	ttl := func(name string, d time.Duration) store.Op {
		return store.Op{Key: pod(name), Value: []byte(name), TTL: d}
	}
	must(t, s, ttl("short", 10*time.Second), ttl("fraction", 9500*time.Millisecond), ttl("renewed", 10*time.Second), ttl("kept", 10*time.Second),
		ttl("deleted", 10*time.Second), ttl("recreated", 10*time.Second), ttl("shortened", time.Hour), ttl("long", time.Hour), put(pod("plain"), "plain"))
	must(t, s, ttl("renewed", 20*time.Second), put(pod("kept"), "for ever"), store.Op{Key: pod("deleted")}, store.Op{Key: pod("recreated")}, ttl("shortened", 5*time.Second))
	must(t, s, put(pod("recreated"), "again"))
	from := revision(t, s)
	expire(9 * time.Second)
	for _, name := range []string{"short", "fraction", "renewed", "kept", "recreated", "long", "plain"} {
		has(name, true)
	}
	has("shortened", false)
	expire(time.Second)
	has("short", false)
	has("fraction", false)
	has("renewed", true)
	expire(10 * time.Second)
	has("renewed", false)
	expire(10 * time.Minute)
	for _, name := range []string{"kept", "recreated", "long", "plain"} {
		has(name, true)
	}
	// An expiry is an event like any other, and a list at an older revision does not know of it.
	events := collect(t, watch(t, s, from), from, revision(t, s))
	gone := map[string]bool{}
	for _, e := range events {
		if e.Value != nil || e.Prev.Revision == 0 || e.Prev.Value == nil {
			t.Errorf("not a deletion: %+v", e)
		}
		gone[e.Key.Name] = true
	}
	if len(events) != 4 || !gone["short"] || !gone["fraction"] || !gone["renewed"] || !gone["shortened"] {
		t.Errorf("events: %s", showEvents(events, 0))
	}
	if old, _ := list(t, s, store.Range{Prefix: "pods", Revision: from}); len(old) != 8 {
		t.Errorf("before the expiries: %s", showRecords(old))
	}
	expire(time.Hour)
	has("long", false)
	has("plain", true)
	// With nothing due, expiring makes no revision.
	before := revision(t, s)
	expire(time.Hour)
	if revision(t, s) != before {
		t.Error("expiring nothing made a revision")
	}
}

func testRealTTL(t *testing.T, c Config) {
	if testing.Short() {
		t.Skip("takes as long as the time to live")
	}
	s := open(t, c)
	k := pod("short")
	r := must(t, s, store.Op{Key: k, Value: []byte("x"), TTL: time.Second}, put(pod("plain"), "x"))
	w := watch(t, s, r[1])
	for {
		events, _, err := w.Next(patience(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			continue
		}
		if len(events) != 1 || events[0].Key != k || events[0].Value != nil || string(events[0].Prev.Value) != "x" {
			t.Fatalf("events: %s", showEvents(events, 0))
		}
		break
	}
	if _, err := s.Get(patience(t), k); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}
