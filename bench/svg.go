package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// svg plots how many times pintle's figure the reference's is, one bar a row and reference, on a logarithmic scale.
func (b *bench) svg() []byte {
	const left, width, bar, gap, top = 360, 520, 12, 10, 48
	colours := map[kind]string{kindBare: "#2b6cb0", kindFull: "#a0aec0"}
	var others []*target
	for _, t := range b.targets {
		if t.kind != kindPintle {
			others = append(others, t)
		}
	}
	most := 10.0
	var rows []row
	for _, r := range allRows {
		seen := false
		for _, t := range others {
			if ratio := b.ratio(r.name, t); r.plot && ratio > 0 {
				seen, most = true, max(most, ratio)
			}
		}
		if seen {
			rows = append(rows, r)
		}
	}
	decades := math.Ceil(math.Log10(most))
	x := func(ratio float64) float64 { return left + width*max(math.Log10(ratio), 0)/decades }
	step := len(others)*bar + gap
	height := top + len(rows)*step + 30

	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", left+width+70, height)
	fmt.Fprintf(&out, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&out, `<text x="8" y="18" font-size="14">The reference's figure as a multiple of pintle's (more is better for pintle)</text>`+"\n")
	for i, t := range others {
		at := left + i*180
		fmt.Fprintf(&out, `<rect x="%d" y="26" width="10" height="10" fill="%s"/><text x="%d" y="35">%s</text>`+"\n", at, colours[t.kind], at+14, html.EscapeString(t.name))
	}
	for d := range int(decades) + 1 {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, float64(d))
			if x(v) > left+width+0.5 {
				continue
			}
			fmt.Fprintf(&out, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e2e8f0"/><text x="%.1f" y="%d" text-anchor="middle" fill="#718096">%g ×</text>`+"\n",
				x(v), top, x(v), height-24, x(v), height-10, v)
		}
	}
	for i, r := range rows {
		y := top + i*step + gap/2
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+len(others)*bar/2+4, html.EscapeString(r.title))
		for j, t := range others {
			ratio := b.ratio(r.name, t)
			if ratio <= 0 {
				continue
			}
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" font-size="10">%s</text>`+"\n",
				left, y+j*bar, x(ratio)-left, bar-2, colours[t.kind], x(ratio)+4, y+j*bar+9, ratioText(ratio))
		}
	}
	fmt.Fprintln(&out, "</svg>")
	return out.Bytes()
}
