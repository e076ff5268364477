package main

import (
	"errors"
	"io/fs"
	"net"
	"syscall"
)

// explain says what an error means where the system's own words do not help a newcomer.
func explain(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "listen" && op.Addr != nil {
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return "address " + op.Addr.String() + " is taken by another program: choose another with --secure-port (0 takes any free port)"
		case errors.Is(err, syscall.EACCES):
			return "address " + op.Addr.String() + " needs more privileges: choose another with --secure-port"
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return "address " + op.Addr.String() + " is not one of this machine's: choose another with --bind-address"
		}
	}
	var path *fs.PathError
	if errors.As(err, &path) && errors.Is(err, fs.ErrPermission) {
		return err.Error() + " (who started the server may not " + path.Op + " it)"
	}
	return err.Error()
}
