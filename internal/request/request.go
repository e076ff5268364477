// Package request says who asks for what.
//
// Nouns: Info is what a URL and a method mean (verb, group, version, resource, namespace, name); a User is who
// asks; a Request carries both through every layer, with the clock of the request and the sink for warnings.
//
// Concurrency: a Request belongs to the goroutine that serves it.
package request

import (
	"context"
	"slices"
	"time"
)

// User is an authenticated identity.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// The users and groups that the server itself gives.
const (
	Anonymous            = "system:anonymous"
	GroupAuthenticated   = "system:authenticated"
	GroupUnauthenticated = "system:unauthenticated"
	GroupMasters         = "system:masters"
)

// Request is one request on its way down.
type Request struct {
	Info      Info
	User      *User
	UserAgent string
	SourceIP  string // with the port
	AuditID   string
	// Now is the time of the request: every timestamp that it writes.
	Now time.Time
	// Warnings are sent as Warning headers (RFC 7234, code 299), in order, without duplicates.
	Warnings []string
	warned   map[string]struct{} // the warnings, when they are many
}

// fewWarnings are looked through faster than they are hashed.
const fewWarnings = 16

// Warn adds a warning for the client.
func (r *Request) Warn(text string) {
	if len(r.Warnings) < fewWarnings {
		if slices.Contains(r.Warnings, text) {
			return
		}
	} else {
		if r.warned == nil {
			r.warned = map[string]struct{}{}
			for _, w := range r.Warnings {
				r.warned[w] = struct{}{}
			}
		}
		if _, ok := r.warned[text]; ok {
			return
		}
		r.warned[text] = struct{}{}
	}
	r.Warnings = append(r.Warnings, text)
}

type key struct{}

// With returns a context that carries r.
func With(ctx context.Context, r *Request) context.Context { return context.WithValue(ctx, key{}, r) }

// From returns the Request that ctx carries, or nil.
func From(ctx context.Context) *Request {
	r, _ := ctx.Value(key{}).(*Request)
	return r
}

// ServerManager is who owns the fields that the server itself writes.
const ServerManager = "kube-apiserver"

var server = &User{Name: "system:apiserver", Groups: []string{GroupMasters, GroupAuthenticated}}

// ByServer is a request of the server's own.
func ByServer(now time.Time) *Request {
	return &Request{User: server, UserAgent: "pintle", Now: now}
}
