package resource

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// CompareVersions orders the versions of a custom group as discovery lists them, the preferred one first: released
// ones, then betas, then alphas, each with the highest numbers first; then whatever else a version is called, by name.
//
//	v10 v2 v1 v11beta2 v10beta3 v3beta1 v12alpha1 v11alpha2 foo1 foo10
func CompareVersions(a, b string) int {
	if a == b {
		return 0
	}
	x, okX := parseVersion(a)
	y, okY := parseVersion(b)
	switch {
	case okX && okY:
		return cmp.Or(cmp.Compare(y.stage, x.stage), cmp.Compare(y.major, x.major), cmp.Compare(y.minor, x.minor))
	case okX:
		return -1
	case okY:
		return 1
	}
	return strings.Compare(a, b)
}

// SortGroupVersions sorts the versions of a custom group, see CompareVersions. Versions that mean the same (v1 and v01)
// keep their order.
func SortGroupVersions(versions []GroupVersion) {
	slices.SortStableFunc(versions, func(a, b GroupVersion) int { return CompareVersions(a.Name, b.Name) })
}

// SortGroups sorts custom groups as a Snapshot has them, which is behind all built-in ones: by name. (The document of
// /apis alone has them in another order; discovery sees to it.)
func SortGroups(groups []Group) {
	slices.SortFunc(groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
}

// SortRows sorts the custom resources of one group and version as discovery lists them: by plural name.
func SortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Resource.Names.Plural, b.Resource.Names.Plural) })
}

// The stages of a version.
const (
	alpha = iota
	beta
	released
)

type version struct{ stage, major, minor int }

// parseVersion reads v1, v1beta2 and v1alpha3. Numbers that do not fit an int make it another kind of name.
func parseVersion(s string) (v version, ok bool) {
	s, ok = strings.CutPrefix(s, "v")
	if !ok {
		return v, false
	}
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		v.stage = released
		v.major, ok = number(s)
		return v, ok
	}
	major, rest := s[:digits], s[digits:]
	minor, ok := strings.CutPrefix(rest, "beta")
	v.stage = beta
	if !ok {
		minor, ok = strings.CutPrefix(rest, "alpha")
		v.stage = alpha
	}
	if !ok {
		return v, false
	}
	var okMinor bool
	v.major, ok = number(major)
	v.minor, okMinor = number(minor)
	return v, ok && okMinor
}

// number reads digits and nothing else.
func number(s string) (int, bool) {
	if strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
