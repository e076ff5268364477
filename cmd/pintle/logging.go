package main

import (
	"flag"
	"io"
	"log/slog"
	"strconv"

	"k8s.io/klog/v2"
)

// newLogger returns the program's logger. -v counts as klog does: a message at V(n) is logged from -v=n on, and is
// slog's level -n, so -4 is Debug.
func newLogger(w io.Writer, verbosity int) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.Level(-verbosity)}))
}

// bridgeKlog sends what the libraries log through klog to log. klog is the process's, so this is main's to do and
// not the server's.
func bridgeKlog(log *slog.Logger, verbosity int) {
	var fs flag.FlagSet
	klog.InitFlags(&fs)
	// klog keeps a threshold of its own, which it asks before it formats anything.
	_ = fs.Set("v", strconv.Itoa(verbosity))
	klog.SetSlogLogger(log.With("from", "klog"))
}
