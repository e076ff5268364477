package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// options is what the command line said.
type options struct {
	bindAddress      net.IP
	advertiseAddress net.IP
	securePort       int
	portFile         string

	dataDir string
	storage string

	etcdServers  []string
	etcdPrefix   string
	etcdCAFile   string
	etcdCertFile string
	etcdKeyFile  string
	compaction   time.Duration
	eventTTL     time.Duration

	certDir         string
	tlsCertFile     string
	tlsKeyFile      string
	tlsMinVersion   string
	tlsCipherSuites []string

	clientCAFile    string
	tokenAuthFile   string
	anonymousAuth   bool
	authorization   []string
	allowUnenforced bool

	runtimeConfig      map[string]string
	requestTimeout     time.Duration
	minRequestTimeout  int
	maxInflight        int
	maxMutating        int
	serviceClusterCIDR string
	serviceCIDR        netip.Prefix // of serviceClusterCIDR, the first

	// minVersion and cipherSuites are tlsMinVersion and tlsCipherSuites as crypto/tls knows them.
	minVersion   uint16
	cipherSuites []uint16

	profiling bool
	verbosity int
	help      bool
	version   string

	// notInForce are the names of given flags that the reference knows and that have no effect here yet.
	notInForce []string
	// unenforced are those whose silence weakens security, let through by --allow-unenforced-security-flags.
	unenforced []string
}

// The values of --storage.
const (
	storageEmbedded = "embedded"
	storageMemory   = "memory"
	storageEtcd     = "etcd"
)

// flagSet is the whole command line, in sections for --help.
type flagSet struct {
	*pflag.FlagSet
	sections []*section
	later    []apiserverFlag
}

type section struct {
	title string
	flags *pflag.FlagSet
}

// section opens a section; its flags become part of the whole when add closes it.
func (f *flagSet) section(title string, fill func(*pflag.FlagSet)) {
	fs := pflag.NewFlagSet(title, pflag.ContinueOnError)
	fs.SortFlags = false
	fill(fs)
	f.sections = append(f.sections, &section{title, fs})
	f.AddFlagSet(fs)
}

// newFlagSet declares every flag. Those that have an effect are here; the other flags of kube-apiserver come from
// its own list.
func newFlagSet(p program, o *options) *flagSet {
	f := &flagSet{FlagSet: pflag.NewFlagSet(p.name, pflag.ContinueOnError)}
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	f.Usage = func() {}
	f.section("Serving", func(fs *pflag.FlagSet) {
		fs.IPVar(&o.bindAddress, "bind-address", p.bindAddress, "address to listen on; 0.0.0.0 or :: for all")
		fs.IPVar(&o.advertiseAddress, "advertise-address", nil, "address that the kubernetes Service leads to; --bind-address without it, or this machine's first where that is loopback or all")
		fs.IntVar(&o.securePort, "secure-port", 6443, "port for HTTPS; 0 takes any free port (see --port-file)")
		fs.StringVar(&o.portFile, "port-file", "", "file to write the port to, once it is open")
		fs.StringVar(&o.certDir, "cert-dir", p.certDir, "folder of the serving certificate, apiserver.crt and apiserver.key; made there if missing"+p.certDirNote)
		fs.StringVar(&o.tlsCertFile, "tls-cert-file", "", "serving certificate, with its chain, instead of the one in --cert-dir")
		fs.StringVar(&o.tlsKeyFile, "tls-private-key-file", "", "key of --tls-cert-file")
		fs.StringVar(&o.tlsMinVersion, "tls-min-version", "", "lowest TLS version: VersionTLS12 (as without it) or VersionTLS13")
		fs.StringSliceVar(&o.tlsCipherSuites, "tls-cipher-suites", nil, "cipher suites for TLS 1.2, by name; Go's choice without it")
		fs.DurationVar(&o.requestTimeout, "request-timeout", time.Minute, "how long a request may take, watches apart")
		fs.IntVar(&o.minRequestTimeout, "min-request-timeout", 1800, "seconds after which a watch that set no timeout may be ended; each gets a random time between this and its double")
		fs.IntVar(&o.maxInflight, "max-requests-inflight", 400, "most reading requests at a time; 0 for no limit")
		fs.IntVar(&o.maxMutating, "max-mutating-requests-inflight", 200, "most writing requests at a time; 0 for no limit")
	})
	f.section("Storage", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.dataDir, "data-dir", p.dataDir, "folder of the data, the server's own certificates and the kubeconfig")
		fs.StringVar(&o.storage, "storage", "", "embedded (synced to --data-dir), memory (gone at the end) or etcd; "+p.storageNote)
		fs.StringSliceVar(&o.etcdServers, "etcd-servers", nil, "etcd servers to store in, as URLs")
		fs.StringVar(&o.etcdPrefix, "etcd-prefix", "/registry", "what all keys in etcd begin with")
		fs.StringVar(&o.etcdCAFile, "etcd-cafile", "", "authority to trust etcd by")
		fs.StringVar(&o.etcdCertFile, "etcd-certfile", "", "client certificate to show to etcd")
		fs.StringVar(&o.etcdKeyFile, "etcd-keyfile", "", "key of --etcd-certfile")
		fs.DurationVar(&o.compaction, "etcd-compaction-interval", 5*time.Minute, "how long old revisions are kept, on any storage; 0 keeps them all")
		fs.DurationVar(&o.eventTTL, "event-ttl", time.Hour, "how long Events are kept")
	})
	f.section("Access", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.clientCAFile, "client-ca-file", "", "authorities whose client certificates prove a user (CN) and groups (O)")
		fs.StringVar(&o.tokenAuthFile, "token-auth-file", "", "CSV file of tokens: token,user,uid,\"group1,group2\"")
		fs.BoolVar(&o.anonymousAuth, "anonymous-auth", true, "answer /healthz, /livez and /readyz without credentials; nothing else is, either way")
		fs.StringSliceVar(&o.authorization, "authorization-mode", nil, "AlwaysAllow; RBAC or Node,RBAC pass on a loopback address, unenforced: whoever is authenticated may do everything until there is access control")
		fs.BoolVar(&o.allowUnenforced, "allow-unenforced-security-flags", false, "start although a flag was given that should protect the server and is not in force yet")
	})
	f.section("API", func(fs *pflag.FlagSet) {
		fs.Var(newMapValue(&o.runtimeConfig), "runtime-config", "built-in APIs to switch on or off: api/all, api/ga, api/beta, api/alpha, GROUP/VERSION or GROUP/VERSION/RESOURCE, each =true or =false")
		fs.StringVar(&o.serviceClusterCIDR, "service-cluster-ip-range", "", "range of service addresses; its first is the kubernetes Service's (10.0.0.0/24 without it)")
	})
	f.section("Logs and profiles", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.profiling, "profiling", true, "serve profiles of the process under /debug/pprof")
		fs.IntVarP(&o.verbosity, "v", "v", 0, "how much to log: 0 what an operator has to know, 2 steps of the server, 3 each request, 4 and more detail")
	})
	f.section("Other", func(fs *pflag.FlagSet) {
		fs.BoolVarP(&o.help, "help", "h", false, "this text")
		fs.StringVar(&o.version, "version", "false", "print the version; =raw tells more")
		fs.Lookup("version").NoOptDefVal = "true"
	})
	f.addApiserverFlags()
	return f
}

// parse reads the command line into o and checks it.
func (f *flagSet) parse(p program, o *options, args []string) error {
	if err := f.Parse(args); err != nil {
		return err
	}
	if rest := f.Args(); len(rest) > 0 && !o.help {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if o.help || o.version != "false" {
		return nil
	}
	f.sortOut(o)
	if err := o.complete(p); err != nil {
		return err
	}
	return o.checkSecurity(f)
}

// complete fills in what follows from other flags and refuses what makes no sense.
func (o *options) complete(p program) error {
	if o.storage == "" {
		o.storage = p.storage
		if len(o.etcdServers) > 0 {
			o.storage = storageEtcd
		}
	}
	switch {
	case !slices.Contains([]string{storageEmbedded, storageMemory, storageEtcd}, o.storage):
		return fmt.Errorf("--storage must be embedded, memory or etcd, not %q", o.storage)
	case o.storage == storageEtcd && len(o.etcdServers) == 0:
		return errors.New("--etcd-servers must be specified")
	case o.storage != storageEtcd && len(o.etcdServers) > 0:
		return fmt.Errorf("--etcd-servers and --storage=%s exclude each other", o.storage)
	case (o.etcdCertFile == "") != (o.etcdKeyFile == ""):
		return errors.New("--etcd-certfile and --etcd-keyfile go together")
	case (o.tlsCertFile == "") != (o.tlsKeyFile == ""):
		return errors.New("--tls-cert-file and --tls-private-key-file go together")
	case o.securePort < 0 || o.securePort > 65535:
		return fmt.Errorf("--secure-port %d must be between 0 and 65535", o.securePort)
	case o.bindAddress == nil:
		return errors.New("--bind-address must be an IP address")
	case o.requestTimeout <= 0 || o.minRequestTimeout <= 0:
		return errors.New("--request-timeout and --min-request-timeout must be positive")
	case o.maxInflight < 0 || o.maxMutating < 0:
		return errors.New("--max-requests-inflight and --max-mutating-requests-inflight cannot be negative")
	case o.compaction < 0 || o.eventTTL < 0:
		return errors.New("--etcd-compaction-interval and --event-ttl cannot be negative")
	}
	var err error
	if o.minVersion, err = tlsMinVersionOf(o.tlsMinVersion); err != nil {
		return err
	}
	if o.cipherSuites, err = cipherSuitesOf(o.tlsCipherSuites); err != nil {
		return err
	}
	o.serviceCIDR, err = o.serviceRange()
	return err
}

// serviceRange reads the first of the ranges of service addresses.
func (o *options) serviceRange() (netip.Prefix, error) {
	if o.serviceClusterCIDR == "" {
		return netip.Prefix{}, nil
	}
	first, _, _ := strings.Cut(o.serviceClusterCIDR, ",")
	prefix, err := netip.ParsePrefix(strings.TrimSpace(first))
	if err != nil {
		return prefix, fmt.Errorf("--service-cluster-ip-range: %w", err)
	}
	return prefix.Masked(), nil
}

// checkSecurity refuses flags that promise protection which is not there yet.
func (o *options) checkSecurity(f *flagSet) error {
	var refused []string
	for _, name := range securityFlags {
		if fl := f.Lookup(name); fl != nil && fl.Changed && fl.Value.String() != fl.DefValue {
			refused = append(refused, "--"+name)
		}
	}
	if mode := o.authorizationRefused(); mode != "" {
		refused = append(refused, mode)
	}
	if len(refused) == 0 {
		return nil
	}
	if !o.allowUnenforced {
		return fmt.Errorf("refusing to start: %s is not in force yet, and ignoring it would leave the server less protected than asked for (--allow-unenforced-security-flags starts all the same)", strings.Join(refused, ", "))
	}
	o.unenforced = refused
	return nil
}

// authorizationRefused returns the authorization mode as a flag if this server must not pretend to have it: anything
// but AlwaysAllow, except RBAC or Node,RBAC where only this machine can connect.
func (o *options) authorizationRefused() string {
	if len(o.authorization) == 0 || slices.Equal(o.authorization, []string{"AlwaysAllow"}) {
		return ""
	}
	if o.rbacOnLoopback() {
		return ""
	}
	flag := "--authorization-mode=" + strings.Join(o.authorization, ",")
	if o.onlyRBAC() {
		flag += " on " + o.bindAddress.String()
	}
	return flag
}

func (o *options) onlyRBAC() bool {
	modes := slices.Sorted(slices.Values(o.authorization))
	return slices.Equal(modes, []string{"RBAC"}) || slices.Equal(modes, []string{"Node", "RBAC"})
}

// rbacOnLoopback says whether RBAC was asked for where it may pass unenforced.
func (o *options) rbacOnLoopback() bool { return o.onlyRBAC() && o.bindAddress.IsLoopback() }

// warnings are what the operator has to be told at each start.
func (o *options) warnings() []string {
	var w []string
	if o.rbacOnLoopback() {
		w = append(w, "--authorization-mode="+strings.Join(o.authorization, ",")+" is not in force yet: whoever is authenticated may do everything")
	}
	if len(o.unenforced) > 0 {
		w = append(w, "security flags not in force, by --allow-unenforced-security-flags: "+strings.Join(o.unenforced, " "))
	}
	if len(o.notInForce) > 0 {
		w = append(w, "flags not in force yet: "+strings.Join(o.notInForce, " "))
	}
	return w
}
