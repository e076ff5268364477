package pintle

import "time"

// KeepLittle bounds the event logs to n bytes, so that watchers fall off their tail.
func (c *Config) KeepLittle(n int64) { c.logBytes = n }

// WaitLittle bounds how long reads wait for a revision that is still to come.
func (c *Config) WaitLittle(d time.Duration) { c.freshWait = d }
