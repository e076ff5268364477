package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Machines drift: what ran a minute ago may run a quarter faster now. So the targets of a scenario take turns. Each runs
// the scenario in a goroutine of its own, but only one of them at a time does anything; pass hands over to the next and
// returns when the others have had their turn. A row that is measured in rounds, with a pass after each, is measured of
// all targets within the same seconds.

// rounds is how often a row is measured of each target, where that is possible.
const rounds = 3

// turns are the targets that are still in the ring, in order.
type turns struct {
	waiting map[*target]chan struct{}
	ring    []*target
}

// pass lets the other targets have their turn.
func (b *bench) pass(ctx context.Context, t *target) error {
	i := slices.Index(b.turns.ring, t)
	next := b.turns.ring[(i+1)%len(b.turns.ring)]
	if next == t {
		return ctx.Err()
	}
	b.turns.waiting[next] <- struct{}{}
	<-b.turns.waiting[t] // it comes even when something has failed: then everybody leaves in turn
	return ctx.Err()
}

// leave ends a target's part in the scenario: the next one goes on.
func (b *bench) leave(t *target) {
	i := slices.Index(b.turns.ring, t)
	b.turns.ring = slices.Delete(b.turns.ring, i, i+1)
	if n := len(b.turns.ring); n > 0 {
		b.turns.waiting[b.turns.ring[i%n]] <- struct{}{}
	}
}

// runScenario runs a scenario of all its targets, in turns.
func (b *bench) runScenario(ctx context.Context, s scenario) error {
	if !b.wants(s.rows...) {
		return nil
	}
	b.turns = turns{waiting: map[*target]chan struct{}{}}
	for _, t := range b.targets {
		if !s.pintleOnly || t.kind == kindPintle {
			b.turns.ring = append(b.turns.ring, t)
			b.turns.waiting[t] = make(chan struct{}, 1)
		}
	}
	if len(b.turns.ring) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error)
	all := slices.Clone(b.turns.ring)
	for _, t := range all {
		go func() {
			<-b.turns.waiting[t]
			err := ctx.Err()
			if err == nil {
				fmt.Fprintf(os.Stderr, "%s: %s\n", s.name, t.name)
				err = s.run(ctx, b, t)
			}
			if err != nil {
				cancel() // the others leave when their turn comes
				err = fmt.Errorf("%s: %s: %w", s.name, t.name, err)
			}
			b.leave(t)
			errs <- err
		}()
	}
	b.turns.waiting[all[0]] <- struct{}{}
	var first error
	for range all {
		if err := <-errs; first == nil || errors.Is(first, context.Canceled) && err != nil {
			first = err
		}
	}
	return first
}

// inRounds measures a row of a target in rounds, among the others.
func (b *bench) inRounds(ctx context.Context, t *target, measure func(round int) error) error {
	for i := range rounds {
		if err := measure(i); err != nil {
			return err
		}
		if err := b.pass(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
