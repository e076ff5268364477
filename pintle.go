// Package pintle is the Kubernetes API server as a library: a Config in, a Server out, and Run serves until its
// context ends.
//
// Nouns: a Config says where to listen, what to trust and where to keep things, and its zero value runs; a Server
// is everything that was opened for it, as one value, so that any number of them can live in one process.
//
// This file is the house plan: New opens every room in order, Run lives in them and Close leaves.
package pintle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/pintle-io/pintle/internal/authn"
	"github.com/pintle-io/pintle/internal/builtin"
	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/cert"
	"github.com/pintle-io/pintle/internal/crd"
	"github.com/pintle-io/pintle/internal/discovery"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/rest"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/embed"
	"github.com/pintle-io/pintle/internal/store/etcd"
	"github.com/pintle-io/pintle/internal/store/memory"
	"github.com/pintle-io/pintle/internal/system"
)

// Storage names a place to keep objects.
type Storage string

const (
	Embedded Storage = "embedded" // synced to Config.DataDir
	Memory   Storage = "memory"   // gone with the process
	Etcd     Storage = "etcd"     // an etcd v3 cluster, which several servers may share
)

// EtcdConfig is how to reach etcd.
type EtcdConfig struct {
	Servers                   []string // URLs
	Prefix                    string   // default /registry
	CAFile, CertFile, KeyFile string
}

// Config says how to serve. The zero Config serves from memory on a free port of 127.0.0.1, with certificates made
// on the spot.
type Config struct {
	// Storage defaults to Etcd if Etcd.Servers are given, to Embedded if a DataDir is, else to Memory.
	Storage Storage
	DataDir string
	Etcd    EtcdConfig
	// History is how long old revisions are kept for watches and lists (default 5 minutes; negative: for ever).
	History time.Duration
	// EventTTL is how long an Event lives (default 1 hour).
	EventTTL time.Duration

	// Listener is used as it is; otherwise BindAddress (default 127.0.0.1) and Port (0: any free one) are.
	Listener    net.Listener
	BindAddress net.IP
	Port        int
	// AdvertiseAddress is where clients in the cluster find the server (default: BindAddress, or the first address
	// of this machine that is not loopback).
	AdvertiseAddress net.IP
	// ServiceCIDR is the range of cluster IPs (default 10.0.0.0/24).
	ServiceCIDR netip.Prefix

	// CertDir holds apiserver.crt and apiserver.key, made if missing (default: beside the data, or in memory).
	CertDir, TLSCertFile, TLSKeyFile string
	TLSMinVersion                    uint16
	TLSCipherSuites                  []uint16
	// ClientCAFile is who signs the client certificates that are trusted, beside the server's own authority.
	ClientCAFile string
	// TokenAuthFile is a CSV file: token,user,uid,"group1,group2".
	TokenAuthFile string
	// NoAdmin leaves out the administrator's certificate and kubeconfig.
	NoAdmin bool
	// NoAnonymous refuses requests without credentials on the health endpoints too.
	NoAnonymous bool
	// NoProfiling leaves out /debug/pprof.
	NoProfiling bool

	// RuntimeConfig switches groups, versions and resources, as --runtime-config does.
	RuntimeConfig map[string]string

	// RequestTimeout bounds everything but watches (default 1 minute); MinRequestTimeout is the least that a watch
	// without a timeout lives (default 30 minutes).
	RequestTimeout, MinRequestTimeout time.Duration
	// MaxInFlight and MaxMutatingInFlight bound concurrent requests (default 400 and 200; negative: no bound).
	MaxInFlight, MaxMutatingInFlight int

	Logger *slog.Logger
	Clock  func() time.Time
	NewUID func() types.UID
	Suffix func() string

	// For tests; 0 is the default of each.
	logBytes  int64         // how much of the past the cache holds
	freshWait time.Duration // how long reads wait for a revision that is still to come
}

// Server is a running API server.
type Server struct {
	cfg      Config
	store    store.Store
	cache    *cache.Cache
	engine   *engine.Engine
	catalog  *resource.Catalog
	certs    *cert.Bundle
	listener net.Listener
	http     *http.Server
	handler  http.Handler
	sys      system.Config
	crds     *crd.Manager    // nil: CustomResourceDefinitions are switched off
	booted   chan struct{}   // closed when the system objects are there
	stopping context.Context // done when the shutdown begins: watches end
	stop     context.CancelFunc
	closing  sync.Once
	active   atomic.Int64 // requests that are being answered
}

// New opens everything that Run needs; the port is open when it returns, and requests that come before Run wait.
// Errors say in one line what is wrong: a taken port, a locked or damaged data directory, an unreadable file.
func New(c Config) (_ *Server, err error) {
	setDefaults(&c)
	s := &Server{cfg: c, catalog: &resource.Catalog{}, booted: make(chan struct{})}
	s.stopping, s.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.Close()
		}
	}()

	// The kinds, and the tokens, which one of them reviews.
	tokens, err := s.tokens()
	if err != nil {
		return nil, err
	}
	schemas := schema.NewBuiltin()
	kinds := builtin.All(resource.Deps{
		Schemas: schemas, EventTTL: c.EventTTL, Authenticator: tokens,
		NewUID: func() string { return string(c.NewUID()) },
	})
	if err := builtin.Configure(kinds, c.RuntimeConfig); err != nil {
		return nil, err
	}
	groups := builtin.Groups(kinds)
	s.catalog.Set(groups)

	// The store, and what follows it. It comes first: its lock says that the folder is ours.
	if s.store, err = openStore(c); err != nil {
		return nil, err
	}
	if s.cache, err = cache.New(cache.Config{Store: s.store, LogBytes: c.logBytes, Logger: c.Logger}); err != nil {
		return nil, err
	}
	metrics := s.newMetrics()
	s.engine = engine.New(engine.Config{
		Store: s.store, Cache: s.cache, Catalog: s.catalog, Tracker: patch.NewTracker(),
		Clock: c.Clock, NewUID: c.NewUID, Suffix: c.Suffix,
		Observe: observe(metrics), FreshWait: c.freshWait,
	})

	s.crds = crd.New(crd.Config{Engine: s.engine, Catalog: s.catalog, Builtin: groups, Schemas: schemas, NewUID: c.NewUID, Clock: c.Clock, Logger: c.Logger, Metrics: metrics})

	// Who we are, and the port.
	serviceIP := c.ServiceCIDR.Addr().Next()
	s.certs, err = cert.Ensure(cert.Options{
		Dir: c.DataDir, CertDir: c.CertDir, CertFile: c.TLSCertFile, KeyFile: c.TLSKeyFile, ClientCAFile: c.ClientCAFile,
		NoAdmin: c.NoAdmin, Bind: c.BindAddress, ServiceIP: serviceIP.AsSlice(), Now: c.Clock,
	})
	if err != nil {
		return nil, err
	}
	if s.listener = c.Listener; s.listener == nil {
		if s.listener, err = net.Listen("tcp", net.JoinHostPort(c.BindAddress.String(), strconv.Itoa(c.Port))); err != nil {
			return nil, err
		}
	}

	// Who may come in, and the way down.
	s.handler = rest.New(rest.Config{
		Engine: rest.FromEngine(s.engine), Catalog: s.catalog, Settle: s.crds.Settle, Authn: s.authenticator(tokens),
		Discovery: discovery.New(s.catalog.Load, s.addresses),
		OpenAPI: discovery.NewOpenAPI(discovery.OpenAPIConfig{
			Snapshot: s.catalog.Load, Schemas: schemas, Version: openAPIVersion, Build: Version, Clock: c.Clock,
			Custom: s.customSchema, CustomHash: func(v *resource.Version) string { return v.Origin },
		}),
		Checks: s.checks(), Version: versionInfo(), Others: profiling(c),
		Metrics: metrics, Logger: c.Logger, Now: c.Clock, Stopping: s.stopping.Done(),
		Limits: rest.Limits{Request: c.RequestTimeout, MinWatch: c.MinRequestTimeout, ReadOnly: c.MaxInFlight, Mutating: c.MaxMutatingInFlight},
	})
	s.http = s.server()
	s.sys = system.Config{Engine: s.engine, Catalog: s.catalog, Clock: c.Clock, Logger: c.Logger,
		Address: s.advertised(), Port: s.Port(), ServiceIP: serviceIP}
	return s, nil
}

// customSchema is what OpenAPI says of a custom resource beyond what serves it.
func (s *Server) customSchema(v *resource.Version) discovery.CustomSchema {
	schema, preserves, selectable := s.crds.OpenAPI(v)
	return discovery.CustomSchema{Schema: schema, PreserveUnknown: preserves, SelectableFields: selectable}
}

func setDefaults(c *Config) {
	if c.Storage == "" {
		switch {
		case len(c.Etcd.Servers) > 0:
			c.Storage = Etcd
		case c.DataDir != "":
			c.Storage = Embedded
		default:
			c.Storage = Memory
		}
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.History, 5*time.Minute)
	def(&c.EventTTL, time.Hour)
	def(&c.RequestTimeout, time.Minute)
	def(&c.MinRequestTimeout, 30*time.Minute)
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 400
	}
	if c.MaxMutatingInFlight == 0 {
		c.MaxMutatingInFlight = 200
	}
	if c.Etcd.Prefix == "" {
		c.Etcd.Prefix = "/registry"
	}
	if c.BindAddress == nil {
		c.BindAddress = net.IPv4(127, 0, 0, 1)
	}
	if !c.ServiceCIDR.IsValid() {
		c.ServiceCIDR = netip.MustParsePrefix("10.0.0.0/24")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.NewUID == nil {
		c.NewUID = func() types.UID { return types.UID(uuid.NewString()) }
	}
	if c.Suffix == nil {
		c.Suffix = func() string { return rand.String(5) }
	}
}

func openStore(c Config) (store.Store, error) {
	switch c.Storage {
	case Memory:
		return memory.New(memory.Config{Clock: c.Clock}), nil
	case Embedded:
		if c.DataDir == "" {
			return nil, errors.New("the embedded store needs a data directory")
		}
		return opened(embed.Open(embed.Config{Dir: c.DataDir + "/store", Clock: c.Clock, Logger: c.Logger}))
	case Etcd:
		return opened(etcd.New(context.Background(), etcd.Config{Endpoints: c.Etcd.Servers, Prefix: c.Etcd.Prefix, CAFile: c.Etcd.CAFile, CertFile: c.Etcd.CertFile, KeyFile: c.Etcd.KeyFile}))
	}
	return nil, fmt.Errorf("unknown storage %q: there are embedded, memory and etcd", c.Storage)
}

// opened makes a nil store of any type a nil Store when there is an error.
func opened[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// tokens are the bearer tokens that are known.
func (s *Server) tokens() (authn.Bearer, error) {
	if s.cfg.TokenAuthFile == "" {
		return nil, nil
	}
	file, err := authn.ReadTokenFile(s.cfg.TokenAuthFile, func(w string) { s.cfg.Logger.Warn(w) })
	if err != nil {
		return nil, err
	}
	return authn.Bearer{file.Token}, nil
}

func (s *Server) authenticator(tokens authn.Bearer) *authn.Chain {
	chain := &authn.Chain{}
	if s.certs.ClientCAs != nil {
		chain.Credentials = append(chain.Credentials, authn.NewX509(s.certs.ClientCAs, s.cfg.Clock))
	}
	chain.Credentials = append(chain.Credentials, tokens)
	if !s.cfg.NoAnonymous {
		chain.Anonymous = authn.NewAnonymous()
	}
	return chain
}

// server is the HTTP server: HTTP/1.1 and HTTP/2 over TLS, with bounds on what a client can make it hold.
func (s *Server) server() *http.Server {
	conf := s.certs.TLS()
	if s.cfg.TLSMinVersion != 0 {
		conf.MinVersion = s.cfg.TLSMinVersion
	}
	if len(s.cfg.TLSCipherSuites) > 0 {
		conf.CipherSuites = s.cfg.TLSCipherSuites
	}
	conf.NextProtos = []string{"h2", "http/1.1"}
	// Each TLS record is a write to the socket. Small first records help browsers on slow lines; here they would make
	// three writes of a pod's event and eighty of a list of a hundred objects.
	conf.DynamicRecordSizingDisabled = true
	return &http.Server{
		Handler:           s.counted(s.handler),
		TLSConfig:         conf,
		MaxHeaderBytes:    1 << 20,
		ReadHeaderTimeout: 32 * time.Second,
		IdleTimeout:       3 * time.Minute,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 250, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
}

// Run serves until ctx is done: then it takes no more connections, lets requests finish, ends watches, syncs and
// closes. It returns nil after an orderly end.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	s.crds.Begin()
	failed := make(chan error, 1)
	go func() { failed <- s.http.ServeTLS(s.listener, "", "") }()
	var work sync.WaitGroup
	work.Go(func() { s.background(s.stopping) })
	defer work.Wait()
	defer s.stop()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.stop() // ends watches; other requests finish
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.RequestTimeout)
	defer cancel()
	return s.shutdown(grace)
}

// background is what the server does without being asked.
func (s *Server) background(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	if s.crds != nil {
		work.Go(func() { s.crds.Run(ctx) })
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := system.Bootstrap(ctx, s.sys)
		if err == nil || ctx.Err() != nil {
			break
		}
		s.cfg.Logger.Error("the system objects could not be made", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	if ctx.Err() != nil {
		return
	}
	close(s.booted)
	work.Go(func() { system.RunNamespaces(ctx, s.sys) })
	if s.cfg.History > 0 {
		work.Go(func() {
			if err := store.RunCompactor(ctx, s.store, s.cfg.History); err != nil && ctx.Err() == nil {
				s.cfg.Logger.Error("old revisions are not compacted any more", "err", err)
			}
		})
	}
}

// Close lets go of everything. It is called by Run, and needed only for a Server that is never run.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.stop()
		if s.listener != nil {
			s.listener.Close()
		}
		if s.cache != nil {
			s.cache.Close()
		}
		if s.store != nil {
			if err := s.store.Close(); err != nil {
				s.cfg.Logger.Error("the store did not close well", "err", err)
			}
		}
	})
}

// Handler answers API requests without a listener: for tests and for embedding.
func (s *Server) Handler() http.Handler { return s.handler }

// Port is the port that is listened on.
func (s *Server) Port() int {
	if a, ok := s.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// URL is where the server is reached from this machine.
func (s *Server) URL() string {
	host := s.cfg.BindAddress
	if host.IsUnspecified() {
		host = net.IPv4(127, 0, 0, 1)
	}
	return "https://" + net.JoinHostPort(host.String(), strconv.Itoa(s.Port()))
}

// Ready is closed when the system objects are there and /readyz says so.
func (s *Server) Ready() <-chan struct{} { return s.booted }

// CA is the PEM of the authority that clients trust the server by.
func (s *Server) CA() []byte { return s.certs.ServerCA }

// Admin is the administrator's client certificate and key, as PEM; nil with Config.NoAdmin.
func (s *Server) Admin() (certPEM, keyPEM []byte) {
	if s.certs.Admin == nil {
		return nil, nil
	}
	return s.certs.Admin.CertPEM, s.certs.Admin.KeyPEM
}

// Kubeconfig is a kubeconfig for the administrator; nil with Config.NoAdmin.
func (s *Server) Kubeconfig() []byte {
	if s.certs.Admin == nil {
		return nil
	}
	return s.certs.Kubeconfig(s.URL())
}

// WriteKubeconfig writes the administrator's kubeconfig to a file of mode 0600, unless the one that is there already
// leads to this server.
func (s *Server) WriteKubeconfig(path string) error { return s.certs.WriteKubeconfig(path, s.URL()) }

// ClientTLS is a configuration to reach the server with as its administrator.
func (s *Server) ClientTLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.certs.ServerCA)
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if s.certs.Admin != nil {
		conf.Certificates = []tls.Certificate{s.certs.Admin.TLS()}
	}
	return conf
}
