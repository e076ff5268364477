package embed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/embed"
)

// The crash tests run a load of writers. Writer w owns a few keys and commits all of them, numbered 1, 2, 3, …
// with padding that makes Pebble flush now and then. So what is right after a crash is simple: all keys of a
// writer hold one and the same number, it is at least the last that was acknowledged, and at most the last that
// was tried.

const keysOfWriter = 3

func writerKey(w, i int) store.Key {
	return store.Key{Prefix: [keysOfWriter]string{"pods", "services/specs", "x.example.com/things"}[i], Namespace: "ns", Name: strconv.Itoa(w)}
}

// ledger is what the writers know.
type ledger struct {
	acked, tried []atomic.Int64
	revision     []atomic.Int64 // of the last acknowledged commit
}

func newLedger(writers int) *ledger {
	return &ledger{make([]atomic.Int64, writers), make([]atomic.Int64, writers), make([]atomic.Int64, writers)}
}

// snapshot is a copy of the ledger.
func (l *ledger) snapshot() *ledger {
	c := newLedger(len(l.acked))
	for w := range l.acked {
		// The revision first: it may be that of an earlier commit, never of a later one.
		c.revision[w].Store(l.revision[w].Load())
		c.acked[w].Store(l.acked[w].Load())
		c.tried[w].Store(l.tried[w].Load())
	}
	return c
}

// write commits number n of writer w. Every third commit deletes the last key and the next brings it back; that
// key's absence says the same as its value.
func write(s store.Store, l *ledger, w int, n int64, pad int) error {
	ops := make([]store.Op, keysOfWriter)
	for i := range ops {
		value := []byte(fmt.Sprintf("%d %s", n, strings.Repeat("x", pad)))
		if i == keysOfWriter-1 && n%3 == 0 {
			value = nil
		}
		ops[i] = store.Op{Key: writerKey(w, i), Value: value}
	}
	l.tried[w].Store(n)
	revisions, err := s.Commit(context.Background(), nil, ops)
	if err != nil {
		return err
	}
	l.acked[w].Store(n)
	l.revision[w].Store(revisions[0])
	return nil
}

// check compares a recovered store with what was known before (acked) and after (tried) the crash.
func check(t *testing.T, s store.Store, before, after *ledger) {
	t.Helper()
	ctx := context.Background()
	// numbers[w] is what the writer's keys say.
	numbers := make([]int64, len(before.acked))
	for w := range numbers {
		for i := range keysOfWriter {
			rec, err := s.Get(ctx, writerKey(w, i))
			if errors.Is(err, store.ErrNotFound) {
				if i < keysOfWriter-1 && numbers[w] != 0 || i == keysOfWriter-1 && numbers[w]%3 != 0 {
					t.Fatalf("writer %d: key %d is gone at number %d", w, i, numbers[w])
				}
				continue
			}
			if err != nil {
				t.Fatalf("get: %v", err)
			}
			text, _, _ := strings.Cut(string(rec.Value), " ")
			n, _ := strconv.ParseInt(text, 10, 64)
			if i == 0 {
				numbers[w] = n
				if n == before.acked[w].Load() && before.revision[w].Load() > rec.Revision {
					t.Fatalf("writer %d: number %d has revision %d, acknowledged was %d", w, n, rec.Revision, before.revision[w].Load())
				}
			} else if n != numbers[w] {
				t.Fatalf("writer %d: keys hold %d and %d: half a commit", w, numbers[w], n)
			}
		}
		if acked := before.acked[w].Load(); numbers[w] < acked {
			t.Fatalf("writer %d: acknowledged %d, recovered %d", w, acked, numbers[w])
		}
		if tried := after.tried[w].Load(); numbers[w] > tried {
			t.Fatalf("writer %d: tried %d, recovered %d", w, tried, numbers[w])
		}
	}
	checkHistory(t, s)
	// And it goes on.
	last, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := s.Commit(ctx, nil, []store.Op{{Key: store.Key{Prefix: "nodes", Name: "after"}, Value: []byte("x")}})
	if err != nil || rs[0] != last+1 {
		t.Fatalf("commit after recovery: %v at %d, %v", rs, last, err)
	}
}

// checkHistory replays the watch from where the history begins: without a hole, each event's Prev true, and at
// the end the state that List tells.
func checkHistory(t *testing.T, s store.Store) {
	t.Helper()
	ctx := context.Background()
	from := s.Compacted()
	last, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	state := map[store.Key]store.Record{}
	for _, prefix := range []string{"pods", "services/specs", "x.example.com/things", "nodes"} {
		if _, err := s.List(ctx, store.Range{Prefix: prefix, Revision: from}, func(r store.Record) bool { state[r.Key] = r; return true }); err != nil {
			t.Fatalf("list at %d: %v", from, err)
		}
	}
	w, err := s.Watch(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for at := from; at < last; {
		events, _, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("watch after %d of %d: %v", at, last, err)
		}
		for _, e := range events {
			if at++; e.Revision != at {
				t.Fatalf("event of %d after %d", e.Revision, at-1)
			}
			if have := state[e.Key]; have.Revision != e.Prev.Revision || string(have.Value) != string(e.Prev.Value) {
				t.Fatalf("event of %d: %s was @%d, the event says @%d", e.Revision, e.Key, have.Revision, e.Prev.Revision)
			}
			delete(state, e.Key)
			if e.Value != nil {
				state[e.Key] = store.Record{Key: e.Key, Revision: e.Revision, Value: e.Value}
			}
		}
	}
	for _, prefix := range []string{"pods", "services/specs", "x.example.com/things", "nodes"} {
		n := 0
		if _, err := s.List(ctx, store.Range{Prefix: prefix}, func(r store.Record) bool {
			n++
			if want := state[r.Key]; want.Revision != r.Revision || string(want.Value) != string(r.Value) {
				t.Errorf("list has %s@%d, the events led to @%d", r.Key, r.Revision, want.Revision)
			}
			delete(state, r.Key)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(state) != 0 {
		t.Fatalf("%d records of the history are not listed", len(state))
	}
}

func newRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if env := os.Getenv("CRASH_SEED"); env != "" {
		seed, _ = strconv.ParseUint(env, 10, 64)
	}
	t.Logf("CRASH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 7))
}

func loops(t *testing.T, short int) int {
	if n, err := strconv.Atoi(os.Getenv("CRASH_LOOPS")); err == nil {
		return n
	}
	return short
}

// The power fails at any moment: what was not synced is lost, or kept, or kept in part, as the file system likes.
func TestPowerFailure(t *testing.T) {
	rnd := newRand(t)
	const writers = 6
	for round := range loops(t, 3) {
		fs := vfs.NewCrashableMem()
		s := mustOpen(t, embed.Config{Dir: "data", FS: fs})
		l := newLedger(writers)
		stop, progress := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		pad := []int{10, 1000, 20000}[round%3]
		for w := range writers {
			wg.Go(func() {
				for n := int64(1); ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := write(s, l, w, n, pad); err != nil {
						t.Errorf("write: %v", err)
						return
					}
					if w == 0 {
						select {
						case progress <- struct{}{}:
						case <-stop:
						}
					}
				}
			})
		}
		wg.Go(func() { // and compactions in between
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r, err := s.Revision(context.Background()); err == nil && r > 50 {
					if err := s.Compact(context.Background(), r-50); err != nil {
						t.Errorf("compact: %v", err)
						return
					}
				}
			}
		})
		for crash := range 6 {
			for range 1 + rnd.IntN(40) {
				select {
				case <-progress:
				case <-time.After(time.Minute):
					t.Fatal("the writers have stopped")
				}
			}
			before := l.snapshot()
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[crash%3], RNG: rnd})
			after := l.snapshot()
			r := mustOpen(t, embed.Config{Dir: "data", FS: clone})
			check(t, r, before, after)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

var errInjected = errors.New("injected fault")

// Any one write, sync, rename or removal fails, or all from one on: commits fail from there, nothing hangs, and
// opening again finds all that was acknowledged.
func TestFaults(t *testing.T) {
	rnd := newRand(t)
	const writers = 4
	for round := range loops(t, 60) {
		mem := vfs.NewCrashableMem()
		var armed atomic.Bool
		var count atomic.Int64
		at, forever := 1+rnd.Int64N(60), rnd.IntN(2) == 0
		kind := rnd.IntN(3)
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if !armed.Load() || op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			switch kind {
			case 1: // syncs only
				if op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData && op.Kind != errorfs.OpFileSyncTo {
					return nil
				}
			case 2: // everything but the log's own file
				if path.Ext(op.Path) == ".log" && op.Kind == errorfs.OpFileWrite {
					return nil
				}
			}
			if n := count.Add(1); n == at || n > at && forever {
				return errInjected
			}
			return nil
		}))
		s := mustOpen(t, embed.Config{Dir: "data", FS: fs})
		l := newLedger(writers)
		ctx := context.Background()
		w0, err := s.Watch(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		watchEnd := make(chan error, 1)
		go func() {
			for {
				if _, _, err := w0.Next(ctx); err != nil {
					watchEnd <- err
					return
				}
			}
		}()
		armed.Store(true)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := int64(1); n < 1500; n++ {
					if err := write(s, l, w, n, 3000); err != nil {
						if !errors.Is(err, errInjected) || strings.Contains(err.Error(), "\n") {
							t.Errorf("write: %v", err)
						}
						return
					}
				}
			})
		}
		wg.Wait()
		failed := false
		for w := range writers {
			failed = failed || l.acked[w].Load() < l.tried[w].Load()
		}
		if failed {
			if err := write(s, l, 0, l.tried[0].Load()+1, 10); !errors.Is(err, errInjected) {
				t.Fatalf("a commit after the fault: %v", err)
			}
			if err := <-watchEnd; !errors.Is(err, errInjected) {
				t.Fatalf("the watch ended with %v", err)
			}
		}
		armed.Store(false)
		if err := s.Close(); failed != (err != nil) {
			t.Fatalf("close: %v, failed: %v", err, failed)
		}
		for _, percent := range []int{0, 50, 100} {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rnd})
			r := mustOpen(t, embed.Config{Dir: "data", FS: clone})
			check(t, r, l, l)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if t.Failed() {
			t.Fatalf("round %d: kind %d at %d, forever %v", round, kind, at, forever)
		}
	}
}

// The log ends at any byte of the last commit: the commit is there or not, and nothing else is lost.
func TestTornTail(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := mustOpen(t, embed.Config{Dir: "data", FS: mem})
	l := newLedger(1)
	for n := range int64(5) {
		if err := write(s, l, 0, n+1, 10); err != nil {
			t.Fatal(err)
		}
	}
	before := l.snapshot()
	short, name := readLog(t, mem)
	if err := write(s, l, 0, 6, 10); err != nil {
		t.Fatal(err)
	}
	after := l.snapshot()
	long, _ := readLog(t, mem)
	for end := len(short); end <= len(long); end++ {
		for _, garbage := range []string{"", "\xff\xfe\x00garbage", strings.Repeat("\x00", 100)} {
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
			f, err := clone.Create(path.Join("data", name), vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(append(append([]byte(nil), long[:end]...), garbage...)); err != nil {
				t.Fatal(err)
			}
			f.Close()
			r := mustOpen(t, embed.Config{Dir: "data", FS: clone})
			if end == len(long) {
				check(t, r, after, after)
			} else {
				check(t, r, before, after)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Close()
}

// readLog returns the newest log file.
func readLog(t *testing.T, fs vfs.FS) ([]byte, string) {
	t.Helper()
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for _, n := range names {
		if path.Ext(n) == ".log" && n > newest {
			newest = n
		}
	}
	f, err := fs.Open(path.Join("data", newest))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b, newest
}

const (
	crashDir     = "PINTLE_CRASH_DIR"
	crashWriters = 8
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		victim(dir)
	}
	os.Exit(m.Run())
}

// victim is the process that is killed: it goes on from the numbers that it finds, and reports what it tries and
// what is acknowledged.
func victim(dir string) {
	s, err := embed.Open(embed.Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	l := newLedger(crashWriters)
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintf(os.Stdout, format, args...)
	}
	var wg sync.WaitGroup
	for w := range crashWriters {
		wg.Go(func() {
			start := int64(0)
			if rec, err := s.Get(context.Background(), writerKey(w, 0)); err == nil {
				text, _, _ := strings.Cut(string(rec.Value), " ")
				start, _ = strconv.ParseInt(text, 10, 64)
			}
			for n := start + 1; ; n++ {
				say("try %d %d\n", w, n)
				if err := write(s, l, w, n, 2000); err != nil {
					say("error %v\n", err)
					os.Exit(1)
				}
				say("ack %d %d %d\n", w, n, l.revision[w].Load())
			}
		})
	}
	wg.Go(func() {
		for range time.Tick(10 * time.Millisecond) {
			if r, err := s.Revision(context.Background()); err == nil && r > 2000 {
				_ = s.Compact(context.Background(), r-2000)
			}
		}
	})
	wg.Wait()
}

// A process that is killed under load loses nothing that it has acknowledged, again and again.
func TestKill(t *testing.T) {
	rnd := newRand(t)
	dir := t.TempDir()
	l := newLedger(crashWriters)
	for range loops(t, 4) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, until := 0, 200+rnd.IntN(4000)
		scan := bufio.NewScanner(out)
		for scan.Scan() {
			f := strings.Fields(scan.Text())
			number := func(i int) int64 {
				n, err := strconv.ParseInt(f[i], 10, 64)
				if err != nil {
					t.Fatalf("line %q", scan.Text())
				}
				return n
			}
			switch {
			case f[0] == "error":
				t.Fatal(scan.Text())
			case f[0] == "try" && len(f) == 3:
				l.tried[number(1)].Store(number(2))
			case f[0] == "ack" && len(f) == 4:
				l.acked[number(1)].Store(number(2))
				l.revision[number(1)].Store(number(3))
			}
			if lines++; lines == until {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		s := mustOpen(t, embed.Config{Dir: dir})
		check(t, s, l, l)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
