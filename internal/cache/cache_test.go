package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/memory"
)

func configMaps() *resource.Resource {
	return &resource.Resource{
		Names: resource.Names{Plural: "configmaps", Kind: "ConfigMap"}, Scope: resource.Namespaced, Prefix: "configmaps",
		Versions: []resource.Version{{Name: "v1", Served: true, Storage: true,
			Codec: &object.Codec{Kind: corev1.SchemeGroupVersion.WithKind("ConfigMap"), New: func() object.Object { return &corev1.ConfigMap{} }}}},
	}
}

// rig is a cache on a memory store, with one resource.
type rig struct {
	t     testing.TB
	store *memory.Store
	cache *Cache
	res   *resource.Resource
}

func newRig(t testing.TB, c Config) *rig {
	r := &rig{t: t, store: memory.New(memory.Config{}), res: configMaps()}
	c.Store = r.store
	var err error
	if r.cache, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cache.Close(); r.store.Close() })
	return r
}

func (r *rig) table() *Table {
	t, err := r.cache.Table(r.t.Context(), r.res)
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

func key(name string) store.Key {
	return store.Key{Prefix: "configmaps", Namespace: "default", Name: name}
}

func (r *rig) bytes(name, data string) []byte {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"data": data}}, Data: map[string]string{"k": data}}
	b, _, err := r.res.Storage().Codec.EncodeStored(cm)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// put writes an object (deletes it when data is empty) and waits until the cache has it.
func (r *rig) put(name, data string) int64 {
	op := store.Op{Key: key(name)}
	if data != "" {
		op.Value = r.bytes(name, data)
	}
	revs, err := r.store.Commit(context.Background(), nil, []store.Op{op})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.cache.WaitApplied(context.Background(), revs[0]); err != nil {
		r.t.Fatal(err)
	}
	return revs[0]
}

// state is a snapshot as name to data.
func state(s Snapshot) map[string]string {
	out := map[string]string{}
	for r := range s.In("configmaps", "", store.Key{}) {
		out[r.Key.Name] = r.Head.Labels.Get("data")
	}
	return out
}

func TestLoadWhileWriting(t *testing.T) {
	r := newRig(t, Config{})
	for i := range 500 {
		r.put(fmt.Sprint("old-", i), "x")
	}
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 200 {
				r.put(fmt.Sprintf("new-%d-%d", w, i), strconv.Itoa(i))
			}
		})
	}
	table := r.table() // in the middle of it
	writers.Wait()
	if n := table.Len(); n != 500+800 {
		t.Fatalf("%d records, want 1300", n)
	}
}

func TestSnapshotAtUndoesAndReadsHistory(t *testing.T) {
	for _, logBytes := range []int64{1 << 20, 1} { // 1: the log forgets at once, the store's history answers
		r := newRig(t, Config{LogBytes: logBytes})
		table := r.table()
		rng := rand.New(rand.NewPCG(1, 2))
		want := map[int64]map[string]string{}
		now := map[string]string{}
		for i := range 300 {
			name := fmt.Sprint("n", rng.IntN(20))
			if _, ok := now[name]; ok && rng.IntN(3) == 0 {
				delete(now, name)
				want[r.put(name, "")] = clone(now)
				continue
			}
			now[name] = strconv.Itoa(i)
			want[r.put(name, now[name])] = clone(now)
		}
		for rev, w := range want {
			s, err := table.SnapshotAt(t.Context(), rev)
			if err != nil {
				t.Fatal(err)
			}
			if got := state(s); !equal(got, w) {
				t.Fatalf("log of %d bytes, revision %d: %v, want %v", logBytes, rev, got, w)
			}
		}
	}
}

func clone(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// Many cursors read while many writers write: each sees every event once and in order, and its mirror ends equal.
func TestCursorsMirror(t *testing.T) {
	r := newRig(t, Config{})
	table := r.table()
	const writers, each, readers = 4, 200, 8
	var last int64
	var mu sync.Mutex
	var done sync.WaitGroup
	results := make([]map[string]string, readers)
	starts := make(chan struct{})
	for i := range readers {
		snap, cursor := table.SnapshotAndCursor()
		if i%2 == 1 {
			var err error
			if cursor, err = table.CursorAt(t.Context(), snap.Revision); err != nil {
				t.Fatal(err)
			}
		}
		done.Go(func() {
			mirror := state(snap)
			seen := snap.Revision
			for n := 0; n < writers*each; {
				events, _, wake, err := cursor.Take(context.Background(), nil, 7)
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range events {
					if e.Revision <= seen {
						t.Errorf("event %d after %d", e.Revision, seen)
					}
					seen = e.Revision
					n++
					if e.Type == watch.Deleted {
						delete(mirror, e.Prev.Key.Name)
					} else {
						mirror[e.Record.Key.Name] = e.Record.Head.Labels.Get("data")
					}
				}
				if len(events) == 0 && wake != nil {
					<-wake
				}
			}
			results[i] = mirror
		})
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			<-starts
			for i := range each {
				rev := r.put(fmt.Sprintf("w%d-%d", w, i%20), strconv.Itoa(i))
				mu.Lock()
				last = max(last, rev)
				mu.Unlock()
			}
		})
	}
	close(starts)
	writing.Wait()
	done.Wait()
	want := state(table.Snapshot())
	for i, got := range results {
		if !equal(got, want) {
			t.Errorf("reader %d: %v, want %v", i, got, want)
		}
	}
}

func TestCursorReadsHistoryBeforeTheLog(t *testing.T) {
	r := newRig(t, Config{})
	var revs []int64
	for i := range 10 {
		revs = append(revs, r.put("a", fmt.Sprint("v", i)))
	}
	table := r.table() // its log begins here
	cursor, err := table.CursorAt(t.Context(), revs[3])
	if err != nil {
		t.Fatal(err)
	}
	revs = append(revs, r.put("a", ""))
	var got []int64
	for len(got) < 7 {
		events, _, _, err := cursor.Take(context.Background(), nil, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			got = append(got, e.Revision)
			if e.Prev == nil {
				t.Errorf("event %d does not know what was before", e.Revision)
			}
		}
	}
	if !slices.Equal(got, revs[4:]) {
		t.Errorf("%v, want %v", got, revs[4:])
	}
}

func TestCursorFallsOffTheLog(t *testing.T) {
	r := newRig(t, Config{LogBytes: 2000})
	table := r.table()
	_, cursor := table.SnapshotAndCursor()
	for i := range 50 {
		r.put("a", fmt.Sprint(i))
	}
	if _, _, _, err := cursor.Take(context.Background(), nil, 100); !errors.Is(err, ErrGone) {
		t.Fatalf("%v, want ErrGone", err)
	}
	if logs, _ := r.cache.Size(); logs > 2000 {
		t.Errorf("the logs hold %d bytes", logs)
	}
}

func TestEncodingsAreMadeOnceAndCarryTheRevision(t *testing.T) {
	r := newRig(t, Config{})
	rev := r.put("a", "x")
	table := r.table()
	rec := table.Get(key("a"))
	v := r.res.Storage()
	var wg sync.WaitGroup
	all := make([][]byte, 16)
	for i := range all {
		wg.Go(func() { all[i], _ = rec.Bytes(v, object.JSON, Full) })
	}
	wg.Wait()
	for _, b := range all[1:] {
		if &b[0] != &all[0][0] {
			t.Error("two readers were given different copies")
		}
	}
	obj, _, err := v.Codec.Decode(object.JSON, all[0], true)
	if err != nil || obj.GetResourceVersion() != fmt.Sprint(rev) {
		t.Errorf("resourceVersion %q (%v), want %d", obj.GetResourceVersion(), err, rev)
	}
	r.put("a", "")
	gone := table.log[len(table.log)-1].Gone()
	b, err := gone.Bytes(v, object.Protobuf, Full)
	if err != nil {
		t.Fatal(err)
	}
	if obj, _, err = v.Codec.Decode(object.Protobuf, b, false); err != nil || obj.GetResourceVersion() != fmt.Sprint(gone.Revision) || gone.Revision <= rev {
		t.Errorf("the deleted object shows revision %v (%v)", obj.GetResourceVersion(), err)
	}
}

func TestWritersEncodingIsKeptWhileThereIsRoom(t *testing.T) {
	for _, c := range []struct {
		bound int64
		kept  bool
	}{{1 << 20, true}, {100, false}} {
		r := newRig(t, Config{EncodingBytes: c.bound})
		r.put("a", "x")
		rec, v := r.table().Get(key("a")), r.res.Storage()
		wrote, err := rec.Append([]byte("before "), v, object.JSON, Full)
		if err != nil {
			t.Fatal(err)
		}
		read, err := rec.Bytes(v, object.JSON, Full)
		if err != nil || "before "+string(read) != string(wrote) {
			t.Fatalf("%s, want %s (%v)", read, wrote, err)
		}
		again, _ := rec.Bytes(v, object.JSON, Full)
		if kept := &again[0] == &read[0]; kept != c.kept {
			t.Errorf("bound of %d bytes: kept %v", c.bound, kept)
		}
		if _, held := r.cache.Size(); held > c.bound {
			t.Errorf("%d bytes held, bound %d", held, c.bound)
		}
	}
}

// TestSupersededLetsGo: when a record has a successor, what was made for its writer goes; what readers asked for stays.
func TestSupersededLetsGo(t *testing.T) {
	r := newRig(t, Config{EncodingBytes: 1 << 20})
	v := r.res.Storage()
	for name, reader := range map[string]bool{"written": false, "read": true} {
		before := r.cache.encoded.Load()
		r.put(name, "x")
		rec := r.table().Get(key(name))
		wrote, err := rec.Append(nil, v, object.JSON, Full)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rec.Bytes(v, object.JSON, Metadata); err != nil {
			t.Fatal(err)
		}
		kept := r.cache.encoded.Load() - before - int64(len(wrote))
		if kept <= 0 {
			t.Fatalf("%d bytes kept for readers", kept)
		}
		r.put(name, "y")
		if now := r.cache.encoded.Load() - before; now != kept {
			t.Errorf("%d bytes are kept of a superseded record, want %d", now, kept)
		}
		if !reader {
			continue
		}
		if late, err := rec.Bytes(v, object.JSON, Full); err != nil || string(late) != string(wrote) {
			t.Errorf("a late reader gets %s, %v, want %s", late, err, wrote)
		}
		if now := r.cache.encoded.Load() - before; now != kept+int64(len(wrote)) {
			t.Errorf("%d bytes are kept after a late reader, want %d", now, kept+int64(len(wrote)))
		}
	}
}

func TestResetSendsReadersAway(t *testing.T) {
	r := newRig(t, Config{})
	table := r.table()
	r.put("a", "x")
	_, cursor := table.SnapshotAndCursor()
	r.cache.reset(r.cache.Applied())
	if _, _, _, err := cursor.Take(context.Background(), nil, 1); !errors.Is(err, ErrGone) {
		t.Errorf("%v, want ErrGone", err)
	}
	if r.table().Get(key("a")) == nil {
		t.Error("the table was not loaded again")
	}
}
