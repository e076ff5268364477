package authn

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/pintle-io/pintle/internal/request"
)

var errInvalidToken = errors.New("invalid bearer token")

// TokenSource knows users by token. It answers as an Authenticator does; false without an error leaves the
// token to the next source.
type TokenSource func(ctx context.Context, token string) (*request.User, bool, error)

// Bearer takes the token off a request and asks its sources in order. A token that none of them knows is an error.
//
// The token is read from "Authorization: Bearer TOKEN" or, for browsers, which cannot set that header on a
// WebSocket, from a subprotocol "base64url.bearer.authorization.k8s.io.TOKEN". Once it has proved a user it is taken
// out of the request, so that nothing below can log or forward it.
type Bearer []TokenSource

// Authenticate implements Authenticator.
func (b Bearer) Authenticate(ctx context.Context, r *http.Request) (*request.User, bool, error) {
	token := headerToken(ctx, r)
	if token != "" {
		user, ok, err := b.Token(ctx, token)
		if ok {
			r.Header.Del("Authorization")
		}
		return user, ok, err
	}
	if !isWebSocket(r) {
		return nil, false, nil
	}
	token, others, err := protocolToken(r.Header["Sec-Websocket-Protocol"])
	if token == "" || err != nil {
		return nil, false, err
	}
	user, ok, err := b.Token(ctx, token)
	if ok {
		r.Header.Set("Sec-Websocket-Protocol", strings.Join(others, ","))
	}
	return user, ok, err
}

// Token asks the sources for the user of a token.
func (b Bearer) Token(ctx context.Context, token string) (*request.User, bool, error) {
	var errs []error
	for _, source := range b {
		user, ok, err := source(ctx, token)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if ok {
			return user, true, nil
		}
	}
	if len(errs) == 0 {
		return nil, false, errInvalidToken
	}
	return nil, false, errors.Join(errs...)
}

// headerToken reads the Authorization header; "" when it holds no bearer token.
func headerToken(ctx context.Context, r *http.Request) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	token, after, more := strings.Cut(rest, " ")
	if token == "" && more && after != "" {
		if req := request.From(ctx); req != nil {
			req.Warn("the provided Authorization header contains extra space before the bearer token, and is ignored")
		}
	}
	return token
}

const tokenProtocol = "base64url.bearer.authorization.k8s.io."

// protocolToken finds the token among the subprotocols that a WebSocket offers, and returns the others, of which
// there has to be one that the server can choose.
func protocolToken(headers []string) (token string, others []string, err error) {
	seen := false
	for _, h := range headers {
		for p := range strings.SplitSeq(h, ",") {
			p = strings.TrimSpace(p)
			encoded, ok := strings.CutPrefix(p, tokenProtocol)
			if !ok {
				others = append(others, p)
				continue
			}
			if seen {
				return "", nil, errors.New("more than one bearer token among the subprotocols")
			}
			seen = true
			raw, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil || !utf8.Valid(raw) {
				return "", nil, errors.New("the subprotocol's bearer token is not base64url text")
			}
			token = string(raw)
		}
	}
	if token != "" && len(others) == 0 {
		return "", nil, errors.New("a subprotocol beside the bearer token is missing")
	}
	return token, others, nil
}

func isWebSocket(r *http.Request) bool {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	for _, h := range r.Header["Connection"] {
		for p := range strings.SplitSeq(h, ",") {
			if strings.EqualFold(strings.TrimSpace(p), "upgrade") {
				return true
			}
		}
	}
	return false
}

// AuthenticateToken answers a TokenReview. Tokens that are not bound to an audience are good for every one that is
// asked about.
func (b Bearer) AuthenticateToken(ctx context.Context, token string, audiences []string) (user *request.User, good []string, ok bool, err error) {
	user, ok, err = b.Token(ctx, token)
	return user, audiences, ok, err
}
