package schema

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	netutils "k8s.io/utils/net"
)

// format is a format of strings that is checked.
type format struct{ check func(string) bool }

// formatOf is what a format asks of strings under a type; nil when it is not known, or none of strings.
func formatOf(t Type, name string) *format {
	if name == "" || t != String && t != Any && t != IntOrString {
		return nil
	}
	return formats()[strings.ReplaceAll(name, "-", "")]
}

// checkedFormat is the node's format, if values are checked for it.
func (s *Schema) checkedFormat() string {
	switch {
	case s.Format == "":
		return ""
	case s.Limits != nil && s.Limits.format != nil,
		s.Type == Integer && (s.Format == "int32" || s.Format == "int64"),
		s.Type == Number && (s.Format == "float" || s.Format == "double"):
		return s.Format
	}
	return ""
}

// KnownFormat says whether a format is one that values of the type are checked for.
func KnownFormat(typ, format string) bool {
	s := Schema{Type: typeOf(typ), Format: format}
	return formatOf(s.Type, format) != nil || s.checkedFormat() != ""
}

// formats are those that the schemas of custom resources may have, without their dashes.
var formats = sync.OnceValue(func() map[string]*format {
	return map[string]*format{
		"bsonobjectid": {func(s string) bool { return len(s) == 24 && isHex(s) }},
		"uri":          {func(s string) bool { _, err := url.ParseRequestURI(s); return err == nil }},
		"email":        {func(s string) bool { a, err := mail.ParseAddress(s); return err == nil && a.Address != "" }},
		"hostname":     {isHostname},
		"ipv4":         {isIPv4},
		"ipv6":         {isIPv6},
		"cidr":         {func(s string) bool { _, _, err := netutils.ParseCIDRSloppy(s); return err == nil }},
		"mac":          {func(s string) bool { _, err := net.ParseMAC(s); return err == nil }},
		"uuid":         {func(s string) bool { return isUUID(s, 0) }},
		"uuid3":        {func(s string) bool { return isUUID(s, '3') }},
		"uuid4":        {func(s string) bool { return isUUID(s, '4') }},
		"uuid5":        {func(s string) bool { return isUUID(s, '5') }},
		"isbn":         {func(s string) bool { return isISBN10(s) || isISBN13(s) }},
		"isbn10":       {isISBN10},
		"isbn13":       {isISBN13},
		"creditcard":   {isCreditCard},
		"ssn":          {isSSN},
		"hexcolor":     {isHexColor},
		"rgbcolor":     {isRGBColor},
		"byte":         {isBase64},
		"password":     {func(string) bool { return true }},
		"date":         {isDate},
		"duration":     {isDuration},
		"datetime":     {isDateTime},
		"k8sshortname": {isShortName},
		"k8slongname":  {isLongName},
	}
})

func isHex(s string) bool {
	for i := range len(s) {
		if _, ok := hexDigit(s[i]); !ok {
			return false
		}
	}
	return true
}

func hexDigit(c byte) (lower byte, ok bool) {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return c, c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func areDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// isUUID accepts upper case, and lets dashes be left out. A version is the first digit of the third group; 4 and 5 also say
// what the fourth begins with.
func isUUID(s string, version byte) bool {
	n := 0 // digits
	for i := range len(s) {
		if s[i] == '-' && i > 0 && s[i-1] != '-' && (n == 8 || n == 12 || n == 16 || n == 20) {
			continue
		}
		c, ok := hexDigit(s[i])
		switch {
		case !ok, n == 12 && version != 0 && c != version:
			return false
		case n == 16 && version >= '4' && c != '8' && c != '9' && c != 'a' && c != 'b':
			return false
		}
		n++
	}
	return n == 32
}

func isIPv4(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return true
	}
	return strings.Contains(s, ".") && netutils.ParseIPSloppy(s) != nil // zeros in front, or an IPv4 inside an IPv6 address
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

func isBase64(s string) bool {
	if len(s) == 0 || len(s)%4 != 0 {
		return false
	}
	body := strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	for i := range len(body) {
		if c := body[i]; !isAlphanumeric(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// isDateTime looks at the date, and at the time up to a second t, if there is one.
func isDateTime(s string) bool {
	t := strings.IndexAny(s, "tT")
	if len(s) < 4 || t < 0 || !isDate(s[:t]) {
		return false
	}
	s = s[t+1:]
	if t := strings.IndexAny(s, "tT"); t >= 0 {
		s = s[:t]
	}
	if len(s) < len("00:00:00z") || s[2] != ':' || s[5] != ':' || !areDigits(s[:2]) || !areDigits(s[3:5]) || !areDigits(s[6:8]) {
		return false
	}
	if s[:2] > "23" || s[3:5] > "59" || s[6:8] > "59" {
		return false
	}
	s = s[8:]
	if isZone(s) {
		return true
	}
	// Any character may stand before a fraction.
	r, n := utf8.DecodeRuneInString(s)
	digits := s[n:]
	end := 0
	for end < len(digits) && isDigit(digits[end]) {
		end++
	}
	return r != '\n' && end > 0 && isZone(digits[end:])
}

func isZone(s string) bool {
	return s == "z" || s == "Z" || len(s) == 6 && (s[0] == '+' || s[0] == '-') && areDigits(s[1:3]) && s[3] == ':' && areDigits(s[4:])
}

// spans finds what may be part of a duration in words ("3 hours"), wherever it stands.
var spans = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\d+)\s*([A-Za-zµ]+)`) })

// isDuration accepts what Go does, and text in which there is an amount of some unit of time.
func isDuration(s string) bool {
	if _, err := time.ParseDuration(s); err == nil {
		return true
	}
	found := false
	for _, m := range spans().FindAllStringSubmatch(s, -1) {
		if _, err := strconv.Atoi(m[1]); err != nil {
			return false
		}
		found = found || isTimeUnit(strings.ToLower(m[2]))
	}
	return found
}

func isTimeUnit(s string) bool {
	switch s {
	case "ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk":
		return true
	}
	for _, prefix := range [...]string{"nano", "micro", "milli", "sec", "min", "hour", "day", "week"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func isShortName(s string) bool { return len(s) <= 63 && isLabel(s) }

func isLongName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel says that s consists of lower case letters, digits and, inside, dashes.
func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isDigit(c) && (c < 'a' || c > 'z') && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return s != ""
}

// isHostname accepts a single label, or labels with a last one of letters only, in any script.
func isHostname(s string) bool {
	if len(s) > 255 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > 63 {
			return false
		}
	}
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return isLoneLabel(s)
	}
	last := s[dot+1:]
	if n := utf8.RuneCountInString(last); n < 2 || n > 63 || strings.IndexFunc(last, func(r rune) bool { return !unicode.IsLetter(r) }) >= 0 {
		return false
	}
	for label := range strings.SplitSeq(s[:dot], ".") {
		if !isHostLabel(label) {
			return false
		}
	}
	return true
}

func isHostRune(r rune) bool {
	return r >= '0' && r <= '9' || unicode.IsLetter(r) || unicode.IsSymbol(r)
}

// isHostLabel is a label of several: dashes inside.
func isHostLabel(s string) bool {
	n := utf8.RuneCountInString(s)
	i := 0
	for _, r := range s {
		if !isHostRune(r) && (r != '-' || i == 0 || i == n-1) {
			return false
		}
		i++
	}
	return n > 0 && n <= 63
}

// isLoneLabel is a hostname of one label: no dash but after its first character.
func isLoneLabel(s string) bool {
	i := 0
	dash := false
	for _, r := range s {
		if i == 1 && r == '-' && !dash {
			dash = true
			continue
		}
		if !isHostRune(r) {
			return false
		}
		i++
	}
	return i > 0 && i <= 63
}

func isSSN(s string) bool {
	return len(s) == 11 && areDigits(s[:3]) && isGap(s[3]) && areDigits(s[4:6]) && isGap(s[6]) && areDigits(s[7:])
}

func isGap(c byte) bool { return c == ' ' || c == '-' }

func isHexColor(s string) bool {
	s = strings.TrimPrefix(s, "#")
	return (len(s) == 3 || len(s) == 6) && isHex(s)
}

var rgb = sync.OnceValue(func() *regexp.Regexp {
	const part = `\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*`
	return regexp.MustCompile(`^rgb\(` + part + "," + part + "," + part + `\)$`)
})

func isRGBColor(s string) bool { return rgb().MatchString(s) }

// isbnDigits are the characters of an ISBN without gaps.
func isbnDigits(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\f', '\r', '-':
			return -1
		}
		return r
	}, s)
}

func isISBN10(s string) bool {
	s = isbnDigits(s)
	if len(s) != 10 || !areDigits(s[:9]) || !isDigit(s[9]) && s[9] != 'X' {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += (i + 1) * int(s[i]-'0')
	}
	if s[9] == 'X' {
		return (sum+100)%11 == 0
	}
	return (sum+10*int(s[9]-'0'))%11 == 0
}

func isISBN13(s string) bool {
	s = isbnDigits(s)
	if len(s) != 13 || !areDigits(s) {
		return false
	}
	sum := 0
	for i := range 12 {
		sum += (1 + i%2*2) * int(s[i]-'0')
	}
	return int(s[12]-'0') == (10-sum%10)%10
}

var cards = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$`)
})

func isCreditCard(s string) bool {
	s = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	if !cards().MatchString(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}
