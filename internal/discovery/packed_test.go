package discovery

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
)

// TestPieces wants documents of random pieces to read, whole and from anywhere, as what they were made of.
func TestPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var want []byte
		var doc pieces
		p := newPacker()
		for range random.IntN(6) {
			b := bytes.Repeat([]byte("pintle"), random.IntN(3000))
			for i := range b {
				if random.IntN(3) == 0 {
					b[i] = byte(random.Uint32())
				}
			}
			want = append(want, b...)
			p.Write(b[:len(b)/2])
			p.Write(b[len(b)/2:])
			doc = append(doc, p.finish())
		}
		z, err := gzip.NewReader(doc.gzip())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("gzip: %d bytes, want %d: %v", len(got), len(want), err)
		}
		if got, err := io.ReadAll(doc.plain()); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("plain: %d bytes, want %d: %v", len(got), len(want), err)
		}
		packed, err := io.ReadAll(doc.gzip())
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]struct {
			io.ReadSeeker
			want []byte
		}{"gzip": {doc.gzip(), packed}, "plain": {doc.plain(), want}} {
			if n, err := r.Seek(0, io.SeekEnd); err != nil || n != int64(len(r.want)) {
				t.Fatalf("%s: the end is at %d, want %d: %v", name, n, len(r.want), err)
			}
			for range 5 {
				from := random.IntN(len(r.want) + 1)
				if _, err := r.Seek(int64(from), io.SeekStart); err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, r.want[from:]) {
					t.Fatalf("%s from %d: %d bytes, want %d: %v", name, from, len(got), len(r.want)-from, err)
				}
			}
		}
	}
}
