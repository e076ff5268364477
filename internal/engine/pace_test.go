package engine

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1, 0)
	for i := range paceBurst {
		if d := p.delay(now); d != 0 {
			t.Fatalf("delivery %d of a burst is held back for %v", i, d)
		}
		p.delivered()
	}
	if d := p.delay(now); d <= 0 || d > time.Second/paceRate {
		t.Fatalf("after the burst: %v", d)
	}
	n := 0
	for end := now.Add(time.Second); now.Before(end); now = now.Add(time.Millisecond) {
		if p.delay(now) == 0 {
			p.delivered()
			n++
		}
	}
	if n < paceRate-2 || n > paceRate+2 {
		t.Errorf("%d deliveries in a second, want about %d", n, paceRate)
	}
	now = now.Add(time.Hour)
	if p.delay(now); p.tokens != paceBurst {
		t.Errorf("%v tokens after a rest, want %d", p.tokens, paceBurst)
	}
}
