package pintle

import (
	"context"
	"errors"
	"runtime"

	"k8s.io/apimachinery/pkg/version"

	"github.com/pintle-io/pintle/internal/rest"
)

// Version is the Kubernetes version whose API is served; openAPIVersion is how its documents spell it.
const (
	Version        = "v1.36.3"
	openAPIVersion = "1.36"
)

// What a build does not tell, in the form in which clients expect it.
const (
	commit = "0000000000000000000000000000000000000000"
	built  = "1970-01-01T00:00:00Z"
)

// versionInfo is what /version answers.
func versionInfo() version.Info {
	return version.Info{
		Major: "1", Minor: "36", EmulationMajor: "1", EmulationMinor: "36", MinCompatibilityMajor: "1", MinCompatibilityMinor: "35",
		GitVersion: Version, GitCommit: commit, GitTreeState: "clean", BuildDate: built, GoVersion: runtime.Version(), Compiler: runtime.Compiler,
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
}

// checks are what /healthz, /livez and /readyz ask.
func (s *Server) checks() []rest.Check {
	return []rest.Check{
		{Name: "ping"},
		{Name: "log"},
		{Name: "etcd", Func: s.reachStore},
		{Name: "etcd-readiness", Ready: true, Func: s.reachStore},
		{Name: "poststarthook/start-system-namespaces-controller", Func: s.isBooted},
		{Name: "shutdown", Ready: true, Func: s.isStaying},
	}
}

func (s *Server) reachStore(ctx context.Context) error {
	_, err := s.store.Revision(ctx)
	return err
}

func (s *Server) isBooted(context.Context) error {
	select {
	case <-s.booted:
		return nil
	default:
		return errors.New("not finished")
	}
}

func (s *Server) isStaying(context.Context) error {
	if s.stopping.Err() != nil {
		return errors.New("process is shutting down")
	}
	return nil
}
