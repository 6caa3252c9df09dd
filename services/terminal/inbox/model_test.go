package inbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/storage/position"
)

// pair is the pair's side of notices, with everything that it ever had and did not take back.
type pair struct {
	t       *testing.T
	random  *rand.Rand
	history notices.History
	streams [2][]notices.Notice
	trimmed [2]int // how many of each are gone

	dir     string
	file    *File
	box     *Box
	session *Session
	cursor  notices.Cursor // that the terminal said
	sender  *notices.Sender
}

// update commits one with some notices.
func (p *pair) update(most int) {
	end := &p.history.End
	end.Sequence++
	end.Epoch = p.history.Epoch
	for i := range p.random.IntN(most + 1) {
		s := p.random.IntN(2)
		p.streams[s] = append(p.streams[s], notices.Notice{
			Number: notices.Number{Epoch: end.Epoch, Sequence: end.Sequence, Index: uint32(i)}, Count: uint64(len(p.streams[s]) + 1), Size: 1,
		})
	}
}

// begin begins a term, perhaps without the last updates: then they are taken back.
func (p *pair) begin(epoch uint64, back uint64) {
	for s := range p.streams {
		if n := p.trimmed[s]; n > 0 { // what was trimmed is not taken back
			back = min(back, p.history.End.Sequence-p.streams[s][n-1].Number.Sequence)
		}
	}
	end := &p.history.End
	end.Sequence -= min(back, end.Sequence)
	for s := range p.streams {
		p.streams[s] = slices.DeleteFunc(p.streams[s], func(n notices.Notice) bool { return n.Number.Sequence > end.Sequence })
	}
	p.history.Starts = slices.DeleteFunc(p.history.Starts, func(s notices.Start) bool { return s.Sequence > end.Sequence })
	p.history.Starts = append(p.history.Starts, notices.Start{Epoch: epoch, Sequence: end.Sequence + 1})
	p.history.Epoch = epoch
	p.update(0)
	p.attach()
}

func (p *pair) attach() {
	p.session, p.cursor = p.box.Session("p", p.history.Epoch, free)
	p.sender = nil
}

func (p *pair) restart() {
	if p.file != nil {
		if err := p.file.Close(); err != nil {
			p.t.Fatal(err)
		}
	}
	p.file = openFile(p.t, p.dir)
	p.box = p.file.Box("t1", 0)
	p.attach()
}

// view is what there is for the sender, one page of each stream.
func (p *pair) view() (v notices.View) {
	for s := range v {
		all, trimmed := p.streams[s], p.trimmed[s]
		v[s].Total = uint64(len(all))
		if trimmed > 0 {
			v[s].Trimmed = notices.Mark{Number: all[trimmed-1].Number, Count: uint64(trimmed)}
		}
		for _, n := range all[trimmed:] {
			if n.Number.After(p.sender.After(notices.Stream(s))) {
				v[s].Kept = append(v[s].Kept, n)
			}
		}
	}
	return v
}

// tell sends what there is; lost: the answer is lost, and it is sent again or the session is lost.
func (p *pair) tell() (sent int) {
	b := notice.Batch{Epoch: p.history.Epoch}
	if p.sender == nil {
		r, err := notices.Resume(p.history, notices.Marks{}, p.cursor)
		if err != nil {
			p.t.Fatalf("resume from %+v in %+v: %v", p.cursor, p.history, err)
		}
		b.Resume = &r
		p.sender = notices.NewSender(notices.Window{Notices: 5, Bytes: 100}, r.Cursor, [2]notices.Number{})
	}
	list, err := p.sender.Next(p.view())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range list {
		b.Messages = append(b.Messages, notice.Message{Message: m, Content: notice.Content{Service: "till", Topic: "price"}})
	}
	for again := true; again; {
		data, err := bus.Encode(b)
		if err != nil {
			p.t.Fatal(err)
		}
		var came notice.Batch
		if err := notice.DecodeBatch(data, &came); err != nil {
			p.t.Fatal(err)
		}
		_, answer, err := p.session.Take(came)
		switch again = p.random.IntN(6) == 0; {
		case again:
			continue // it was lost
		case p.random.IntN(8) == 0:
			p.attach() // and the session with it
			return len(list)
		case err != nil && answer.Cursor != nil && b.Resume != nil: // a resume that came again
			p.cursor, p.sender = *answer.Cursor, nil
			return len(list)
		case err != nil:
			p.t.Fatalf("%+v: %v", b, err)
		}
		if err := p.sender.Confirm(answer.Serial); err != nil {
			p.t.Fatal(err)
		}
	}
	return len(list)
}

// check compares what an application made of what it was told with what the pair has.
func (p *pair) check() {
	p.t.Helper()
	var has []notices.Number
	for i, told := range all(p.t, p.box) {
		if told.Number != uint64(i+1) {
			p.t.Fatalf("number %d comes as the %d.", told.Number, i+1)
		}
		switch {
		case told.Topic == notice.TopicDiverged:
			from := number(p.t, told.From)
			has = slices.DeleteFunc(has, func(n notices.Number) bool { return n.After(from) })
		case told.ID != "":
			has = append(has, number(p.t, told.ID))
		}
	}
	for i := 1; i < len(has); i++ {
		if !has[i].After(has[i-1]) {
			p.t.Fatalf("%v comes after %v", has[i], has[i-1])
		}
	}
	there := map[notices.Number]bool{}
	for s, list := range p.streams {
		for i, n := range list {
			there[n.Number] = true
			if i >= p.trimmed[s] && !slices.Contains(has, n.Number) {
				p.t.Fatalf("%v is missing, of %v", n.Number, has)
			}
		}
	}
	for _, n := range has {
		if !there[n] {
			p.t.Fatalf("%v was taken back, and the terminal was not told", n)
		}
	}
}

func number(t *testing.T, id string) (n notices.Number) {
	t.Helper()
	if id == "" {
		return n
	}
	if _, err := fmt.Sscanf(strings.TrimPrefix(id, "p/"), "%d/%d/%d", &n.Epoch, &n.Sequence, &n.Index); err != nil {
		t.Fatalf("id %q: %v", id, err)
	}
	return n
}

// The rules of package notices hold with the store as it is: over lost answers and sessions, restarts, takeovers, histories that are taken back, and
// trimming, a terminal is told each notice once, in order, or that it is missing or void.
func TestSession_TellsEachOnceWhateverHappens(t *testing.T) {
	seed := rand.Uint64()
	voids, gaps, told := 0, 0, 0
	for run := range uint64(25) {
		p := &pair{t: t, random: rand.New(rand.NewPCG(seed, run)), dir: t.TempDir()}
		p.history = notices.History{Pair: "p", Epoch: 1, Starts: []notices.Start{{Epoch: 1, Sequence: 1}}, End: position.Position{}}
		p.restart()
		p.update(0)
		for range 60 {
			switch p.random.IntN(10) {
			case 0:
				p.restart()
			case 1:
				p.begin(p.history.Epoch+1, 0)
			case 2:
				p.begin(p.history.Epoch+1+p.random.Uint64N(2), p.random.Uint64N(4))
			case 3:
				s := p.random.IntN(2)
				p.trimmed[s] += p.random.IntN(len(p.streams[s]) - p.trimmed[s] + 1)
			case 4, 5, 6:
				p.update(4)
			default:
				p.tell()
			}
		}
		for quiet := 0; quiet < 3; { // an answer may be lost, and the session begin anew
			if quiet++; p.tell() > 0 {
				quiet = 0
			}
		}
		p.check()
		for _, one := range all(t, p.box) {
			switch told++; one.Topic {
			case notice.TopicDiverged:
				voids++
			case notice.TopicGap:
				gaps++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d, run %d", seed, run)
		}
	}
	t.Logf("seed %d: %d told, %d of them gaps and %d void", seed, told, gaps, voids)
	if voids == 0 || gaps == 0 {
		t.Error("nothing was void, or no gap told")
	}
}
