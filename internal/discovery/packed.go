package discovery

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// packed is a piece of a document, compressed on its own so that it can stand anywhere in a compressed document: a
// document is made of pieces by putting them one behind the other, without touching what is in them.
type packed struct {
	deflate []byte // whole blocks, none of them the last one
	size    int64  // before it was compressed
	crc     uint32 // IEEE, of what was compressed
}

// packer compresses one piece after the other.
type packer struct {
	out  bytes.Buffer
	z    *flate.Writer
	size int64
	crc  uint32
}

func newPacker() *packer {
	p := &packer{}
	p.z, _ = flate.NewWriter(&p.out, flate.BestSpeed) // errs on wrong levels only
	return p
}

// Write compresses a bit of the current piece. It cannot fail.
func (p *packer) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	p.crc = crc32.Update(p.crc, crc32.IEEETable, b)
	return p.z.Write(b)
}

// finish ends the current piece and returns it.
func (p *packer) finish() packed {
	p.z.Flush() // ends on a byte, in a block that is not the last one
	out := packed{bytes.Clone(p.out.Bytes()), p.size, p.crc}
	p.out.Reset()
	p.z.Reset(&p.out)
	p.size, p.crc = 0, 0
	return out
}

// stored is a piece that is not worth compressing, of less than 64 KiB.
func stored(b []byte) packed {
	block := binary.LittleEndian.AppendUint16([]byte{0}, uint16(len(b)))
	block = binary.LittleEndian.AppendUint16(block, ^uint16(len(b)))
	return packed{append(block, b...), int64(len(b)), crc32.ChecksumIEEE(b)}
}

// pieces is a document.
type pieces []packed

var (
	gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff}
	lastBlock  = []byte{1, 0, 0, 0xff, 0xff} // empty
)

// gzip returns the compressed document.
func (p pieces) gzip() io.ReadSeeker {
	parts := make([][]byte, 0, len(p)+3)
	parts = append(parts, gzipHeader)
	var crc uint32
	for _, piece := range p {
		parts = append(parts, piece.deflate)
		crc = joinCRC(crc, piece.crc, piece.size)
	}
	trailer := binary.LittleEndian.AppendUint32(nil, crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(p.size()))
	return &joined{parts: append(parts, lastBlock, trailer)}
}

// plain returns the document, which is decompressed while it is read.
func (p pieces) plain() io.ReadSeeker {
	return &unpacked{pieces: p, size: p.size()}
}

// size is how long the document is.
func (p pieces) size() (n int64) {
	for _, piece := range p {
		n += piece.size
	}
	return n
}

// held is how many bytes the document keeps.
func (p pieces) held() (n int) {
	for _, piece := range p {
		n += len(piece.deflate)
	}
	return n
}

// joined reads slices one behind the other.
type joined struct {
	parts [][]byte
	part  int // the next one to read of
	off   int // where in it
}

func (j *joined) Read(b []byte) (int, error) {
	for j.part < len(j.parts) {
		if n := copy(b, j.parts[j.part][j.off:]); n > 0 || len(b) == 0 {
			j.off += n
			return n, nil
		}
		j.part, j.off = j.part+1, 0
	}
	return 0, io.EOF
}

// Seek goes to a place counted from the beginning, or to the end.
func (j *joined) Seek(offset int64, whence int) (int64, error) {
	var at int64
	j.part, j.off = 0, 0
	if whence == io.SeekCurrent {
		return 0, errSeek
	}
	for ; j.part < len(j.parts); j.part++ {
		n := int64(len(j.parts[j.part]))
		if whence == io.SeekStart && at+n > offset {
			j.off = int(offset - at)
			return offset, nil
		}
		at += n
	}
	return at, nil
}

var errSeek = errors.New("discovery: a document is read from its beginning")

// unpacked reads a document while decompressing it. Going back begins at the first piece.
type unpacked struct {
	pieces pieces
	size   int64
	at     int64 // where the reader wants to be
	z      io.Reader
	zAt    int64 // where z is
}

func (u *unpacked) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		u.at = offset
	case io.SeekEnd:
		u.at = u.size + offset
	default:
		return 0, errSeek
	}
	return u.at, nil
}

func (u *unpacked) Read(b []byte) (int, error) {
	if u.at >= u.size {
		return 0, io.EOF
	}
	if u.z == nil || u.zAt > u.at {
		readers := make([]io.Reader, 0, len(u.pieces)+1)
		for _, p := range u.pieces {
			readers = append(readers, bytes.NewReader(p.deflate))
		}
		u.z, u.zAt = flate.NewReader(io.MultiReader(append(readers, bytes.NewReader(lastBlock))...)), 0
	}
	if skip := u.at - u.zAt; skip > 0 {
		n, err := io.CopyN(io.Discard, u.z, skip)
		u.zAt += n
		if err != nil {
			return 0, err
		}
	}
	n, err := u.z.Read(b)
	u.zAt += int64(n)
	u.at = u.zAt
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

// joinCRC is the checksum of two things one behind the other, of which the second is n bytes long. A checksum is a
// polynomial over GF(2), and appending n bytes multiplies it by x to the power of 8n.
func joinCRC(first, second uint32, n int64) uint32 {
	power := uint32(1) << 31  // x^0; the highest bit is the lowest power
	square := uint32(1) << 23 // x^8
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = multiplyCRC(square, power)
		}
		square = multiplyCRC(square, square)
	}
	return multiplyCRC(power, first) ^ second
}

// multiplyCRC multiplies two polynomials modulo that of the checksum.
func multiplyCRC(a, b uint32) (product uint32) {
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}
