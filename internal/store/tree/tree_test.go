package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"
)

type T = Tree[String, int]

// check verifies the package's invariants of one version.
func check(t *testing.T, tr T) {
	t.Helper()
	if tr.root == nil {
		return
	}
	var depth = -1
	var walk func(n *node[String, int], d int) int
	var last *String
	walk = func(n *node[String, int], d int) int {
		if n.width() == 0 || n.width() > fanout {
			t.Fatalf("a node is %d wide", n.width())
		}
		if n.isLeaf() {
			if depth < 0 {
				depth = d
			}
			if d != depth {
				t.Fatalf("leaves at depths %d and %d", depth, d)
			}
			for i := range n.entries {
				if last != nil && *last >= n.entries[i].key {
					t.Fatalf("%q is not before %q", *last, n.entries[i].key)
				}
				last = &n.entries[i].key
			}
			if n.first != n.entries[0].key || n.count != len(n.entries) {
				t.Fatalf("a leaf's first or count is wrong")
			}
			return n.count
		}
		sum := 0
		for _, k := range n.kids {
			sum += walk(k, d+1)
		}
		if sum != n.count || n.first != n.kids[0].first {
			t.Fatalf("an inner node's first or count is wrong")
		}
		return sum
	}
	walk(tr.root, 0)
}

func equal(t *testing.T, tr T, want map[String]int) {
	t.Helper()
	keys := make([]String, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	i := 0
	for k, v := range tr.All() {
		if i >= len(keys) || keys[i] != k || want[k] != v {
			t.Fatalf("entry %d is %q=%d", i, k, v)
		}
		i++
	}
	if i != len(keys) || tr.Len() != len(keys) {
		t.Fatalf("%d entries, Len %d, want %d", i, tr.Len(), len(keys))
	}
}

func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	type version struct {
		tr   T
		want map[String]int
	}
	for _, space := range []int{3, 40, 5000} {
		var tr T
		want := map[String]int{}
		var kept []version
		grow := true
		for i := range 20000 {
			if i%4000 == 3999 {
				grow = !grow
			}
			k := String(fmt.Sprintf("k%d", rnd.IntN(space)))
			if grow == (rnd.IntN(4) > 0) {
				tr = tr.Set(k, i)
				want[k] = i
			} else {
				_, had := want[k]
				next := tr.Delete(k)
				if next.Same(tr) == had {
					t.Fatalf("Delete(%q): same %v, had %v", k, !had, had)
				}
				tr = next
				delete(want, k)
			}
			if v, ok := tr.Get(k); (ok != (want[k] == v && hasKey(want, k))) || ok != hasKey(want, k) {
				t.Fatalf("Get(%q) = %d, %v", k, v, ok)
			}
			if i%1000 == 0 {
				check(t, tr)
				copied := map[String]int{}
				for k, v := range want {
					copied[k] = v
				}
				kept = append(kept, version{tr, copied})
			}
		}
		// Every version is still what it was.
		for _, v := range kept {
			check(t, v.tr)
			equal(t, v.tr, v.want)
		}
		keys := make([]string, 0, len(want))
		for k := range want {
			keys = append(keys, string(k))
		}
		sort.Strings(keys)
		for range 500 {
			k := fmt.Sprintf("k%d", rnd.IntN(space))
			rank := sort.SearchStrings(keys, k)
			if got := tr.Rank(String(k)); got != rank {
				t.Fatalf("Rank(%q) = %d, want %d", k, got, rank)
			}
			i := rank
			for got := range tr.From(String(k)) {
				if string(got) != keys[i] {
					t.Fatalf("From(%q): %q, want %q", k, got, keys[i])
				}
				if i++; i > rank+70 {
					break
				}
			}
			if i != min(rank+71, len(keys)) {
				t.Fatalf("From(%q) ended after %d", k, i-rank)
			}
		}
	}
}

func hasKey(m map[String]int, k String) bool { _, ok := m[k]; return ok }

func TestBuild(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 1024, 1025, 5000} {
		want := map[String]int{}
		tr := Build(func(yield func(String, int) bool) {
			for i := range n {
				k := String(fmt.Sprintf("%06d", i))
				want[k] = i
				if !yield(k, i) {
					return
				}
			}
			// Late ones: a repeated key and one before all.
			if n > 2 {
				want["000001"], want["0"] = -1, -2
				_ = yield("000001", -1) && yield("0", -2)
			}
		})
		check(t, tr)
		equal(t, tr, want)
		for k := range want {
			tr = tr.Delete(k)
		}
		if tr.Len() != 0 || tr.root != nil {
			t.Fatalf("not empty after deleting all of %d", n)
		}
	}
}

func TestZero(t *testing.T) {
	var tr T
	if _, ok := tr.Get("a"); ok || tr.Len() != 0 || tr.Rank("a") != 0 || !tr.Delete("a").Same(tr) {
		t.Fatal("the zero tree is not an empty one")
	}
	for range tr.All() {
		t.Fatal("the zero tree yields")
	}
	for range tr.From("a") {
		t.Fatal("the zero tree yields")
	}
}

func big(n int) T {
	return Build(func(yield func(String, int) bool) {
		for i := range n {
			if !yield(String(fmt.Sprintf("default/pod-%08d", i)), i) {
				return
			}
		}
	})
}

func BenchmarkSet(b *testing.B) {
	for _, n := range []int{1000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tr := big(n)
			keys := make([]String, 1024)
			for i := range keys {
				keys[i] = String(fmt.Sprintf("default/pod-%08d", rand.IntN(n)))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				tr = tr.Set(keys[i%1024], i)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	tr := big(100000)
	keys := make([]String, 1024)
	for i := range keys {
		keys[i] = String(fmt.Sprintf("default/pod-%08d", rand.IntN(100000)))
	}
	for i := 0; b.Loop(); i++ {
		tr.Get(keys[i%1024])
	}
}

func BenchmarkAll(b *testing.B) {
	tr := big(100000)
	for b.Loop() {
		for range tr.All() {
		}
	}
}
