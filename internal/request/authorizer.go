package request

import "context"

// Decision is an Authorizer's.
type Decision uint8

const (
	// NoOpinion leaves it to the next authorizer; when none allows, the request is refused.
	NoOpinion Decision = iota
	Allow
	Deny
)

// Authorizer says whether a user may do what an Info says. The reason is shown to the user who is refused. An
// error does not take an Allow back.
type Authorizer interface {
	Authorize(ctx context.Context, user *User, info *Info) (d Decision, reason string, err error)
}
