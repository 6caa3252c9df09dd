package tills

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/storage/position"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// run is what a run has left that is to be judged.
type run struct {
	till *till
	ends map[string]outcome
	db   database
	list *listing // nil: all that there is
}

// good is one in which all went well: one terminal, one lane, ten orders of which two were queued while the line was cut.
func good() *run {
	t := &till{Terminal: Terminal{ID: "t1"}, name: "n/t1", orders: make([][]order, 1), hears: []*listener{newListener("NATS"), newListener("HTTP")},
		lanes: make([]door, 1), cut: []Span{{began.Add(time.Minute), began.Add(2 * time.Minute)}}}
	r := &run{till: t, ends: map[string]outcome{}, db: database{map[string]kv.Item{}, map[string]int64{}}}
	last, paid := "", int64(0)
	for n := range 10 {
		o := order{n: n, id: fmt.Sprint("id", n), asked: began.Add(time.Duration(n) * time.Second), accepted: began.Add(time.Duration(n) * time.Second)}
		end := outcome{Told: queue.Told{ID: o.id, Key: o.name(t.name), State: queue.Done.String(), Position: fmt.Sprintf("%d/%d", 1+n/5, 100+n), AnsweredAt: o.accepted.Add(time.Second)}}
		if n == 7 || n == 8 { // while the line was cut
			o.asked, o.accepted, end.AnsweredAt = began.Add(89*time.Second), began.Add(90*time.Second), began.Add(125*time.Second)
		}
		switch n % 5 {
		case 3:
			o.kind, o.key, end.Code, end.Position = repeats, last, bus.CodeConflict, ""
		case 4:
			o.kind, o.amount = pays, int64(n)
			paid += o.amount
		default:
			o.key = o.name(t.name)
			last = o.key
			r.db.keys[o.key] = kv.Item{Key: o.key, Value: fmt.Append(nil, n), Revision: uint64(100 + n)}
		}
		r.set(end)
		for _, l := range t.hears {
			if n != 2 { // nobody heard of that
				l.hear([]byte(r.ends[o.id].text))
			}
		}
		t.orders[0] = append(t.orders[0], o)
	}
	r.db.balances[t.account(0)], r.db.balances[t.safe()] = opening-paid, paid
	return r
}

// set has the agent say an outcome.
func (r *run) set(end outcome) {
	end.text = string(bus.EncodeJSON(end.Told))
	r.ends[end.ID] = end
}

// change changes what the agent says of an order, after it was told.
func (r *run) change(n int, f func(*outcome)) {
	end := r.ends[fmt.Sprint("id", n)]
	f(&end)
	r.set(end)
	for _, l := range r.till.hears { // it was told so
		if w := l.words[end.ID]; w != nil {
			w.first = r.ends[end.ID].text
		}
	}
}

func (r *run) verdict() (v Verdict) {
	r.till.judge(r.ends, r.db, &v)
	if r.list == nil {
		r.list = &listing{first: 2, texts: map[string]string{}}
		for id, end := range r.ends {
			if !end.absent {
				r.list.ids, r.list.texts[id] = append(r.list.ids, id), end.text
			}
		}
	}
	r.list.judge("t1", r.ends, &v)
	(&Tills{tills: []*till{r.till}}).strangers(r.db, &v)
	return v
}

func TestJudge_FindsNothingWhereAllIsWell(t *testing.T) {
	v := good().verdict()
	if v.Bad() || v.Accepted != 10 || v.Done != 8 || v.Refused != 2 || v.Cut != 2 || v.Heard != 18 || v.Listed != 10 || v.Asked != 1 || v.Moved != 1 || v.Caught != 5*time.Second {
		t.Errorf("%+v", v)
	}
}

// TestJudge_FindsWhatIsWrong: each thing that may go wrong with one order is found, as what it is.
func TestJudge_FindsWhatIsWrong(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(*run)
		want string
	}{
		"its key is not there": {func(r *run) { delete(r.db.keys, "n/t1/0/000001") }, "lost: order n/t1/0/000001 was executed"},
		"nobody knows it":      {func(r *run) { r.ends["id2"] = outcome{absent: true} }, "lost: order n/t1/0/000002 was accepted as id2"},
		"it was done again": {func(r *run) {
			r.db.keys["n/t1/0/000001"] = kv.Item{Value: []byte("1"), Revision: 107}
		}, "doubled: order n/t1/0/000001 was executed at 1/101"},
		"it was done before":          {func(r *run) { r.change(1, func(o *outcome) { o.Code, o.Position = bus.CodeConflict, "" }) }, "doubled: order n/t1/0/000001 found its own key"},
		"it was paid twice":           {func(r *run) { r.db.balances["n/t1/0"] -= 4 }, "doubled: account n/t1/0 has"},
		"it was not paid":             {func(r *run) { r.db.balances["n/t1/0"] += 4 }, "lost: account n/t1/0 has"},
		"it was paid to nobody":       {func(r *run) { r.db.balances["n/t1/safe"] -= 4 }, "lost: account n/t1/safe has"},
		"it overtook what it repeats": {func(r *run) { r.change(3, func(o *outcome) { o.Code = bus.CodeOK }) }, "wrong: order n/t1/0/000003 wrote key n/t1/0/000002"},
		"it overtook": {func(r *run) {
			r.change(1, func(o *outcome) { o.Position = "1/99" })
			r.db.keys["n/t1/0/000001"] = kv.Item{Value: []byte("1"), Revision: 99}
		}, "wrong: order n/t1/0/000001 was executed at 1/99, but n/t1/0/000000"},
		"it was refused":             {func(r *run) { r.change(4, func(o *outcome) { o.Code = bus.CodeMalformed }) }, "wrong: order n/t1/0/000004 was refused: 400"},
		"another value":              {func(r *run) { r.db.keys["n/t1/0/000001"] = kv.Item{Value: []byte("9"), Revision: 101} }, "wrong: order n/t1/0/000001 wrote 1, but the value is 9"},
		"no position":                {func(r *run) { r.change(1, func(o *outcome) { o.Position = "nowhere" }) }, "wrong: order n/t1/0/000001 was executed at \"nowhere\""},
		"another's outcome":          {func(r *run) { r.change(1, func(o *outcome) { o.Key = "n/t1/0/000002" }) }, "wrong: order n/t1/0/000001, accepted as id1, has the outcome of another: n/t1/0/000002"},
		"told twice":                 {func(r *run) { r.till.hears[1].hear([]byte(r.ends["id1"].text)) }, "doubled: terminal t1: the outcome of id1 was sent 2 times over HTTP"},
		"two outcomes":               {func(r *run) { r.till.hears[0].hear([]byte(`{"id":"id1","state":"unknown"}`)) }, "wrong: terminal t1: two outcomes of id1 were sent over NATS"},
		"told and kept otherwise":    {func(r *run) { r.till.hears[0].words["id1"].first = `{"id":"id1"}` }, "wrong: terminal t1: over NATS the outcome of id1 was sent as"},
		"an outcome of nobody":       {func(r *run) { r.till.hears[0].hear([]byte(`{"id":"x"}`)) }, "wrong: terminal t1: an outcome of x, which was never accepted, was sent over NATS"},
		"no outcome":                 {func(r *run) { r.till.hears[0].hear([]byte(`{`)) }, "wrong: a result over NATS can't be read"},
		"a key of nobody":            {func(r *run) { r.db.keys["n/t1/0/000099"] = kv.Item{} }, "wrong: key n/t1/0/000099 exists"},
		"done while the line is cut": {func(r *run) { r.change(7, func(o *outcome) { o.AnsweredAt = began.Add(100 * time.Second) }) }, "wrong: order n/t1/0/000007 has an outcome of"},
		"not there behind it":        {func(r *run) { r.till.absent = []string{"n/t1/0/000001"} }, "stale: key n/t1/0/000001"},
		"not listed":                 {func(r *run) { r.list = &listing{texts: map[string]string{}} }, "lost: terminal t1: the outcome of id1 is stored, but not listed"},
		"listed otherwise":           {func(r *run) { r.list = &listing{ids: []string{"id1"}, texts: map[string]string{"id1": "{}"}} }, "wrong: terminal t1: the outcome of id1 is listed as {}"},
		"listed twice":               {func(r *run) { r.list = &listing{ids: []string{"id1", "id1"}, texts: map[string]string{"id1": "{}"}} }, "doubled: terminal t1: of 2 outcomes listed, 2 are of one"},
		"listed in no order":         {func(r *run) { r.list = &listing{wrong: []string{"outcome 3 is listed after 4"}} }, "wrong: terminal t1: outcome 3"},
		"gone without a word":        {func(r *run) { r.ends["id1"], r.list = outcome{absent: true}, &listing{first: 1} }, "lost: terminal t1: 1 outcomes are missing"},
		"not accepted":               {func(r *run) { r.till.say("order x can't be queued") }, "wrong: terminal t1: order x"},
	} {
		r := good()
		c.harm(r)
		v := r.verdict()
		if !strings.Contains(strings.Join(v.All(), "\n"), c.want) {
			t.Errorf("%s: %q, want %q", what, v.All(), c.want)
		}
	}
}

// TestJudge_AnAnswerFromBeforeTheCut: it may have come through before the line was cut, and be taken in whenever the agent goes on.
func TestJudge_AnAnswerFromBeforeTheCut(t *testing.T) {
	r := good()
	r.till.orders[0][7].asked = r.till.cut[0].From.Add(-time.Millisecond)
	end := outcome{Told: queue.Told{ID: "id7", AnsweredAt: r.till.cut[0].To.Add(-time.Millisecond)}}
	v := Verdict{}
	c := &checking{till: r.till, v: &v}
	if c.line(&r.till.orders[0][7], end); v.Bad() || v.Cut != 1 {
		t.Errorf("%+v", v)
	}
	r.till.orders[0][7].asked = r.till.cut[0].From
	if c.line(&r.till.orders[0][7], end); !v.Bad() {
		t.Error("it was asked for when nothing came through, and was answered")
	}
}

// TestJudge_WhatNobodyCanTell: an order whose outcome is unknown may have been done or not, and what stands on it proves nothing.
func TestJudge_WhatNobodyCanTell(t *testing.T) {
	for _, n := range []int{2, 4} {
		for _, done := range []bool{true, false} {
			r := good()
			r.change(n, func(o *outcome) { o.State, o.Code, o.Position = queue.Unsure.String(), bus.CodeFault, "" })
			if n == 2 && !done { // the order that repeats it writes it
				r.change(3, func(o *outcome) { o.Code, o.Position = bus.CodeOK, position.Position{Epoch: 1, Sequence: 103}.String() })
			}
			if n == 4 && !done {
				r.db.balances["n/t1/0"] += 4
				r.db.balances["n/t1/safe"] -= 4
			}
			if v := r.verdict(); v.Bad() || v.Unknown != 1 {
				t.Errorf("%d, done %t: %+v", n, done, v)
			}
		}
	}
}

// TestJudge_WhatWasToldAndIsNotKept: an agent keeps outcomes only so long; what a listener heard counts then.
func TestJudge_WhatWasToldAndIsNotKept(t *testing.T) {
	r := good()
	r.ends["id1"] = outcome{absent: true}
	if v := r.verdict(); v.Bad() || v.Done != 8 {
		t.Errorf("%+v", v)
	}
	delete(r.db.keys, "n/t1/0/000001")
	if v := r.verdict(); len(v.Lost) != 1 {
		t.Errorf("%+v", v)
	}
}
