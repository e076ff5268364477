// Command apiserverflags prints every flag of the reference kube-apiserver, hidden and deprecated ones included, one a line:
// section, name, shorthand, type, value without a word after it, default, deprecation. cmd/pintle's table of flags
// is made from it:
//
//	go run ./cmd/apiserverflags >../cmd/pintle/apiserver_flags.tsv
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register" // adds the log-json flags, as in the program
	"k8s.io/component-base/version/verflag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

func main() { os.Stdout.WriteString(table()) }

// table is the list as text.
func table() string {
	var out strings.Builder
	sets := options.NewServerRunOptions().Flags()
	verflag.AddFlags(sets.FlagSet("global"))
	globalflag.AddGlobalFlags(sets.FlagSet("global"), "kube-apiserver", logs.SkipLoggingConfigurationFlags())
	for _, section := range sets.Order {
		var lines []string
		sets.FlagSet(section).VisitAll(func(f *pflag.Flag) {
			def := f.DefValue
			if section == "generic" && strings.Contains(f.Name, "feature-gates") {
				def = ""
			}
			state := ""
			switch {
			case f.Deprecated != "":
				state = "deprecated"
			case f.Hidden:
				state = "hidden"
			}
			lines = append(lines, strings.Join([]string{section, f.Name, f.Shorthand, f.Value.Type(), f.NoOptDefVal, strconv.Quote(def), state}, "\t"))
		})
		sort.Strings(lines)
		for _, l := range lines {
			fmt.Fprintln(&out, l)
		}
	}
	return out.String()
}
