package systemspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
)

// spaceOf is the pair's own key space as a map: what planEvents changes, without a database.
type spaceOf map[string]string

func (s spaceOf) Get(space string, key []byte) ([]byte, uint64, bool) {
	value, known := s[string(key)]
	if !known || space != bus.SystemSpace {
		return nil, 0, false
	}
	return []byte(value), 1, true
}

func (s spaceOf) Scan(_ string, prefix, after []byte, limit, _ int) (items []storage.Item, more bool) {
	var names []string
	for name := range s {
		if strings.HasPrefix(name, string(prefix)) && name > string(after) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if limit <= 0 {
		limit = 100
	}
	for _, name := range names[:min(limit, len(names))] {
		items = append(items, storage.Item{Key: []byte(name), Value: []byte(s[name]), Revision: 1})
	}
	return items, len(names) > limit
}

func (s spaceOf) apply(operations []bus.Operation) {
	for _, o := range operations {
		if o.Delete {
			delete(s, string(o.Key))
		} else {
			s[string(o.Key)] = string(o.Value)
		}
	}
}

func (s spaceOf) page(t *testing.T, q bus.EventsRequest) bus.EventsPage {
	t.Helper()
	p := eventsReader{q: q, limit: q.Limit}
	for done := false; !done; {
		var err error
		if done, err = p.read(s); err != nil {
			t.Fatal(err)
		}
	}
	return p.result()
}

func happened(host string, incarnation, number uint64, text string) bus.Event {
	return bus.Event{Time: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC).Add(time.Duration(number) * time.Minute), Host: host,
		Incarnation: incarnation, Number: number, Kind: bus.EventRole, Text: text}
}

// TestEvents_AgainstAModel: whatever is sent, in whatever pieces, however often, the log is each event once, in the order
// in which it came first, and no longer than its bound.
func TestEvents_AgainstAModel(t *testing.T) {
	const seed, most = 7, 40
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	space := spaceOf{}
	var all []bus.Event // the model: all that ever came in, once
	sent := map[string]uint64{}
	for range 400 {
		host, incarnation := string(rune('a'+random.IntN(2))), 1+random.Uint64N(3)
		name := fmt.Sprint(host, incarnation)
		// From somewhere in what was sent before, to somewhere behind it.
		first := 1 + random.Uint64N(sent[name]+1)
		last := first + random.Uint64N(6)
		var batch []bus.Event
		for n := first; n <= last; n++ {
			batch = append(batch, happened(host, incarnation, n, fmt.Sprint(name, " ", n)))
			if n > sent[name] {
				all = append(all, batch[len(batch)-1])
				all[len(all)-1].ID = uint64(len(all))
				sent[name] = n
			}
		}
		if random.IntN(4) == 0 {
			batch = append(batch, bus.Event{Host: "no event"})
		}
		plan, err := planEvents(space, batch, most)
		if err != nil {
			t.Fatal(err)
		}
		space.apply(plan.operations)
		if plan.last != uint64(len(all)) {
			t.Fatalf("the log ends with %d, not %d", plan.last, len(all))
		}
	}
	if len(all) < 4*most {
		t.Fatalf("only %d events came together", len(all))
	}
	kept := all[len(all)-most:]
	if diff := cmp.Diff(kept, space.page(t, bus.EventsRequest{Limit: 200}).Events); diff != "" {
		t.Errorf("the log is another (-model):\n%s", diff)
	}
	// The same by pages of three.
	var walked []bus.Event
	for from := uint64(1); ; {
		page := space.page(t, bus.EventsRequest{From: from, Limit: 3})
		walked = append(walked, page.Events...)
		if page.Next > page.Last {
			break
		}
		from = page.Next
	}
	if diff := cmp.Diff(kept, walked); diff != "" {
		t.Errorf("by pages (-model):\n%s", diff)
	}
	if len(space) != most+6+1 {
		t.Errorf("%d keys: %d events, 6 sources and the head were expected", len(space), most)
	}
}

// TestEvents_Selects: what is wanted and nothing else, also when it is rare.
func TestEvents_Selects(t *testing.T) {
	space := spaceOf{}
	for n := uint64(1); n <= 1200; n += 100 {
		var batch []bus.Event
		for i := n; i < n+100; i++ {
			e := happened("a", 1, i, fmt.Sprint(i))
			if i%400 == 0 {
				e.Kind = bus.EventAlarm
			}
			batch = append(batch, e)
		}
		plan, err := planEvents(space, batch, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		space.apply(plan.operations)
	}
	texts := func(p bus.EventsPage) (all []string) {
		for _, e := range p.Events {
			all = append(all, e.Text)
		}
		return all
	}
	for what, c := range map[string]struct {
		q    bus.EventsRequest
		want []string
		next uint64
	}{
		"the last":             {bus.EventsRequest{Limit: 2}, []string{"1199", "1200"}, 1201},
		"the last of a kind":   {bus.EventsRequest{Limit: 2, Kind: bus.EventAlarm}, []string{"800", "1200"}, 1201},
		"from a number":        {bus.EventsRequest{From: 7, Limit: 2}, []string{"7", "8"}, 9},
		"from a number, kind":  {bus.EventsRequest{From: 401, Limit: 1, Kind: bus.EventAlarm}, []string{"800"}, 801},
		"since":                {bus.EventsRequest{Since: happened("a", 1, 1198, "").Time, Limit: 2}, []string{"1198", "1199"}, 1200},
		"behind the end":       {bus.EventsRequest{From: 5000}, nil, 5000},
		"of a kind nobody has": {bus.EventsRequest{Kind: bus.EventAudit}, nil, 1201},
	} {
		page := space.page(t, c.q)
		if diff := cmp.Diff(c.want, texts(page)); diff != "" || page.Next != c.next || page.First != 1 || page.Last != 1200 {
			t.Errorf("%s: next %d, first %d, last %d\n%s", what, page.Next, page.First, page.Last, diff)
		}
	}
}

// TestEvents_DamagedStandForThemselvesAlone: an event or an alarm that can't be read hides no other one, and says that it can't be read.
func TestEvents_DamagedStandForThemselvesAlone(t *testing.T) {
	space := spaceOf{}
	raised := happened("a", 1, 4, "four")
	raised.Kind, raised.State = bus.EventAlarm, bus.AlarmRaised
	raised.Alarm = &bus.Alarm{ID: "lost", Host: "a", Severity: bus.Critical, Acknowledge: true}
	plan, err := planEvents(space, []bus.Event{happened("a", 1, 1, "one"), happened("a", 1, 2, "two"), happened("a", 1, 3, "three"), raised}, 100)
	if err != nil {
		t.Fatal(err)
	}
	space.apply(plan.operations)
	space[string(eventKey(2))] = "{"
	delete(space, string(eventKey(3)))
	space[alarmPrefix+"lost"] = "\x00"
	for _, q := range []bus.EventsRequest{{Limit: 9}, {From: 1, Limit: 9}, {Since: happened("a", 1, 1, "").Time, Limit: 9}} {
		page := space.page(t, q)
		if len(page.Events) != 4 || page.Next != 5 || page.Events[0].Text != "one" || page.Events[3].Text != "four" {
			t.Fatalf("%+v", page)
		}
		for n, e := range page.Events[1:3] {
			if e.ID != uint64(n+2) || !strings.Contains(e.Text, "can't be read") {
				t.Errorf("%+v", e)
			}
		}
		if len(page.Alarms) != 1 || page.Alarms[0].ID != "lost" || !strings.Contains(page.Alarms[0].Text, "can't be read") {
			t.Errorf("%+v", page.Alarms)
		}
	}
	if page := space.page(t, bus.EventsRequest{Kind: bus.EventAlarm, Limit: 9}); len(page.Events) != 3 { // it may have been of that kind
		t.Errorf("%+v", page.Events)
	}
}

// TestEvents_ForgetsOldMains: a host that starts for ever does not fill the database with what is known of each start.
func TestEvents_ForgetsOldMains(t *testing.T) {
	space := spaceOf{}
	for start := uint64(1); start <= maxSources+20; start++ {
		plan, err := planEvents(space, []bus.Event{happened("a", start, 1, "started")}, 100)
		if err != nil {
			t.Fatal(err)
		}
		space.apply(plan.operations)
	}
	sources := 0
	for name := range space {
		if strings.HasPrefix(name, sourcePrefix) {
			sources++
		}
	}
	if _, _, newest := space.Get(bus.SystemSpace, sourceKey("a", maxSources+20)); sources != maxSources || !newest {
		t.Errorf("%d mains are remembered, the newest: %v", sources, newest)
	}
	if _, _, oldest := space.Get(bus.SystemSpace, sourceKey("a", 1)); oldest {
		t.Error("the oldest is remembered still")
	}
}

func FuzzEvent(f *testing.F) {
	e := happened("a", 5, 1, "one")
	e.ID, e.Alarm, e.Details = 3, &bus.Alarm{ID: "x", Host: "a"}, map[string]string{"k": "v"}
	good, err := json.Marshal(e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"first":1,"next":2}`))
	f.Add([]byte(`{"id":1,"host":"a","incarnation":"1","number":1,"kind":"x","details":{"":""}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if head, err := decodeEventsHead(value); err == nil && (head.First == 0 || head.Next < head.First) || err != nil && !errors.Is(err, errEvents) {
			t.Errorf("head %+v, %v", head, err)
		}
		e, err := decodeEvent(value)
		if err != nil {
			return
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("an event that was read can't be written: %v", err)
		}
		if again, err := decodeEvent(text); err != nil || !cmp.Equal(e, again) {
			t.Errorf("%+v became %+v, %v", e, again, err)
		}
	})
}
