package history

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sort"
)

// entry is a change in the log.
type entry struct {
	revision int64
	state    State // after it, or, when gone, before it and at its revision
	gone     bool
	prev     *entry // of the same key; nil: there was nothing
	next     int64  // the revision of the key's next change
	begun    int64  // when the request that made it began
	claims   int    // answers that tell of it
}

// observation is that somebody knew of a revision at a tick.
type observation struct{ at, revision int64 }

// model is the log that the auditor was told, and what follows from it.
type model struct {
	h     *History
	log   []*entry
	keys  map[Key][]*entry // with what was there in the beginning
	order []Key            // as lists are
	byRev map[int64]*entry
	byID  map[string]*entry
	known []observation // by tick; revisions never go down
	errs  []error
	past  int // errors beyond those kept
}

// most is how many errors are told.
const most = 20

func (m *model) errorf(format string, args ...any) {
	if len(m.errs) < most {
		m.errs = append(m.errs, fmt.Errorf(format, args...))
	} else {
		m.past++
	}
}

// Check judges the history. The error tells all that is wrong, and the seed.
func (h *History) Check() error {
	m := &model{h: h, keys: map[Key][]*entry{}, byRev: map[int64]*entry{}, byID: map[string]*entry{}}
	for _, err := range h.Faults {
		m.errorf("%w", err)
	}
	m.readLog()
	m.observe()
	for _, o := range h.Ops {
		m.op(o)
	}
	m.origins()
	for _, s := range h.Segments {
		m.segment(s)
	}
	if len(m.errs) == 0 {
		return nil
	}
	if m.past > 0 {
		m.errs = append(m.errs, fmt.Errorf("and %d more", m.past))
	}
	return fmt.Errorf("seed %d: %w", h.Seed, errors.Join(m.errs...))
}

// readLog makes the model from the auditor's watches.
func (m *model) readLog() {
	present := map[Key]*entry{}
	uids := map[string]bool{}
	for _, s := range m.h.Base {
		e := &entry{revision: m.h.Began, state: s, next: math.MaxInt64}
		present[s.Key], m.keys[s.Key] = e, []*entry{e}
		uids[s.UID] = true
	}
	at := m.h.Began
	for _, seg := range m.h.Auditor {
		if seg.Unexpected != "" {
			m.errorf("%v: %s", seg, seg.Unexpected)
		}
		for _, ev := range seg.Events {
			s := ev.State
			if ev.Type == "BOOKMARK" {
				if s.Revision < at {
					m.errorf("%v: bookmark %d behind revision %d", seg, s.Revision, at)
				}
				at = s.Revision
				continue
			}
			if s.Revision <= at {
				m.errorf("%v: %s %v behind revision %d", seg, ev.Type, s, at)
				continue
			}
			at = s.Revision
			e := &entry{revision: at, state: s, gone: ev.Type == "DELETED", prev: present[s.Key], next: math.MaxInt64}
			switch was := e.prev; {
			case ev.Type == "ADDED" && (was != nil || uids[s.UID]), ev.Type != "ADDED" && was == nil:
				m.errorf("%v: %s %v, but before it there was %v", seg, ev.Type, s, was)
			case ev.Type == "MODIFIED" && was.state.UID != s.UID:
				m.errorf("%v: %s changes the uid of %v", seg, ev.Type, was.state)
			case e.gone && (was.state.Sum != s.Sum || was.state.UID != s.UID):
				m.errorf("%v: DELETED shows %v, the object was %v", seg, s, was.state)
			}
			uids[s.UID] = true
			if all := m.keys[s.Key]; len(all) > 0 {
				all[len(all)-1].next = at
			}
			m.keys[s.Key] = append(m.keys[s.Key], e)
			m.log = append(m.log, e)
			m.byRev[at] = e
			if present[s.Key] = e; e.gone {
				delete(present, s.Key)
				continue
			}
			if m.byID[s.ID] != nil {
				m.errorf("%v: the write %s happened twice: at %d and %d", seg, s.ID, m.byID[s.ID].revision, at)
			}
			m.byID[s.ID] = e
		}
	}
	for k, all := range m.keys {
		m.order = append(m.order, k)
		if all[0].revision > m.h.Began { // there was nothing
			m.keys[k] = slices.Insert(all, 0, &entry{revision: m.h.Began, gone: true, next: all[0].revision})
		}
	}
	slices.SortFunc(m.order, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Namespace+"/", b.Namespace+"/"), cmp.Compare(a.Name, b.Name))
	})
	ends := map[string]*entry{}
	for _, e := range m.log {
		if e.gone {
			ends[e.state.UID] = e
		}
	}
	for _, o := range m.h.Ops {
		if e := cmp.Or(m.byID[o.ID], ends[o.UID]); e != nil {
			e.begun = o.Start
		}
	}
}

// observe gathers who knew what when.
func (m *model) observe() {
	saw := func(at, revision int64) {
		if at > 0 && revision > 0 {
			m.known = append(m.known, observation{at, revision})
		}
	}
	for _, o := range m.h.Ops {
		saw(o.End, o.Revision)
		if o.Object != nil {
			saw(o.End, o.Object.Revision)
		}
	}
	for _, segs := range [][]*Segment{m.h.Auditor, m.h.Segments} {
		for _, s := range segs {
			for _, e := range s.Events {
				saw(e.At, e.State.Revision)
			}
		}
	}
	slices.SortFunc(m.known, func(a, b observation) int { return cmp.Compare(a.at, b.at) })
	top := int64(0)
	for i := range m.known {
		top = max(top, m.known[i].revision)
		m.known[i].revision = top
	}
}

// before is the newest revision that anybody knew before a tick.
func (m *model) before(tick int64) int64 {
	i := sort.Search(len(m.known), func(i int) bool { return m.known[i].at >= tick })
	if i == 0 {
		return m.h.Began
	}
	return m.known[i-1].revision
}

// at is the last change of a key up to a revision; nil: none, and nothing was there.
func (m *model) at(k Key, revision int64) *entry {
	all := m.keys[k]
	i := sort.Search(len(all), func(i int) bool { return all[i].revision > revision })
	if i == 0 {
		return nil
	}
	return all[i-1]
}

// was says whether at some moment between the op's request and its answer the key was as ok wants it.
func (m *model) was(o *Op, ok func(e *entry) bool) bool {
	lower := m.before(o.Start)
	all := m.keys[o.Key]
	if len(all) == 0 {
		all = []*entry{{revision: m.h.Began, gone: true, next: math.MaxInt64}}
	}
	for _, e := range all {
		if ok(e) && e.next > lower && e.begun < o.End {
			return true
		}
	}
	return false
}

// states is what a selector sees at a revision.
func (m *model) states(namespace, label string, revision int64) []State {
	var out []State
	for _, k := range m.order {
		if namespace != "" && k.Namespace != namespace {
			continue
		}
		if e := m.at(k, revision); e != nil && !e.gone && (label == "" || e.state.Label == label) {
			out = append(out, e.state)
		}
	}
	return out
}

// op judges one request.
func (m *model) op(o *Op) {
	if o.End == 0 {
		return // whether it happened is seen in the log
	}
	done := o.Code == http.StatusOK || o.Code == http.StatusCreated
	switch {
	case o.Verb == "list" || o.Verb == "exact" || o.Verb == "notOlder":
		m.list(o)
		return
	case o.Verb == "deletecollection":
		if !done {
			m.errorf("%v", o)
		}
		return
	case o.Verb == "get":
		m.get(o)
		return
	case !done:
		m.refusal(o)
		return
	case o.Verb == "delete":
		m.deletion(o)
		return
	case o.Object == nil:
		m.errorf("%v: no object in the answer", o)
		return
	}
	e := m.byRev[o.Object.Revision]
	switch {
	case e == nil || e.gone:
		m.errorf("%v: acknowledged at %d, but not in the log", o, o.Object.Revision)
		return
	case e.state != *o.Object || e.state.ID != o.ID || e.state.Key != o.Key:
		m.errorf("%v: answered with %v, the log has %v", o, *o.Object, e.state)
	case (o.Code == http.StatusCreated) != (e.prev == nil) || o.Verb == "create" && e.prev != nil:
		m.errorf("%v: before it there was %v", o, e.prev)
	case o.Given != 0 && e.prev.state.Revision != o.Given:
		m.errorf("%v: replaced %v", o, e.prev.state)
	}
	if e.claims++; e.claims > 1 {
		m.errorf("%v: the revision %d was answered %d times", o, e.revision, e.claims)
	}
	if lower := m.before(o.Start); e.revision <= lower {
		m.errorf("%v: at %d, but %d was known before", o, e.revision, lower)
	}
}

func (m *model) deletion(o *Op) {
	for _, e := range m.keys[o.Key] {
		if !e.gone || e.state.UID != o.UID || e.prev == nil {
			continue
		}
		if e.claims++; e.claims > 1 {
			m.errorf("%v: was deleted %d times", o, e.claims)
		}
		if lower := m.before(o.Start); e.revision <= lower {
			m.errorf("%v: at %d, but %d was known before", o, e.revision, lower)
		}
		if o.Given != 0 && e.prev.state.Revision != o.Given {
			m.errorf("%v: deleted %v", o, e.prev.state)
		}
		return
	}
	m.errorf("%v: acknowledged, but not in the log", o)
}

func (m *model) refusal(o *Op) {
	if o.ID != "" && m.byID[o.ID] != nil {
		m.errorf("%v: yet it is in the log at %d", o, m.byID[o.ID].revision)
		return
	}
	ok := false
	switch {
	case o.Code == http.StatusNotFound && o.Verb != "create" && o.Verb != "apply":
		ok = m.was(o, func(e *entry) bool { return e.gone })
	case o.Code == http.StatusConflict && o.Given != 0:
		ok = m.was(o, func(e *entry) bool { return !e.gone && e.state.Revision != o.Given })
	case o.Code == http.StatusConflict: // it exists, or too many races were lost
		ok = (o.Verb == "create" || o.Verb == "patch" || o.Verb == "apply") && m.was(o, func(e *entry) bool { return !e.gone })
	}
	if !ok {
		m.errorf("%v: no reason for it", o)
	}
}

func (m *model) get(o *Op) {
	switch {
	case o.Code == http.StatusNotFound:
		m.refusal(o)
	case o.Code != http.StatusOK || o.Object == nil:
		m.errorf("%v", o)
	case !m.was(o, func(e *entry) bool { return !e.gone && e.state == *o.Object }):
		m.errorf("%v: %v was not so then (known before: %d)", o, *o.Object, m.before(o.Start))
	}
}

func (m *model) list(o *Op) {
	if o.Code != http.StatusOK {
		m.errorf("%v", o)
		return
	}
	lower := o.Given
	if o.Verb == "list" {
		lower = m.before(o.Start)
	}
	if o.Revision < lower || o.Verb == "exact" && o.Revision != o.Given {
		m.errorf("%v: answered at %d, %d was known before", o, o.Revision, lower)
	}
	if want := m.states(o.Key.Namespace, o.Label, o.Revision); !slices.Equal(want, o.List) {
		m.errorf("%v: at %d listed\n\t%v, there were\n\t%v", o, o.Revision, o.List, want)
	}
	for i := 0; o.Label == "" && i+1 < len(o.Remaining); i += 2 {
		if o.Remaining[i] != o.Remaining[i+1] {
			m.errorf("%v: said that %d remain, there were %d", o, o.Remaining[i], o.Remaining[i+1])
		}
	}
}

// origins looks for somebody who asked for each change.
func (m *model) origins() {
	byID := map[string]*Op{}
	for _, o := range m.h.Ops {
		if o.ID != "" {
			byID[o.ID] = o
		}
	}
	for _, e := range m.log {
		if e.claims > 0 {
			continue
		}
		if !e.gone {
			if o := byID[e.state.ID]; o == nil || o.End != 0 || o.Key != e.state.Key {
				m.errorf("nobody wrote %v (%v)", e.state, o)
			} else if lower := m.before(o.Start); e.revision <= lower {
				m.errorf("%v: happened at %d, but %d was known before", o, e.revision, lower)
			}
			continue
		}
		if !slices.ContainsFunc(m.h.Ops, func(o *Op) bool {
			if m.before(o.Start) >= e.revision {
				return false
			}
			return o.Verb == "delete" && o.End == 0 && o.Key == e.state.Key && (o.Given == 0 || o.Given == e.prev.state.Revision) ||
				o.Verb == "deletecollection" && o.Key.Namespace == e.state.Key.Namespace && m.collected(o, e)
		}) {
			m.errorf("nobody deleted %v", e.state)
		}
	}
}

// collected says whether a deletecollection can have seen what e deletes: it deletes by name what it has listed.
func (m *model) collected(o *Op, e *entry) bool {
	lower := m.before(o.Start)
	return slices.ContainsFunc(m.keys[e.state.Key], func(was *entry) bool {
		return !was.gone && was.state.UID == e.state.UID && was.state.Label == o.Label && was.next > lower && was.revision < e.revision
	})
}

// segment judges one watch: from some revision on it must be what the selector shows of the log.
func (m *model) segment(s *Segment) {
	if s.Unexpected != "" {
		m.errorf("%v: %s", s, s.Unexpected)
		return
	}
	if s.From > 0 {
		if err := m.follows(s, s.Events, s.From); err != nil {
			m.errorf("%v: %w", s, err)
		}
		return
	}
	end := slices.IndexFunc(s.Events, func(e Event) bool { return e.InitialEnd })
	if s.Streaming && end < 0 && slices.ContainsFunc(s.Events, func(e Event) bool { return e.Type != "ADDED" }) {
		m.errorf("%v: no bookmark ends the initial events", s)
		return
	}
	lower := m.before(s.Start)
	var err error
	if end >= 0 {
		revision := s.Events[end].State.Revision
		if err = m.begins(s, revision); revision < lower {
			err = fmt.Errorf("began at %d, but %d was known before", revision, lower)
		}
	} else {
		// It does not say at which revision it began: there must be one.
		err = m.begins(s, lower)
		for i := sort.Search(len(m.log), func(i int) bool { return m.log[i].revision > lower }); err != nil && i < len(m.log); i++ {
			if m.begins(s, m.log[i].revision) == nil {
				err = nil
			}
		}
	}
	if err != nil {
		m.errorf("%v (known before: %d): %w", s, lower, err)
	}
}

// begins says whether a watch can have begun with the state at a revision.
func (m *model) begins(s *Segment, revision int64) error {
	initial := m.states(s.Namespace, s.Label, revision)
	for i, want := range initial {
		if i == len(s.Events) {
			return nil // it was cut
		}
		if e := s.Events[i]; e.Type != "ADDED" || e.State != want {
			return fmt.Errorf("initial event %d at %d: %v, expected %v", i, revision, e, want)
		}
	}
	return m.follows(s, s.Events[len(initial):], revision)
}

// follows says whether events are what a watch of the log from a revision on yields.
func (m *model) follows(s *Segment, events []Event, from int64) error {
	next := sort.Search(len(m.log), func(i int) bool { return m.log[i].revision > from })
	sees := func(e *entry) bool {
		return e != nil && !e.gone && (s.Namespace == "" || e.state.Key.Namespace == s.Namespace) && (s.Label == "" || e.state.Label == s.Label)
	}
	at := from
	for _, ev := range events {
		if ev.Type == "BOOKMARK" {
			if ev.State.Revision < at {
				return fmt.Errorf("bookmark %d behind %d", ev.State.Revision, at)
			}
			at = ev.State.Revision
			for ; next < len(m.log) && m.log[next].revision <= at; next++ {
				if e := m.log[next]; sees(e) || sees(e.prev) {
					return fmt.Errorf("bookmark %d, but the event of %v was not sent", at, e.state)
				}
			}
			continue
		}
		want := Event{At: ev.At}
		for want.Type == "" {
			if next == len(m.log) {
				return fmt.Errorf("%v is not in the log", ev)
			}
			e := m.log[next]
			next++
			want.State = e.state
			switch is, was := sees(e), sees(e.prev); {
			case is && was:
				want.Type = "MODIFIED"
			case is:
				want.Type = "ADDED"
			case was:
				want.Type = "DELETED"
				want.State = e.prev.state
				want.State.Revision = e.revision
			}
		}
		if ev != want {
			return fmt.Errorf("%v, expected %v", ev, want)
		}
		at = ev.State.Revision
	}
	return nil
}

func (e *entry) String() string {
	switch {
	case e == nil:
		return "nothing"
	case e.gone:
		return fmt.Sprintf("nothing since %d", e.revision)
	}
	return fmt.Sprint(e.state)
}

func (s State) String() string {
	return fmt.Sprintf("%s/%s@%d(%s uid %.8s label %q sum %x)", s.Key.Namespace, s.Key.Name, s.Revision, s.ID, s.UID, s.Label, s.Sum)
}

func (e Event) String() string {
	if e.InitialEnd {
		return fmt.Sprintf("the end of the initial events at %d", e.State.Revision)
	}
	return e.Type + " " + e.State.String()
}
