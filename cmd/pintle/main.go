// Command pintle is the Kubernetes API server as one binary: flags become a Config, and pintle.Run does the rest.
//
// Nouns: a program is what the binary's name makes of it (pintle, or kube-apiserver where it is installed as that);
// options are what the command line said; the flag set holds pintle's own flags, kube-apiserver's that have an effect
// here, and all its others, which are taken and named in the log as not in force yet.
//
// Everything that goes wrong before or while serving is one line on standard error and exit code 1.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the whole program. It returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	p := programFor(args[0])
	args = args[1:]
	if !p.asApiserver && len(args) > 0 {
		switch args[0] {
		case "serve":
			args = args[1:]
		case "version":
			args = append([]string{"--version=raw"}, args[1:]...)
		case "help":
			args = []string{"--help"}
		default:
			if !strings.HasPrefix(args[0], "-") {
				return fail(stderr, p, fmt.Errorf("unknown command %q: there are serve and version (see --help)", args[0]))
			}
		}
	}
	var o options
	flags := newFlagSet(p, &o)
	if err := flags.parse(p, &o, args); err != nil {
		return fail(stderr, p, err)
	}
	switch {
	case o.help:
		flags.printHelp(stdout, p)
		return 0
	case o.version != "false":
		fmt.Fprintln(stdout, p.versionText(o.version == "raw"))
		return 0
	}
	if err := serve(p, &o, stdout, stderr); err != nil {
		return fail(stderr, p, err)
	}
	return 0
}

// fail says in one line what went wrong.
func fail(stderr io.Writer, p program, err error) int {
	fmt.Fprintf(stderr, "%s: %s\n", p.name, oneLine(explain(err)))
	return 1
}

// oneLine joins the lines of an error.
func oneLine(s string) string {
	var lines []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "; ")
}
