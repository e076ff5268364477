// Package history drives a server with many random clients at once, writes down everything that they were told
// and when, and then judges whether one server that does one thing after the other could have told all that.
//
// Nouns: an Op is one request with its answer; a Segment is one watch with what it yielded; a State is one object
// as somebody saw it; a History is all of it. Times are ticks of one counter: if one op's End is less than
// another's Start, it really had ended before.
//
// Invariants that Check holds a History to: revisions are in order, unique and never used again; a write that
// was acknowledged happened once, with the revision and the object that its answer told; no write happened that nobody
// asked for; refusals were right at some moment between request and answer; a read sees whatever was known to
// anybody before it began; a list is the state at its revision; each watch yields exactly what its selector is to see
// of the log, in order, DELETED with the deletion's revision; nothing up to a bookmark's revision comes after it.
//
// Concurrency: a Run's methods may be called from any goroutine. A History is not changed any more.
package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to do to which server.
type Config struct {
	URLs   []string     // of one server, or of several over one store: clients and watchers take turns
	Client *http.Client // authenticated
	Seed   uint64
	// Clients write and read, Watchers watch; Steps are what each client does (0: until Stop).
	Clients, Watchers, Steps int
	// Keys is the number of names used in each of the Namespaces.
	Keys       int
	Namespaces []string
	// Breaks says that the server may go away and come back: requests may then have no answer.
	Breaks bool
}

// State is an object as a client saw it.
type State struct {
	Key      Key
	UID      string
	Revision int64
	ID       string // of the write that made it
	Label    string
	Sum      uint64 // of everything but the revision
}

// Key is a namespace and a name.
type Key struct{ Namespace, Name string }

// Op is a request and its answer. End is 0, and nothing else is known, when there was none.
type Op struct {
	Client     int
	Verb       string
	Key        Key // a list has no name
	ID         string
	Given      int64 // the resourceVersion that the request named
	Label      string
	Start, End int64
	Code       int
	Reason     string
	Revision   int64 // of a list
	Object     *State
	UID        string // of what was deleted
	List       []State
	Remaining  []int64 // remainingItemCount, and how many really remained
}

func (o *Op) String() string {
	return fmt.Sprintf("client %d: %s %s/%s %s (at %d) = %d %s, ticks %d to %d", o.Client, o.Verb, o.Key.Namespace, o.Key.Name, o.ID, o.Given, o.Code, o.Reason, o.Start, o.End)
}

// Event is what a watch yielded.
type Event struct {
	Type       string
	State      State // of a bookmark only the revision
	At         int64
	InitialEnd bool
}

// Segment is one watch.
type Segment struct {
	Watcher    int
	Namespace  string // "" is all
	Label      string
	From       int64 // 0: it began with the present state
	Streaming  bool  // and a bookmark ended that (sendInitialEvents)
	Start      int64
	Events     []Event
	Unexpected string // an error event
}

func (s *Segment) String() string {
	return fmt.Sprintf("watch %d of %q with %q from %d", s.Watcher, s.Namespace, s.Label, s.From)
}

// History is everything that happened.
type History struct {
	Seed     uint64
	Began    int64   // the revision of the list before everything
	Base     []State // and what it held
	Ops      []*Op
	Auditor  []*Segment // one watch of everything, resumed as often as needed
	Segments []*Segment
	Faults   []error // what the clients could not make sense of
}

// Run is a history in the making.
type Run struct {
	cfg    Config
	ticks  atomic.Int64
	acked  atomic.Int64
	latest atomic.Int64 // the newest revision that anybody knows

	stop    chan struct{}
	stopped sync.Once
	done    chan struct{}
	fenced  chan struct{}
	fences  map[string]int64

	mu sync.Mutex
	h  History
}

// fence is the name of the object that is written last in each namespace: who has seen it has seen everything.
const fence = "fence"

// Start begins a run. It ends by itself after Config.Steps, by Stop, or with ctx.
func Start(ctx context.Context, cfg Config) (*Run, error) {
	r := &Run{cfg: cfg, stop: make(chan struct{}), done: make(chan struct{}), fenced: make(chan struct{}), fences: map[string]int64{}}
	r.h.Seed = cfg.Seed
	first := r.client(-1)
	op := first.list(ctx, listArgs{})
	if op.Code != http.StatusOK {
		return nil, fmt.Errorf("the first list: %v", op)
	}
	r.h.Began, r.h.Base, r.h.Ops = op.Revision, op.List, nil
	go r.run(ctx)
	return r, nil
}

// Seed is what the clients' dice were thrown with.
func (r *Run) Seed() uint64 { return r.cfg.Seed }

// Acked is how many requests were answered so far.
func (r *Run) Acked() int64 { return r.acked.Load() }

// Done is closed when the run is over.
func (r *Run) Done() <-chan struct{} { return r.done }

// Stop lets the clients finish what they are at, and the run end.
func (r *Run) Stop() { r.stopped.Do(func() { close(r.stop) }) }

// Wait returns the history when the run is over.
func (r *Run) Wait() *History {
	<-r.done
	return &r.h
}

func (r *Run) run(ctx context.Context) {
	defer close(r.done)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	var clients, watchers sync.WaitGroup
	watchers.Go(func() { r.audit(watching) })
	for i := range r.cfg.Watchers {
		watchers.Go(func() { r.watch(watching, i) })
	}
	for i := range r.cfg.Clients {
		clients.Go(func() {
			c := r.client(i)
			for n := 0; (r.cfg.Steps == 0 || n < r.cfg.Steps) && ctx.Err() == nil; n++ {
				select {
				case <-r.stop:
					return
				default:
				}
				c.step(ctx)
			}
		})
	}
	clients.Wait()
	r.Stop()
	ended := make(chan struct{})
	go func() { watchers.Wait(); close(ended) }()
	last := r.client(-2)
	if r.writeFences(ctx, last) {
		close(r.fenced)
		select {
		case <-ended:
			last.list(ctx, listArgs{}) // what there is in the end
		case <-time.After(time.Minute):
			r.fault(errors.New("a watch was not told of the last write within a minute"))
		}
	}
	cancel()
	<-ended
}

func (r *Run) writeFences(ctx context.Context, c *client) bool {
	for _, ns := range r.cfg.Namespaces {
		op := c.fence(ctx, ns)
		if op.Object == nil {
			r.fault(fmt.Errorf("the fence in %s: %v", ns, op))
			return false
		}
		r.fences[ns] = op.Object.Revision
	}
	return true
}

// url is where the i-th client or watcher goes.
func (r *Run) url(i int) string { return r.cfg.URLs[max(i, 0)%len(r.cfg.URLs)] }

func (r *Run) fault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Faults = append(r.h.Faults, err)
}

// learn notes a revision that somebody was told.
func (r *Run) learn(revision int64) {
	for {
		old := r.latest.Load()
		if revision <= old || r.latest.CompareAndSwap(old, revision) {
			return
		}
	}
}

func (r *Run) rand(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.cfg.Seed, stream)) }

// pause waits a moment for a server that is away.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}
