package patch

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conflict is a path that the apply sets otherwise than its owner did.
type conflict struct {
	with entry
	path []elem
}

type conflicts []conflict

func (cs conflicts) Error() string { return cs.message() }

func pathString(path []elem) string {
	var b strings.Builder
	for _, e := range path {
		b.WriteString(e.String())
	}
	return b.String()
}

// print names the manager in messages.
func (e *entry) print() string {
	s := fmt.Sprintf("%q", e.manager)
	if e.subresource != "" {
		s = fmt.Sprintf("%s with subresource %q", s, e.subresource)
	}
	if !e.applied() {
		s = fmt.Sprintf("%s using %v", s, e.version)
	}
	return s
}

func (cs conflicts) status() *apierrors.StatusError {
	causes := make([]metav1.StatusCause, len(cs))
	for i, c := range cs {
		causes[i] = metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict,
			Message: "conflict with " + c.with.print(), Field: pathString(c.path)}
	}
	return apierrors.NewApplyConflict(causes, cs.message())
}

func (cs conflicts) message() string {
	if len(cs) == 1 {
		return fmt.Sprintf("Apply failed with 1 conflict: conflict with %v: %v", cs[0].with.print(), pathString(cs[0].path))
	}
	var lines []string
	for i := range cs { // they are sorted by manager
		if i == 0 || !cs[i].with.same(&cs[i-1].with) {
			lines = append(lines, fmt.Sprintf("conflicts with %v:", cs[i].with.print()))
		}
		lines = append(lines, "- "+pathString(cs[i].path))
	}
	return fmt.Sprintf("Apply failed with %d conflicts: %s", len(cs), strings.Join(lines, "\n"))
}
