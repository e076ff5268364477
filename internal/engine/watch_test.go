package engine_test

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/engine"
)

// Before its time is up, a watch gets a bookmark to go on from.
func TestBookmarkBeforeTheEnd(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(2*time.Second+20*time.Millisecond))
	defer cancel()
	w, err := r.Watch(ctx, r.req(), r.target("configmaps", ""), engine.ListOptions{ResourceVersion: "1", AllowWatchBookmarks: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	events, err := w.Next(ctx)
	if err != nil || len(events) != 1 || events[0].Type != watch.Bookmark || events[0].Revision <= 1 {
		t.Fatalf("got %v, %v", events, err)
	}
}
