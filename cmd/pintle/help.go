package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// printHelp writes the usage: what the program is, its flags in sections, and the names of those of the
// reference that are taken and have no effect yet.
func (f *flagSet) printHelp(w io.Writer, p program) {
	width := helpWidth()
	fmt.Fprintln(w, wrap(p.about, "", width))
	fmt.Fprintf(w, "\nUsage:\n  %s\n", strings.Join(p.usage, "\n  "))
	for _, s := range f.sections {
		fmt.Fprintf(w, "\n%s:\n", s.title)
		s.flags.VisitAll(func(fl *pflag.Flag) { printFlag(w, fl, width) })
	}
	var refused []string
	var order []string
	later := map[string][]string{}
	for _, a := range f.later {
		switch {
		case slices.Contains(securityFlags, a.name):
			refused = append(refused, "--"+a.name)
		case !a.hidden:
			if later[a.section] == nil {
				order = append(order, a.section)
			}
			later[a.section] = append(later[a.section], a.name)
		}
	}
	fmt.Fprintf(w, "\nRefused until they are in force, for what they promise to protect:\n%s\n", wrap(strings.Join(refused, " "), "  ", width))
	// Names without their dashes: programs look for a flag's support at the start of a line of this text.
	fmt.Fprintln(w, "\nFlags of kube-apiserver that are taken and not in force yet:")
	for _, s := range order {
		fmt.Fprintf(w, "  %s:\n%s\n", s, wrap(strings.Join(later[s], " "), "    ", width))
	}
}

// printFlag writes one flag: its name and type on a line, what it is for below.
func printFlag(w io.Writer, fl *pflag.Flag, width int) {
	head := "      --" + fl.Name
	if fl.Shorthand != "" {
		head = "  -" + fl.Shorthand + ", --" + fl.Name
	}
	if t := typeWord(fl.Value.Type()); t != "" && fl.NoOptDefVal == "" {
		head += " " + t
	}
	if d := defaultWord(fl); d != "" {
		head += " (default " + d + ")"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, wrap(fl.Usage, strings.Repeat(" ", 10), width))
}

func typeWord(t string) string {
	switch t {
	case "stringSlice":
		return "strings"
	case "mapStringString":
		return "key=value,..."
	case "bool":
		return ""
	}
	return t
}

func defaultWord(fl *pflag.Flag) string {
	switch fl.DefValue {
	case "", "0", "[]", "false", "<nil>":
		return ""
	}
	return fl.DefValue
}

// helpWidth is the terminal's width if the shell tells it, within reason.
func helpWidth() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		return min(max(n, 60), 120)
	}
	return 100
}

// wrap breaks text into lines of at most width characters, each after indent.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	col := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case col == 0:
			b.WriteString(indent)
			col = len(indent)
		case col+1+len(word) > width:
			b.WriteString("\n" + indent)
			col = len(indent)
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += len(word)
	}
	return b.String()
}
