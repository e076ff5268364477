package crds

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	record = flag.Bool("record", false, "ask the reference and write its answers to testdata")
	live   = flag.Bool("live", false, "compare with a running reference, not with the recordings")
	self   = flag.Bool("self", false, "compare another reference instead of pintle, to test the test")
	count  = flag.Int("n", recorded, "objects of the fuzz stage; another number than recorded needs -live")
	seed   = flag.Uint64("seed", 1, "seed of the fuzz stage; another number needs -live")
	texts  = flag.String("texts", "", "file for the reference's answers in full: -record and -live write it, other runs show differences by it")
	show   = flag.Int("show", 40, "differences shown in a stage")
	only   = flag.String("stages", "definitions,samples,documents,fuzz,ratchet", "stages to have")
)

// recorded is how many objects of the fuzz stage are recorded.
const recorded = 2500

// A stage has its exchanges with a target.
type stage struct {
	name string
	run  func(context.Context, *conversation, func(answer)) error
}

// A conversation is what a stage needs. Known are the reference's answers to the stages before; want are those to
// this one, nil when it is the reference that is asked.
type conversation struct {
	*Corpus
	*target
	known map[string]*recording
	want  *recording
}

func (c *conversation) kinds() []kind { return kinds(c.Corpus, c.known["definitions"]) }

var stages = []stage{
	{"definitions", func(ctx context.Context, c *conversation, emit func(answer)) error {
		return definitions(ctx, c.Corpus, c.target, c.want, emit)
	}},
	{"samples", func(ctx context.Context, c *conversation, emit func(answer)) error {
		return samples(ctx, c.Corpus, c.target, c.kinds(), emit)
	}},
	{"documents", func(ctx context.Context, c *conversation, emit func(answer)) error {
		return documents(ctx, c.target, c.kinds(), emit)
	}},
	{"fuzz", func(ctx context.Context, c *conversation, emit func(answer)) error {
		return fuzz(ctx, c.target, c.kinds(), *seed, *count, emit)
	}},
}

// ratchetStages change definitions, so they have servers of their own.
var ratchetStages = []stage{
	{"ratchet", func(ctx context.Context, c *conversation, emit func(answer)) error {
		return ratchet(ctx, c.Corpus, c.target, c.known["definitions"], c.known["samples"], emit)
	}},
}

// TestCRDs has the same conversation with pintle as was had with the reference.
func TestCRDs(t *testing.T) { converse(t, stages) }

// TestRatchet is TestCRDs for what happens when definitions become tighter than their objects.
func TestRatchet(t *testing.T) { converse(t, ratchetStages) }

func converse(t *testing.T, stages []stage) {
	if testing.Short() {
		t.Skip("downloads the modules that ship the definitions, and runs the programs")
	}
	if *seed != 1 || *count != recorded {
		*live = true
	}
	c, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d projects, %d definitions in %d documents, %d samples", c.Projects, len(waves(c.Definitions)[0]), len(c.Definitions), len(c.Samples))
	known := map[string]*recording{}
	for _, name := range []string{"definitions", "samples", "documents", "fuzz", "ratchet"} {
		if known[name], err = readRecording(name); err != nil && !*record {
			t.Fatal(err)
		}
	}
	if *record || *live {
		ask(t, &conversation{Corpus: c, target: startReference(t), known: known}, stages)
	}
	if err := keepTexts(known); err != nil {
		t.Fatal(err)
	}
	if *record {
		return
	}
	var p *target
	if *self {
		p = startReference(t)
	} else {
		p = startPintle(t, "--storage=memory")
	}
	for _, s := range stages {
		if strings.Contains(*only, s.name) {
			t.Run(s.name, func(t *testing.T) {
				compare(t, s, &conversation{c, p, known, known[s.name]})
			})
		}
	}
}

// keepTexts writes or reads the file of answers in full.
func keepTexts(known map[string]*recording) error {
	if *texts == "" {
		return nil
	}
	all := map[string]map[string]string{}
	data, err := os.ReadFile(*texts)
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if !*record && !*live {
		for name, r := range known {
			r.texts = all[name]
		}
		return err
	}
	for name, r := range known {
		if r != nil && len(r.texts) > 0 {
			all[name] = r.texts
		}
	}
	if data, err = json.Marshal(all); err != nil {
		return err
	}
	return os.WriteFile(*texts, data, 0o644)
}

// ask has the stages with the reference; what it answers is what is known from then on.
func ask(t *testing.T, c *conversation, stages []stage) {
	for _, s := range stages {
		if !strings.Contains(*only, s.name) {
			continue
		}
		begin := time.Now()
		r := newRecording()
		if err := s.run(t.Context(), c, r.add); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		c.known[s.name] = r
		if *record {
			if err := r.write(s.name); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("reference: %s: %s in %v", s.name, r.summary(), time.Since(begin).Round(time.Millisecond))
	}
}

// compare has a stage with pintle, and reports each answer that is not the reference's.
func compare(t *testing.T, s stage, c *conversation) {
	begin, n, different := time.Now(), 0, 0
	seen := newRecording()
	err := s.run(t.Context(), c, func(a answer) {
		seen.add(a)
		if n++; c.want.same(a) {
			return
		}
		if different++; different > *show {
			return
		}
		detail := "  +" + clip(a.text)
		if text, ok := c.want.texts[a.id]; ok {
			detail = diff(text, a.text)
		}
		t.Errorf("%s\n  want %s\n  got  %s\n%s", a.id, c.want.lines[a.id], a.line(), detail)
	})
	if err != nil {
		t.Error(err)
	}
	if n < len(c.want.ids) {
		t.Errorf("%d exchanges of %d", n, len(c.want.ids))
	}
	t.Logf("%s: %s, %d differ, in %v", s.name, seen.summary(), different, time.Since(begin).Round(time.Millisecond))
}

// summary counts the answers by code.
func (r *recording) summary() string {
	codes := map[string]int{}
	for _, id := range r.ids {
		codes[r.code(id)]++
	}
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(codes)) {
		parts = append(parts, fmt.Sprintf("%s: %d", c, codes[c]))
	}
	return fmt.Sprintf("%d answers (%s)", len(r.ids), strings.Join(parts, ", "))
}
