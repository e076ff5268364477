package engine

import "time"

// A watch is answered at once until it has been told more often than a person or a controller can follow: then
// what happens within some milliseconds is told together. Most of what a delivery costs is the wakeup and the write
// to the connection, not the event, so this is what keeps a burst to hundreds of watchers cheap.
const (
	paceBurst = 16  // deliveries that are never held back
	paceRate  = 100 // deliveries a second, in the long run: nothing is held back for more than 10 ms
)

// pace is a token bucket. The zero value is empty and starts full at its first use.
type pace struct {
	tokens float64
	last   time.Time
}

// delay is how long to wait before the next delivery.
func (p *pace) delay(now time.Time) time.Duration {
	if p.last.IsZero() {
		p.tokens = paceBurst
	} else {
		p.tokens = min(paceBurst, p.tokens+now.Sub(p.last).Seconds()*paceRate)
	}
	p.last = now
	if p.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - p.tokens) / paceRate * float64(time.Second))
}

// delivered takes the token of a delivery.
func (p *pace) delivered() { p.tokens-- }
