package main

import (
	"bytes"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// parseFor reads a command line as the program of the given name would.
func parseFor(t *testing.T, name string, args ...string) (options, error) {
	t.Helper()
	var o options
	p := programFor(name)
	return o, newFlagSet(p, &o).parse(p, &o, args)
}

func TestDefaults(t *testing.T) {
	o, err := parseFor(t, "/usr/bin/pintle")
	if err != nil {
		t.Fatal(err)
	}
	if !o.bindAddress.Equal(net.IPv4(127, 0, 0, 1)) || o.securePort != 6443 || o.dataDir != "pintle-data" || o.storage != "embedded" ||
		o.certDir != "" || o.etcdPrefix != "/registry" || o.eventTTL != time.Hour || o.compaction != 5*time.Minute ||
		o.requestTimeout != time.Minute || o.minRequestTimeout != 1800 || o.maxInflight != 400 || o.maxMutating != 200 || !o.anonymousAuth {
		t.Errorf("got %+v", o)
	}
	o, err = parseFor(t, "/opt/kubebuilder/bin/kube-apiserver", "--etcd-servers=http://127.0.0.1:2379")
	if err != nil {
		t.Fatal(err)
	}
	if !o.bindAddress.Equal(net.IPv4zero) || o.securePort != 6443 || o.dataDir != "" || o.storage != "etcd" || o.certDir != "/var/run/kubernetes" {
		t.Errorf("as kube-apiserver: %+v", o)
	}
}

// Defaults of the flags that are in force are the reference's, but where pintle means to differ.
func TestDefaultsAreTheReferences(t *testing.T) {
	var o options
	f := newFlagSet(programFor("kube-apiserver"), &o)
	later := map[string]bool{}
	for _, a := range f.later {
		later[a.name] = true
	}
	for _, a := range apiserverFlags() {
		fl := f.Lookup(a.name)
		if fl == nil {
			t.Errorf("--%s is missing", a.name)
			continue
		}
		if !later[a.name] && fl.DefValue != a.def {
			t.Errorf("--%s defaults to %q, the reference's to %q", a.name, fl.DefValue, a.def)
		}
		if fl.NoOptDefVal != a.noValue {
			t.Errorf("--%s without a value means %q, on the reference %q", a.name, fl.NoOptDefVal, a.noValue)
		}
	}
	for _, name := range securityFlags {
		if !later[name] {
			t.Errorf("--%s is refused, yet it is in force or unknown", name)
		}
	}
}

func TestFlags(t *testing.T) {
	tests := []struct {
		args []string
		err  string
		ok   func(o options) bool
	}{
		{args: []string{"--secure-port=0", "--port-file=p", "-v4"}, ok: func(o options) bool { return o.securePort == 0 && o.portFile == "p" && o.verbosity == 4 }},
		{args: []string{"--v=2"}, ok: func(o options) bool { return o.verbosity == 2 }},
		{args: []string{"--secure_port", "7"}, ok: func(o options) bool { return o.securePort == 7 }},
		{args: []string{"--storage=memory"}, ok: func(o options) bool { return o.storage == "memory" }},
		{args: []string{"--etcd-servers=http://a:1,http://b:2"}, ok: func(o options) bool {
			return o.storage == "etcd" && reflect.DeepEqual(o.etcdServers, []string{"http://a:1", "http://b:2"})
		}},
		{args: []string{"--runtime-config=api/all=true,apps/v1=false", "--runtime-config", "v1"}, ok: func(o options) bool {
			return reflect.DeepEqual(o.runtimeConfig, map[string]string{"api/all": "true", "apps/v1": "false", "v1": ""})
		}},
		{args: []string{"--service-cluster-ip-range=10.96.0.0/12,fd00::/108"}, ok: func(o options) bool {
			return o.serviceCIDR.String() == "10.96.0.0/12"
		}},
		{args: []string{"--allow-privileged", "--kubelet-timeout=3s", "--service-account-issuer=a", "--service-account-issuer=b", "--feature-gates=A=true"},
			ok: func(o options) bool {
				return slices.Equal(slices.Sorted(slices.Values(o.notInForce)), []string{"--allow-privileged", "--feature-gates", "--kubelet-timeout", "--service-account-issuer"})
			}},
		{args: []string{"--enable-logs-handler=false", "--apiserver-count", "3"}, ok: func(o options) bool { return len(o.notInForce) == 2 }},
		{args: []string{"--oidc-signing-algs=RS256", "--oidc-issuer-url="}, ok: func(o options) bool { return len(o.unenforced) == 0 }},

		{args: []string{"--no-such-flag"}, err: "unknown flag: --no-such-flag"},
		{args: []string{"--insecure-port=0"}, err: "unknown flag: --insecure-port"},
		{args: []string{"now"}, err: `unexpected argument "now"`},
		{args: []string{"--secure-port=70000"}, err: "must be between 0 and 65535"},
		{args: []string{"--secure-port=x"}, err: "invalid argument"},
		{args: []string{"--kubelet-timeout=soon"}, err: "invalid argument"},
		{args: []string{"--bind-address=here"}, err: "failed to parse IP"},
		{args: []string{"--storage=tape"}, err: `not "tape"`},
		{args: []string{"--storage=etcd"}, err: "--etcd-servers must be specified"},
		{args: []string{"--storage=memory", "--etcd-servers=http://a:1"}, err: "exclude each other"},
		{args: []string{"--etcd-certfile=x"}, err: "go together"},
		{args: []string{"--tls-cert-file=x"}, err: "go together"},
		{args: []string{"--service-cluster-ip-range=10.0.0.0"}, err: "--service-cluster-ip-range"},
		{args: []string{"--max-requests-inflight=-1"}, err: "negative"},
		{args: []string{"--request-timeout=0s"}, err: "positive"},
		{args: []string{"--event-ttl=-1s"}, err: "negative"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			o, err := parseFor(t, "pintle", tt.args...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || !tt.ok(o) {
				t.Errorf("%v, %+v", err, o)
			}
		})
	}
}

// Every flag of the reference is taken with a value of its type, whatever it does here.
func TestEveryReferenceFlagParses(t *testing.T) {
	for _, a := range apiserverFlags() {
		value := map[string]string{"bool": "true", "ip": "10.0.0.1", "duration": "1s", "mapStringString": "a=b", "stringToString": "a=b",
			"string": "x", "stringSlice": "x", "stringArray": "x", "portRange": "1-2", "version": "false", "namedCertKey": "a,b",
			"colonSeparatedMultimapStringString": "A=true", "pattern=N,...": "a=1", "quantity": "1Mi", "Level": "1"}[a.kind]
		if value == "" {
			value = "1"
		}
		switch a.name {
		case "help":
			continue
		case "service-cluster-ip-range":
			value = "10.0.0.0/16"
		case "tls-min-version":
			value = "VersionTLS12"
		case "tls-cipher-suites":
			value = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
		}
		args := []string{"--allow-unenforced-security-flags", "--etcd-servers=http://a:1", "--" + a.name + "=" + value}
		for _, pair := range [][]string{{"etcd-certfile", "etcd-keyfile"}, {"tls-cert-file", "tls-private-key-file"}} {
			if i := slices.Index(pair, a.name); i >= 0 {
				args = append(args, "--"+pair[1-i]+"=y")
			}
		}
		if _, err := parseFor(t, "kube-apiserver", args...); err != nil {
			t.Errorf("--%s: %v", a.name, err)
		}
	}
}

func TestSecurityFlags(t *testing.T) {
	tests := []struct {
		args   []string
		refuse string // "" passes
		warn   string // with --allow-unenforced-security-flags, or as it is when it passes
	}{
		{args: []string{"--authorization-mode=AlwaysAllow"}},
		{args: []string{"--authorization-mode=RBAC"}, warn: "--authorization-mode=RBAC is not in force yet"},
		{args: []string{"--authorization-mode=Node,RBAC"}, warn: "--authorization-mode=Node,RBAC is not in force yet"},
		{args: []string{"--authorization-mode=Node", "--authorization-mode=RBAC", "--bind-address=::1"}, warn: "not in force yet"},
		{args: []string{"--authorization-mode=RBAC", "--bind-address=0.0.0.0"}, refuse: "--authorization-mode=RBAC on 0.0.0.0"},
		{args: []string{"--authorization-mode=RBAC", "--bind-address=192.0.2.1"}, refuse: "--authorization-mode=RBAC on 192.0.2.1"},
		{args: []string{"--authorization-mode=Node"}, refuse: "--authorization-mode=Node"},
		{args: []string{"--authorization-mode=RBAC,Webhook"}, refuse: "--authorization-mode=RBAC,Webhook"},
		{args: []string{"--authorization-mode=AlwaysDeny"}, refuse: "--authorization-mode=AlwaysDeny"},
		{args: []string{"--authorization-mode=AlwaysAllow,RBAC"}, refuse: "--authorization-mode=AlwaysAllow,RBAC"},
		{args: []string{"--authorization-mode=Nonsense"}, refuse: "--authorization-mode=Nonsense"},
	}
	for _, name := range securityFlags {
		tests = append(tests, struct {
			args   []string
			refuse string
			warn   string
		}{args: []string{"--" + name + "=a=b"}, refuse: "--" + name})
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			o, err := parseFor(t, "pintle", tt.args...)
			if tt.refuse == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(o.warnings(), "\n"); !strings.Contains(got, tt.warn) || (tt.warn == "") != (got == "") {
					t.Errorf("warnings %q", got)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "refusing to start: "+tt.refuse+" ") {
				t.Fatalf("got %v, want a refusal of %s", err, tt.refuse)
			}
			o, err = parseFor(t, "pintle", append(tt.args, "--allow-unenforced-security-flags")...)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(o.warnings(), "\n"); !strings.Contains(got, tt.refuse) {
				t.Errorf("warnings %q do not name it", got)
			}
		})
	}
}

// The usual command line of controller-runtime's envtest.
func TestEnvtestCommandLine(t *testing.T) {
	o, err := parseFor(t, "kube-apiserver",
		"--allow-privileged=true", "--authorization-mode=RBAC", "--bind-address=127.0.0.1", "--cert-dir=/tmp/k8s_test_framework_1",
		"--client-ca-file=/tmp/k8s_test_framework_1/client-cert-auth-ca.crt", "--disable-admission-plugins=ServiceAccount",
		"--etcd-servers=http://127.0.0.1:34567", "--secure-port=45678", "--service-account-issuer=https://127.0.0.1:45678/",
		"--service-account-key-file=/tmp/k8s_test_framework_1/sa-signer.crt",
		"--service-account-signing-key-file=/tmp/k8s_test_framework_1/sa-signer.key", "--service-cluster-ip-range=10.0.0.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if o.storage != "etcd" || o.certDir != "/tmp/k8s_test_framework_1" || o.securePort != 45678 {
		t.Errorf("got %+v", o)
	}
}

func TestHelp(t *testing.T) {
	for _, name := range []string{"pintle", "kube-apiserver"} {
		for _, args := range [][]string{{"--help"}, {"-h"}} {
			var out, errOut bytes.Buffer
			if code := run(append([]string{name}, args...), &out, &errOut); code != 0 || errOut.Len() > 0 {
				t.Fatalf("%s %v: exit code %d, %s", name, args, code, errOut.String())
			}
			text := out.String()
			// envtest passes --insecure-port=0 to a program whose help names it at the start of a line.
			if regexp.MustCompile(`(?m)^\s*--insecure-port\b`).MatchString(text) {
				t.Errorf("%s: the help promises --insecure-port", name)
			}
			for _, l := range strings.Split(text, "\n") {
				if len(l) > 100 {
					t.Errorf("%s: a line of %d characters: %s", name, len(l), l)
				}
			}
			for _, a := range apiserverFlags() {
				if !a.hidden && !strings.Contains(text, a.name) {
					t.Errorf("%s: the help does not name --%s", name, a.name)
				}
			}
		}
	}
	var out bytes.Buffer
	if code := run([]string{"pintle", "help"}, &out, &out); code != 0 || !strings.Contains(out.String(), "--data-dir") {
		t.Error(code, out.String())
	}
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"pintle", "version"}, `^pintle \S+ \(Kubernetes v1\.36\.3\) go\S+ \w+/\w+\n$`},
		{[]string{"pintle", "--version"}, `^pintle \S+ \(Kubernetes v1\.36\.3\)\n$`},
		{[]string{"kube-apiserver", "--version"}, `^Kubernetes v1\.36\.3\n$`},
	} {
		var out, errOut bytes.Buffer
		if code := run(tt.args, &out, &errOut); code != 0 || !regexp.MustCompile(tt.want).MatchString(out.String()) || errOut.Len() > 0 {
			t.Errorf("%v: exit code %d, %q %q", tt.args, code, out.String(), errOut.String())
		}
	}
}

// A mistake is one line on standard error and exit code 1.
func TestMistakesAreOneLine(t *testing.T) {
	for _, args := range [][]string{
		{"pintle", "sail"},
		{"pintle", "--sail"},
		{"pintle", "serve", "now"},
		{"kube-apiserver"},
		{"kube-apiserver", "serve"},
		{"pintle", "--tls-min-version=3"},
		{"pintle", "--tls-cipher-suites=NONE"},
		{"pintle", "--audit-policy-file=x"},
	} {
		var out, errOut bytes.Buffer
		code := run(args, &out, &errOut)
		if code != 1 || out.Len() > 0 || strings.Count(errOut.String(), "\n") != 1 || !strings.HasPrefix(errOut.String(), args[0]+": ") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, out.String(), errOut.String())
		}
	}
}

func TestTLSOptions(t *testing.T) {
	o, err := parseFor(t, "pintle", "--tls-min-version=VersionTLS13", "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305")
	if err != nil || o.minVersion != 0x0304 || !reflect.DeepEqual(o.cipherSuites, []uint16{0xc02f, 0xcca9}) {
		t.Errorf("%v, %+v", err, o)
	}
}
