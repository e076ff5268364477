package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/pintle-io/pintle"
	"github.com/pintle-io/pintle/internal/cert"
)

// serve runs the server until a signal ends it. A second signal ends the process at once.
func serve(p program, o *options, stdout, stderr io.Writer) error {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	context.AfterFunc(ctx, release)

	log := newLogger(stderr, o.verbosity)
	tuneGC()
	bridgeKlog(log, o.verbosity)
	for _, w := range o.warnings() {
		log.Warn(w)
	}
	config := o.config(p)
	config.Logger = log
	server, err := pintle.New(config)
	if err != nil {
		return err
	}
	kubeconfig, err := writeFiles(server, p, o)
	if err != nil {
		server.Close()
		return err
	}
	if !p.asApiserver {
		go func() {
			select {
			case <-server.Ready():
				banner(stdout, o, server.URL(), kubeconfig)
			case <-ctx.Done():
			}
		}()
	}
	log.Log(ctx, -2, "serving", "url", server.URL())
	if err := server.Run(ctx); err != nil {
		return err
	}
	log.Log(context.Background(), -2, "stopped")
	return nil
}

// writeFiles writes what others find the server by. It returns the kubeconfig's path, "" when there is none.
func writeFiles(server *pintle.Server, p program, o *options) (kubeconfig string, err error) {
	if !p.asApiserver {
		kubeconfig = cert.KubeconfigPath(o.dataDir)
		if err := server.WriteKubeconfig(kubeconfig); err != nil {
			return "", fmt.Errorf("kubeconfig: %w", err)
		}
	}
	if o.portFile != "" {
		if err := cert.WriteFile(o.portFile, []byte(strconv.Itoa(server.Port())+"\n"), 0o644); err != nil {
			return "", fmt.Errorf("--port-file: %w", err)
		}
	}
	return kubeconfig, nil
}

// config is what the options mean to the server.
func (o *options) config(p program) pintle.Config {
	c := pintle.Config{
		Storage: pintle.Storage(o.storage),
		DataDir: o.dataDir,
		Etcd:    pintle.EtcdConfig{Servers: o.etcdServers, Prefix: o.etcdPrefix, CAFile: o.etcdCAFile, CertFile: o.etcdCertFile, KeyFile: o.etcdKeyFile},
		History: orNever(o.compaction), EventTTL: orNever(o.eventTTL),

		BindAddress: o.bindAddress, Port: o.securePort, AdvertiseAddress: o.advertiseAddress, ServiceCIDR: o.serviceCIDR,

		CertDir: o.certDir, TLSCertFile: o.tlsCertFile, TLSKeyFile: o.tlsKeyFile,
		TLSMinVersion: o.minVersion, TLSCipherSuites: o.cipherSuites,
		ClientCAFile: o.clientCAFile, TokenAuthFile: o.tokenAuthFile,
		NoAdmin: p.asApiserver, NoAnonymous: !o.anonymousAuth, NoProfiling: !o.profiling,

		RuntimeConfig:  o.runtimeConfig,
		RequestTimeout: o.requestTimeout, MinRequestTimeout: time.Duration(o.minRequestTimeout) * time.Second,
		MaxInFlight: orUnbounded(o.maxInflight), MaxMutatingInFlight: orUnbounded(o.maxMutating),
	}
	return c
}

// In a Config zero means the default; on the command line it means without end.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func orUnbounded(n int) int {
	if n == 0 {
		return -1
	}
	return n
}
