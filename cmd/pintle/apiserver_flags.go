package main

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// apiserverFlagTable is every flag of the reference, one a line, made by reference/cmd/apiserverflags.
//
//go:embed apiserver_flags.tsv
var apiserverFlagTable string

// apiserverFlag is one line of the table.
type apiserverFlag struct {
	section, name, kind string
	noValue             string // what the flag means without a value; "" if it needs one
	def                 string
	hidden              bool // deprecated or hidden: not in --help
}

func apiserverFlags() []apiserverFlag {
	var flags []apiserverFlag
	for line := range strings.Lines(apiserverFlagTable) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		def, err := strconv.Unquote(c[5])
		if err != nil {
			panic(fmt.Sprintf("apiserver_flags.tsv: %q: %v", line, err))
		}
		flags = append(flags, apiserverFlag{section: c[0], name: c[1], kind: c[3], noValue: c[4], def: def, hidden: c[6] != ""})
	}
	return flags
}

// securityFlags are those whose silence would leave the server less protected than its operator asked for. They are
// refused until they are in force.
var securityFlags = []string{
	"admission-control-config-file",
	"audit-policy-file",
	"authentication-config",
	"authentication-token-webhook-config-file",
	"authorization-config",
	"authorization-policy-file",
	"authorization-webhook-config-file",
	"encryption-provider-config",
	"oidc-ca-file",
	"oidc-client-id",
	"oidc-groups-claim",
	"oidc-groups-prefix",
	"oidc-issuer-url",
	"oidc-required-claim",
	"oidc-signing-algs",
	"oidc-username-claim",
	"oidc-username-prefix",
}

// addApiserverFlags declares the flags of the reference that have no effect here, with their types, so that a command
// line written for it parses, and a wrong value is still found.
func (f *flagSet) addApiserverFlags() {
	for _, a := range apiserverFlags() {
		if f.Lookup(a.name) != nil {
			continue
		}
		f.later = append(f.later, a)
		fs := f.FlagSet
		switch a.kind {
		case "bool":
			fs.Bool(a.name, a.def == "true", "")
		case "int", "int64":
			fs.Int64(a.name, 0, "")
		case "uint":
			fs.Uint(a.name, 0, "")
		case "float32", "float64":
			fs.Float64(a.name, 0, "")
		case "duration":
			fs.Duration(a.name, 0, "")
		case "ip":
			fs.IP(a.name, nil, "")
		case "int32Slice":
			fs.Int32Slice(a.name, nil, "")
		case "mapStringString", "stringToString":
			fs.Var(newMapValue(new(map[string]string)), a.name, "")
		case "stringSlice", "stringArray", "colonSeparatedMultimapStringString", "namedCertKey":
			fs.StringArray(a.name, nil, "")
		default: // string, portRange, quantity, pattern=N,...
			fs.String(a.name, a.def, "")
		}
		fl := fs.Lookup(a.name)
		fl.DefValue = a.def
		fl.NoOptDefVal = a.noValue
	}
}

// sortOut finds the given flags that have no effect. The security flags among them are checkSecurity's.
func (f *flagSet) sortOut(o *options) {
	o.notInForce = nil
	for _, a := range f.later {
		if f.Changed(a.name) && !slices.Contains(securityFlags, a.name) {
			o.notInForce = append(o.notInForce, "--"+a.name)
		}
	}
	slices.Sort(o.notInForce)
}

// mapValue is a flag of key=value pairs, separated by commas or given again and again.
type mapValue struct{ m *map[string]string }

func newMapValue(m *map[string]string) *mapValue { return &mapValue{m} }

func (v *mapValue) Set(s string) error {
	if *v.m == nil {
		*v.m = map[string]string{}
	}
	for pair := range strings.SplitSeq(s, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			value = ""
		}
		(*v.m)[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return nil
}

func (v *mapValue) String() string {
	if v.m == nil {
		return ""
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(*v.m)) {
		pairs = append(pairs, k+"="+(*v.m)[k])
	}
	return strings.Join(pairs, ",")
}

func (v *mapValue) Type() string { return "mapStringString" }
