package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/store"
)

// Key is where the target's object is stored.
func (t Target) Key() store.Key {
	return store.Key{Prefix: t.Resource.Prefix, Namespace: t.Namespace, Name: t.Name}
}

func (t Target) notFound() error { return apierrors.NewNotFound(t.GR(), t.Name) }

// Get returns the object, or, for a subresource of a kind of its own, what View makes of it. An empty
// resourceVersion is consistent, "0" takes what is there, any other waits until the server has come that far.
// Errors: 404; 504 for a resourceVersion that is not reached.
func (e *Engine) Get(ctx context.Context, req *request.Request, t Target, resourceVersion string) (Result, error) {
	rec, err := e.read(ctx, t, resourceVersion)
	if err != nil {
		return Result{}, err
	}
	if t.Sub != nil && t.Sub.View != nil {
		return e.view(t, rec)
	}
	return Result{Record: rec}, nil
}

func (e *Engine) read(ctx context.Context, t Target, resourceVersion string) (*cache.Record, error) {
	table, err := e.Cache.Table(ctx, t.Resource)
	if err != nil {
		return nil, e.status(err, t)
	}
	if err := e.reach(ctx, resourceVersion); err != nil {
		return nil, e.status(err, t)
	}
	if rec := table.Get(t.Key()); rec != nil {
		return rec, nil
	}
	return nil, t.notFound()
}

// reach waits until the cache can answer for a resourceVersion: "" is everything committed so far.
func (e *Engine) reach(ctx context.Context, resourceVersion string) error {
	if resourceVersion == "" {
		return e.Cache.Fresh(ctx)
	}
	rev, err := parseRV(resourceVersion)
	if err != nil || rev == 0 {
		return err
	}
	return e.reachRevision(ctx, rev)
}

func (e *Engine) reachRevision(ctx context.Context, rev int64) error {
	if e.Cache.Applied() >= rev {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, e.FreshWait)
	defer cancel()
	err := e.Cache.WaitApplied(wait, rev)
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return tooLargeRV(rev, e.Cache.Applied())
	}
	return err
}

func tooLargeRV(asked, current int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", asked, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}

func parseRV(s string) (int64, error) {
	if s == "" || s == "0" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		_, err = strconv.ParseUint(s, 10, 64)
		return 0, invalidRV(s, err)
	}
	return int64(n), nil
}

// invalidRV is told as it is; a list makes a bad request of it.
func invalidRV(s string, err error) error {
	text := "out of range"
	if err != nil {
		text = err.Error()
	}
	return field.ErrorList{field.Invalid(field.NewPath("resourceVersion"), s, text)}.ToAggregate()
}

// status turns what comes from below into an API error, once.
func (e *Engine) status(err error, t Target) error {
	var s apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case errors.As(err, &s):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return apierrors.NewTimeoutError("request did not complete within the allowed duration", 0)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, store.ErrCompacted), errors.Is(err, cache.ErrGone):
		return apierrors.NewResourceExpired("The resourceVersion for the provided list is too old.")
	case errors.Is(err, store.ErrClosed):
		return apierrors.NewServiceUnavailable("the server is shutting down")
	case errors.Is(err, store.ErrTooLarge):
		return apierrors.NewRequestEntityTooLargeError("etcdserver: request is too large")
	}
	// What has no reason of its own is told as it is.
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}}
}
