package object

import (
	"math/rand"
	"os"
	"strings"
	"testing"
)

// Documents of filled objects, changed at random places: what the decoder makes of them, and says about them,
// is what the oracle does.
func TestMutatedDocumentsLikeOracle(t *testing.T) {
	s := seed(t)
	f, r := filler(s), rand.New(rand.NewSource(s))
	values := []string{`null`, `true`, `1`, `-0`, `1.5`, `2e3`, `99999999999`, `"x"`, `"5Gi"`, `{}`, `[]`, `[null]`, `{"a":1}`, `{"a":"b","a":"c"}`,
		`"2020-01-01T00:00:00Z"`, `"2020-01-01T00:00:00.000000Z"`, `"AQI="`, `"\ud83d\ude00\u00e9"`, "\"\xff\"", `{"foo":{"bar":[1,{}]}}`, `[ 1 , "a" ]`}
	bytes := "{}[],:\"\\0-1.ent \n\x01\xc3"
	rounds := 200
	if os.Getenv("OBJECT_LONG") != "" {
		rounds = 2000
	}
	for range rounds {
		c := fuzzCodecs[r.Intn(len(fuzzCodecs))]
		obj := c.NewObject()
		f.Fill(obj)
		b, err := c.Append(nil, JSON, obj)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			doc := string(b)
			for range 1 + r.Intn(2) {
				doc = mutate(doc, r, values, bytes)
			}
			if !t.Run("", func(t *testing.T) {
				defer func() {
					if t.Failed() {
						t.Logf("%s", doc)
					}
				}()
				checkDecode(t, JSON, []byte(doc))
				checkDecodeTree(t, []byte(doc))
			}) {
				return
			}
		}
	}
}

func mutate(doc string, r *rand.Rand, values []string, bytes string) string {
	at := r.Intn(len(doc))
	switch r.Intn(6) {
	case 0: // one byte less
		return doc[:at] + doc[at+1:]
	case 1: // one byte more
		return doc[:at] + string(bytes[r.Intn(len(bytes))]) + doc[at:]
	case 2: // another key
		if i := strings.IndexByte(doc[at:], ':'); i > 1 && doc[at+i-1] == '"' {
			return doc[:at+i-1] + "x" + doc[at+i-1:]
		}
	case 3: // a member twice, or out of its order
		if i := strings.Index(doc[at:], `,"`); i >= 0 {
			start := at + i + 1
			if colon := strings.Index(doc[start:], `":`); colon >= 0 {
				if end := skipValue([]byte(doc), start+colon+2); end > 0 {
					return doc[:end] + "," + doc[start:end] + doc[end:]
				}
			}
		}
	default: // another value
		if i := strings.Index(doc[at:], `":`); i >= 0 {
			start := at + i + 2
			if end := skipValue([]byte(doc), start); end > 0 {
				return doc[:start] + values[r.Intn(len(values))] + doc[end:]
			}
		}
	}
	return doc
}
