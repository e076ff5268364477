package schema

import (
	"math/rand/v2"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/strfmt"

	"github.com/pintle-io/pintle/internal/corpus"
)

var formatSamples = []string{
	"", "a", "a.b", "a-b.example.com", "-a.b", "a-", "a--b", "a.b.", "ex_ample.com", "日本.語語", "a.c0", "☃.net", "ab.c", "\xff.ab",
	"0123456789abcdef01234567", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-32d3-a456-426614174000", "123E4567e89b42d3a456426614174000",
	"123e4567-e89b-52d3-8456-426614174000", "1.2.3.4", "01.2.3.4", "1.2.3.256", "::ffff:1.2.3.4", "::1", "fe80::1%eth0", "10.0.0.0/8", "10.0.0.010/8", "::/0",
	"01:23:45:67:89:ab", "0123.4567.89ab", "0321751043", "978-0321751041", "080442957X", "0-8044-2957-x", "4111 1111 1111 1111", "5105105105105100", "4111111111111112",
	"123-45-6789", "123 45 6789", "123-456789", "#fff", "FFFFFF", "#ffff", "rgb(1,2,3)", "rgb( 255 , 0,10 )", "rgb(256,0,0)", "YWJj", "YWI=", "YQ==", "YQ=", "=", "A===",
	"2020-01-01", "2020-02-30", "2020-01-01T00:00:00Z", "2020-01-01t23:59:59.123z", "2020-01-01T00:00:00+01:00", "2020-01-01T24:00:00Z", "2020-01-01T00:00:00,5Z",
	"2020-01-01T00:00:00+01+01:00", "2020-01-01T00:00:00Ztx", "2020-01-01T00:00:00\n5Z", "3h", "3 hours", "1.5h", "2 weeks and 3 days", "5 parsecs", "5 minutesago", "1 µs", "99999999999999999999 s",
	"http://a/b", "/a", "a", "http://[::1", "a@b.c", "A <a@b.c>", "a@", "a-b", "A-b", "a.b-c", "a..b", "lower-case", "x\n", "KELVIN\u212a",
}

// TestFormats compares what is valid with the library that defines it, for samples and for what is nearly one.
func TestFormats(t *testing.T) {
	check := func(s string) {
		for name, f := range formats() {
			if want := strfmt.Default.Validates(name, s); f.check(s) != want {
				t.Errorf("%s: %q: want %v", name, s, want)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	const letters = "aZz09-.:/T +=#_\n\u212aé%@,\x80"
	for _, s := range formatSamples {
		check(s)
		for range 300 {
			b := []byte(s)
			for range r.IntN(3) + 1 {
				i := r.IntN(len(b) + 1)
				switch c := letters[r.IntN(len(letters))]; {
				case i == len(b):
					b = append(b, c)
				case r.IntN(2) == 0:
					b[i] = c
				default:
					b = append(b[:i], b[i+1:]...)
				}
			}
			check(string(b))
		}
	}
}

func FuzzFormats(f *testing.F) {
	for _, s := range formatSamples {
		f.Add(s)
	}
	corpus.Add(f)
	f.Fuzz(func(t *testing.T, s string) {
		for name, f := range formats() {
			if want := strfmt.Default.Validates(name, s); f.check(s) != want {
				t.Errorf("%s: %q: want %v", name, s, want)
			}
		}
	})
}
