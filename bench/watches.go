package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const watchPath = "/api/v1/namespaces/bench-watch/configmaps"

// openWatch opens a watch from now on and counts its events, one a line, until ctx ends.
func (s *server) openWatch(ctx context.Context, c *http.Client, from string, wg *sync.WaitGroup, events *atomic.Int64) error {
	resp, err := s.open(ctx, c, call{method: "GET", path: watchPath + "?watch=true&timeoutSeconds=3600&resourceVersion=" + from})
	if err != nil {
		return err
	}
	wg.Go(func() {
		defer resp.Body.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := resp.Body.Read(buf)
			events.Add(int64(bytes.Count(buf[:n], []byte{'\n'})))
			if err != nil {
				return
			}
		}
	})
	return nil
}

// revision is the server's newest resourceVersion, to watch from.
func (s *server) revision(ctx context.Context) (string, error) {
	list, err := s.fetch(ctx, call{method: "GET", path: watchPath + "?limit=1"})
	if err != nil {
		return "", err
	}
	_, after, ok := bytes.Cut(list, []byte(`"resourceVersion":"`))
	if !ok {
		return "", fmt.Errorf("a list without a resourceVersion: %s", tail(list, 200))
	}
	rv, _, _ := bytes.Cut(after, []byte(`"`))
	return string(rv), nil
}

// watchers measures what delivering an event to one of 200 watchers costs: the same writes are sent without watchers
// and with them, and the writes' own cost is taken off.
func watchers(ctx context.Context, b *bench, s *server) error {
	if err := s.namespace(ctx, "bench-watch"); err != nil {
		return err
	}
	const count, pool, writes = 200, 50, 300
	object := maker(b.objects.configMap)
	name := func(i int) string { return fmt.Sprintf("watched-%02d", i%pool) }
	if _, err := s.drive(ctx, s.h1, 4, pool, 0, func(i int) call {
		return call{method: "POST", path: watchPath, body: object(name(i), 0)}
	}); err != nil {
		return err
	}
	round := 0
	update := func() (load, error) {
		round++
		return s.drive(ctx, s.h1, 1, writes, 0, func(i int) call {
			return call{method: "PUT", path: watchPath + "/" + name(i), body: object(name(i), round*writes+i)}
		})
	}
	if _, err := update(); err != nil {
		return err
	}
	return b.inRounds(ctx, s.t, func(int) error {
		alone, err := update()
		if err != nil {
			return err
		}
		return watched(ctx, b, s, count, writes, alone, update)
	})
}

// watched opens the watches, sends the same writes again, and waits for all events.
func watched(ctx context.Context, b *bench, s *server, count, writes int, alone load, update func() (load, error)) error {
	watchCtx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	from, err := s.revision(ctx)
	if err != nil {
		return err
	}
	var events atomic.Int64
	c := newClient(false, false)
	for range count {
		if err := s.openWatch(watchCtx, c, from, &wg, &events); err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	events.Store(0)
	started, cpu := time.Now(), s.cpu()
	if _, err := update(); err != nil {
		return err
	}
	all := int64(count * writes)
	for events.Load() < all {
		if time.Since(started) > time.Minute {
			return fmt.Errorf("%d of %d events came within a minute", events.Load(), all)
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	wall := time.Since(started)
	delivery := (s.cpu() - cpu - alone.cpu) / time.Duration(all)
	b.record("watch", s.t, measure{value: float64(delivery), unit: unitTime,
		detail: fmt.Sprintf("%d events in %s", events.Load(), short(wall))})
	return nil
}

// idleWatches measures a watch that nothing happens to, each on its own connection.
func idleWatches(ctx context.Context, b *bench, t *target) error {
	return idle(ctx, b, t, "idle-watch", func(int) *http.Client { return nil })
}

// idleWatchesHTTP2 is the same with a hundred watches to a connection.
func idleWatchesHTTP2(ctx context.Context, b *bench, t *target) error {
	var shared []*http.Client
	return idle(ctx, b, t, "idle-watch-http2", func(i int) *http.Client {
		if i/100 >= len(shared) {
			shared = append(shared, newClient(true, false))
		}
		return shared[i/100]
	})
}

func idle(ctx context.Context, b *bench, t *target, row string, client func(i int) *http.Client) error {
	// The first watches use up what the heap has to spare; memory is the slope over the others.
	const first, count = 1000, 3000
	s, _, err := b.start(ctx, t, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.namespace(ctx, "bench-watch"); err != nil {
		return err
	}
	from, err := s.revision(ctx)
	if err != nil {
		return err
	}
	watchCtx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var events atomic.Int64
	own := newClient(false, false)
	var before int64
	for i := range count {
		if i == first {
			if err := pause(ctx, 5*time.Second); err != nil {
				return err
			}
			before, _ = s.memory()
		}
		c := client(i)
		if c == nil {
			c = own
		}
		if err := s.openWatch(watchCtx, c, from, &wg, &events); err != nil {
			return err
		}
	}
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	after, _ := s.memory()
	b.record(row, t, measure{value: float64(after-before) / (count - first), unit: unitBytes, detail: fmt.Sprintf("from %d to %d watches", first, count)})
	return nil
}
