package script

import (
	"fmt"
	"strings"
)

// Compare tells how the answers differ from the recorded ones, as lines of a
// diff by step ("-" recorded, "+" got); "" if they are the same.
func (s *Script) Compare(answers []Answer) string {
	got := map[string]string{}
	for _, a := range answers {
		got[a.Name] = a.Text
	}
	var b strings.Builder
	for _, step := range s.Steps {
		if step.Kind == Watch || step.Kind == Define {
			continue
		}
		if text := got[step.answer()]; text != step.Want {
			fmt.Fprintf(&b, "%s: %s\n%s", step.answer(), firstLine(s.requestOf(step)), diff(step.Want, text))
		}
	}
	return b.String()
}

// requestOf is the request that a step's answer belongs to.
func (s *Script) requestOf(step Step) string {
	for _, st := range s.Steps {
		if st.Number == step.Number && st.Kind != Define && (st.Kind == Watch) == (step.Kind == Events) {
			return st.Request
		}
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// diff shows the changed lines of two small texts with two lines around them,
// by the longest common subsequence.
func diff(want, got string) string {
	a, b := strings.Split(strings.TrimSuffix(want, "\n"), "\n"), strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	common := make([][]int, len(a)+1) // [i][j]: length for a[i:], b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[j])
			j++
		}
	}
	return around(lines)
}

// around leaves out what is far from any change.
func around(lines []string) string {
	const context = 2
	keep := make([]bool, len(lines))
	for i, l := range lines {
		if l[0] != ' ' {
			for k := max(0, i-context); k <= min(len(lines)-1, i+context); k++ {
				keep[k] = true
			}
		}
	}
	var b strings.Builder
	for i, l := range lines {
		if keep[i] {
			b.WriteString("  " + l + "\n")
		} else if i > 0 && keep[i-1] {
			b.WriteString("    ...\n")
		}
	}
	return b.String()
}
