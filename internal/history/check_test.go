package history

import (
	"strings"
	"testing"
)

// sample is a true history: k is created at 11, updated at 12 and 14, and deleted at 15; j is created at 13.
func sample() *History {
	k, j := Key{"a", "k"}, Key{"a", "j"}
	k11 := State{k, "u1", 11, "w1", "a", 1}
	k12 := State{k, "u1", 12, "w2", "", 2}
	j13 := State{j, "u2", 13, "w3", "a", 3}
	k14 := State{k, "u1", 14, "w4", "a", 4}
	gone := State{k, "u1", 15, "w4", "a", 4}
	left := k11
	left.Revision = 12
	return &History{
		Seed: 7, Began: 10,
		Ops: []*Op{
			{Verb: "create", Key: k, ID: "w1", Start: 1, End: 2, Code: 201, Object: &k11},
			{Verb: "create", Key: k, ID: "no", Start: 5, End: 6, Code: 409},
			{Verb: "update", Key: k, ID: "w2", Given: 11, Start: 7, End: 8, Code: 200, Object: &k12},
			{Verb: "update", Key: k, ID: "no2", Given: 11, Start: 9, End: 10, Code: 409},
			{Verb: "create", Key: j, ID: "w3", Start: 11, End: 12, Code: 201, Object: &j13},
			{Verb: "list", Key: Key{Namespace: "a"}, Start: 13, End: 14, Code: 200, Revision: 13, List: []State{j13, k12}, Remaining: []int64{1, 1}},
			{Verb: "list", Key: Key{Namespace: "a"}, Label: "a", Start: 13, End: 14, Code: 200, Revision: 13, List: []State{j13}},
			{Verb: "patch", Key: k, ID: "w4", Start: 15}, // no answer
			{Verb: "get", Key: k, Start: 20, End: 21, Code: 200, Object: &k14},
			{Verb: "delete", Key: k, Start: 22, End: 23, Code: 200, UID: "u1"},
			{Verb: "get", Key: k, Start: 24, End: 25, Code: 404},
			{Verb: "exact", Start: 26, End: 27, Code: 200, Given: 11, Revision: 11, List: []State{k11}},
		},
		Auditor: []*Segment{
			{From: 10, Start: 1, Events: []Event{{Type: "ADDED", State: k11, At: 3}, {Type: "MODIFIED", State: k12, At: 30}}},
			{From: 12, Start: 31, Events: []Event{{Type: "ADDED", State: j13, At: 32}, {Type: "BOOKMARK", State: State{Revision: 13}, At: 33},
				{Type: "MODIFIED", State: k14, At: 34}, {Type: "DELETED", State: gone, At: 35}}},
		},
		Segments: []*Segment{
			{Namespace: "a", Label: "a", From: 11, Start: 40, Events: []Event{{Type: "DELETED", State: left, At: 41}, {Type: "ADDED", State: j13, At: 42},
				{Type: "ADDED", State: k14, At: 43}, {Type: "DELETED", State: gone, At: 44}, {Type: "BOOKMARK", State: State{Revision: 15}, At: 45}}},
			{Streaming: true, Start: 13, Events: []Event{{Type: "ADDED", State: j13, At: 50}, {Type: "ADDED", State: k14, At: 50},
				{Type: "BOOKMARK", State: State{Revision: 14}, InitialEnd: true, At: 51}, {Type: "DELETED", State: gone, At: 52}}},
			{Start: 13, Events: []Event{{Type: "ADDED", State: j13, At: 50}, {Type: "ADDED", State: k12, At: 50}, {Type: "MODIFIED", State: k14, At: 51}}},
		},
	}
}

func TestCheckTrue(t *testing.T) {
	if err := sample().Check(); err != nil {
		t.Error(err)
	}
}

// Each lie is found out.
func TestCheckFalse(t *testing.T) {
	tests := []struct {
		name, says string
		lie        func(h *History)
	}{
		{"acknowledged write lost", "not in the log", func(h *History) {
			h.Ops = append(h.Ops, &Op{Verb: "create", Key: Key{"a", "x"}, ID: "w9", Start: 60, End: 61, Code: 201, Object: &State{Key: Key{"a", "x"}, Revision: 17, ID: "w9"}})
		}},
		{"answer differs from the log", "the log has", func(h *History) { h.Ops[2].Object.Sum = 9 }},
		{"write invented", "nobody wrote", func(h *History) { h.Ops = append(h.Ops[:7:7], h.Ops[8:]...) }},
		{"deletion invented", "nobody deleted", func(h *History) { h.Ops[9].Code, h.Ops[9].End = 404, 0; h.Ops[9].Key.Name = "j" }},
		{"refused write happened", "yet it is in the log", func(h *History) { h.Ops[2].Code, h.Ops[2].Object = 409, nil }},
		{"write happened twice", "happened twice", func(h *History) { h.Auditor[1].Events[2].State.ID = "w2" }},
		{"update lost", "replaced", func(h *History) { h.Ops[2].Given = 10 }},
		{"conflict without a cause", "no reason", func(h *History) { h.Ops[3].Given = 12 }},
		{"exists without a cause", "no reason", func(h *History) { h.Ops[1].Key.Name = "j" }},
		{"revision out of order", "known before", func(h *History) { h.Ops[4].Start, h.Ops[4].End = 22, 23 }},
		{"revision twice in the log", "behind revision", func(h *History) { h.Auditor[1].Events[2].State.Revision = 13 }},
		{"get went back", "was not so then", func(h *History) { s := *h.Ops[2].Object; h.Ops[8].Object = &s; h.Ops[8].Start, h.Ops[8].End = 36, 37 }},
		{"get of the future", "was not so then", func(h *History) { h.Ops[7].Start = 22 }},
		{"404 too early", "no reason", func(h *History) { h.Ops[9].Start, h.Ops[10].Start, h.Ops[10].End = 30, 20, 21 }},
		{"list went back", "known before", func(h *History) { h.Ops[5].Start, h.Ops[5].End = 36, 37 }},
		{"list lacks one", "there were", func(h *History) { h.Ops[5].List = h.Ops[5].List[:1] }},
		{"list out of order", "there were", func(h *History) { l := h.Ops[5].List; l[0], l[1] = l[1], l[0] }},
		{"list shows what is not selected", "there were", func(h *History) { h.Ops[6].List = h.Ops[5].List }},
		{"wrong remaining count", "remain", func(h *History) { h.Ops[5].Remaining[0] = 2 }},
		{"exact list of another revision", "there were", func(h *History) { h.Ops[11].Given, h.Ops[11].Revision = 12, 12 }},
		{"event lost", "expected", func(h *History) { s := h.Segments[0]; s.Events = append(s.Events[:1:1], s.Events[2:]...) }},
		{"last event lost", "was not sent", func(h *History) { s := h.Segments[0]; s.Events = append(s.Events[:3:3], s.Events[4:]...) }},
		{"event doubled", "expected", func(h *History) { s := h.Segments[0]; s.Events = append(s.Events[:1:1], s.Events...) }},
		{"events reordered", "expected", func(h *History) { e := h.Segments[0].Events; e[1], e[2] = e[2], e[1] }},
		{"old event after the start", "expected", func(h *History) { h.Segments[0].From = 12 }},
		{"wrong type", "expected", func(h *History) { h.Segments[0].Events[2].Type = "MODIFIED" }},
		{"deletion at the last revision", "expected", func(h *History) { h.Segments[0].Events[3].State.Revision = 14 }},
		{"false bookmark", "was not sent", func(h *History) {
			h.Segments[2] = &Segment{From: 13, Start: 40, Events: []Event{{Type: "BOOKMARK", State: State{Revision: 14}, At: 41}}}
		}},
		{"bookmark that goes back", "bookmark 14 behind 15", func(h *History) { h.Segments[0].Events[4].State.Revision = 14 }},
		{"bookmark of the future", "known before", func(h *History) { h.Segments[0].Events[4].At = 21; h.Ops[7].End = 0; h.Ops[9].Start = 22 }},
		{"initial state of the past", "known before", func(h *History) { h.Segments[1].Start = 60 }},
		{"unmarked initial state of the past", "known before", func(h *History) { h.Segments[2].Start = 60 }},
		{"no end of the initial events", "no bookmark ends", func(h *History) { h.Segments[1].Events[2].InitialEnd = false }},
		{"initial event lacks", "initial event 0", func(h *History) { h.Segments[1].Events = h.Segments[1].Events[1:] }},
		{"error event", "gone", func(h *History) { h.Segments[1].Unexpected = "gone" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := sample()
			tt.lie(h)
			if err := h.Check(); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}
