package lanes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/modeltest"
)

// law is something the model can do without, to see that it goes wrong.
type law string

const (
	allLaws     law = ""
	flushFirst  law = "the pair may forget an answer only when the outcome is durable here"
	flushBefore law = "the next of a lane waits until the outcome before it is durable"
	sameLane    law = "what is in one lane is sent one after the other"
)

// queued are the lanes of what is queued, in order.
const queued = "aab"

// world is a terminal with its disk, and the pair. It is made anew from what befell it.
type world struct {
	without law
	path    []string
	l       *Lanes
	number  uint64
	lane    map[uint64]string // on the disk: what was queued
	over    map[uint64]bool   // on the disk: what has an outcome

	floor    uint64          // of the pair
	recorded map[uint64]bool // answers at the pair
	done     []uint64        // what took effect, in order

	asked    []string // requests on their way: number and the oldest said with it
	answers  []string // answers on their way: number and code
	unsaved  []uint64 // outcomes that are not on the disk
	faults   [3]int   // that are left: crashes, losses of the session, requests that find nobody
	wrongful string
}

func play(without law, path []string) *world {
	w := &world{without: without, path: path, l: New(0), lane: map[uint64]string{}, over: map[uint64]bool{}, recorded: map[uint64]bool{}, faults: [3]int{1, 1, 1}}
	for _, what := range path {
		w.befall(what)
	}
	return w
}

func (w *world) laneOf(lane string) string {
	if w.without == sameLane {
		return fmt.Sprint(lane, w.number)
	}
	return lane
}

// befall is one event.
func (w *world) befall(what string) {
	kind, rest, _ := strings.Cut(what, " ")
	var n, m uint64
	fmt.Sscan(rest, &n, &m)
	switch kind {
	case "queue":
		w.number++
		w.lane[w.number] = rest
		w.l.Add(w.number, w.laneOf(rest))
	case "send":
		n, _ := w.l.Next(time.Time{}.Add(time.Hour))
		w.asked = append(w.asked, fmt.Sprint(n, " ", w.l.Oldest()))
	case "execute":
		w.asked = drop(w.asked, rest)
		w.execute(n, m)
	case "nobody":
		w.faults[2]--
		w.asked = drop(w.asked, rest)
		w.answers = append(w.answers, fmt.Sprint(n, " 503"))
	case "answer":
		w.answers = drop(w.answers, rest)
		meaning, ok := w.l.Answered(n, int(m), false, time.Time{})
		if ok && meaning != Again {
			w.unsaved = append(w.unsaved, n)
			if w.without == flushFirst || w.without == flushBefore {
				w.l.Over(n)
			}
		}
	case "save":
		w.unsaved = slices.DeleteFunc(w.unsaved, func(u uint64) bool { return u == n })
		w.over[n] = true
		w.l.Over(n)
	case "crash":
		w.faults[0]--
		w.answers, w.unsaved, w.l = nil, nil, New(0)
		for n := uint64(1); n <= w.number; n++ {
			if !w.over[n] {
				w.l.Add(n, w.laneOf(w.lane[n]))
			}
		}
		w.l.last = w.number
	case "lose":
		w.faults[1]--
		w.answers = nil
		w.l.Recall()
	}
}

// execute is what the pair does with a request.
func (w *world) execute(n, oldest uint64) {
	code := 0
	switch {
	case n < w.floor:
		code = 410
		if !w.over[n] && w.without != flushBefore {
			w.wrongful = fmt.Sprintf("the pair has forgotten %d, which has no outcome here", n)
		}
	case !w.recorded[n]:
		for before := uint64(1); before < n; before++ {
			if w.lane[before] == w.lane[n] && !w.over[before] && w.without != flushFirst {
				w.wrongful = fmt.Sprintf("%d took effect, and %d before it in its lane has no outcome here", n, before)
			}
		}
		w.recorded[n] = true
		w.done = append(w.done, n)
		w.floor = max(w.floor, oldest)
	}
	w.answers = append(w.answers, fmt.Sprint(n, " ", code))
}

// can is what can befall it.
func (w *world) can() (list []string) {
	if w.number < uint64(len(queued)) {
		list = append(list, "queue "+queued[w.number:w.number+1])
	}
	if len(w.l.heads) > 0 {
		list = append(list, "send")
	}
	for _, q := range w.asked {
		list = append(list, "execute "+q)
		if w.faults[2] > 0 {
			list = append(list, "nobody "+q)
		}
	}
	for _, a := range w.answers {
		list = append(list, "answer "+a)
	}
	for _, n := range w.unsaved {
		list = append(list, fmt.Sprint("save ", n))
	}
	if w.faults[0] > 0 {
		list = append(list, "crash")
	}
	if w.faults[1] > 0 {
		list = append(list, "lose")
	}
	return list
}

// key tells worlds apart.
func (w *world) key() string {
	var places []string
	for n, p := range w.l.entries {
		places = append(places, fmt.Sprint(n, p.out, p.judged, p.at > 0))
	}
	slices.Sort(places)
	asked, answers, unsaved := slices.Sorted(slices.Values(w.asked)), slices.Sorted(slices.Values(w.answers)), slices.Sorted(slices.Values(w.unsaved))
	return fmt.Sprint(w.number, w.lane, w.over, w.floor, w.recorded, asked, answers, unsaved, w.faults, places, w.wrongful)
}

func drop(list []string, one string) []string {
	at := slices.Index(list, one)
	return slices.Delete(slices.Clone(list), at, at+1)
}

// explore tries every order of events with three requests in two lanes, a crash, a lost session and one that finds nobody.
func explore(without law) (int, []string) {
	next := func(w *world, visit modeltest.Visit[*world]) {
		for _, what := range w.can() {
			visit(what, play(without, append(slices.Clone(w.path), what)), "")
		}
	}
	return modeltest.Explore(play(without, nil), (*world).key, next, func(w *world) string { return w.wrongful })
}

func TestModel_NothingIsForgottenOrOvertaken(t *testing.T) {
	states, path := explore(allLaws)
	if path != nil {
		t.Fatalf("it goes wrong by\n%s", strings.Join(path, "\n"))
	}
	t.Logf("%d states", states)
	for without, word := range map[law]string{flushFirst: "has forgotten", flushBefore: "before it in its lane", sameLane: "before it in its lane"} {
		_, path := explore(without)
		modeltest.Breaks(t, without, path, word)
	}
}
