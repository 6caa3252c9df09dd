package simulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// pairModel is a pair in a map, with the faults that the scripts must find.
type pairModel struct {
	sequence uint64
	values   map[string]kvAnswer
	answers  map[string]answer // by request id
}

func newPairModel() *pairModel {
	return &pairModel{values: map[string]kvAnswer{}, answers: map[string]answer{}}
}

func (p *pairModel) at() position.Position { return position.Position{Epoch: 1, Sequence: p.sequence} }

// do executes a call as a pair without faults does.
func (p *pairModel) do(c call) answer {
	if a, known := p.answers[c.id]; known && c.id != "" {
		return a
	}
	a := p.execute(c)
	if c.id != "" {
		p.answers[c.id] = a
	}
	return a
}

// execute is do without the memory of ids: a call that is executed again takes effect again.
func (p *pairModel) execute(c call) answer {
	var in struct {
		Key      string  `json:"key"`
		Value    string  `json:"value"`
		Revision *uint64 `json:"revision"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return answer{code: bus.CodeMalformed}
	}
	now := p.values[in.Key]
	switch {
	case c.operation == "get" && now.Revision == 0, c.operation == "delete" && now.Revision == 0:
		return answer{code: bus.CodeAbsent}
	case c.operation == "get":
		return answer{body: encode(now)}
	case c.operation == "cas" && now.Revision != *in.Revision:
		return answer{code: bus.CodeConflict, message: "revision"}
	}
	p.sequence++
	if c.operation == "delete" {
		delete(p.values, in.Key)
		return answer{body: []byte(`{"revision":1}`), position: p.at()}
	}
	p.values[in.Key] = kvAnswer{in.Value, p.sequence}
	return answer{body: fmt.Appendf(nil, `{"revision":%d}`, p.sequence), position: p.at()}
}

func newTestKV(t *testing.T) (*kv, *findings) {
	t.Helper()
	wrongs := newFindings()
	own := &ids{run: "test", now: time.Now}
	return newKV("k/", rand.New(rand.NewPCG(1, 2)), own, wrongs), wrongs
}

// write makes calls until one is a write of the kind that was asked for, and gives it, not yet settled.
func write(t *testing.T, s *kv, p *pairModel, operation string) call {
	t.Helper()
	for range 10000 {
		c := s.next()
		if c.operation == operation {
			return c
		}
		s.settled(p.do(c))
	}
	t.Fatalf("no %s in 10000 calls", operation)
	return call{}
}

func readBack(s script, p *pairModel) {
	for _, c := range s.checks() {
		c.judge(p.do(c.call))
	}
}

func TestKV_FindsNothingInAPairThatKeepsItsWord(t *testing.T) {
	s, wrongs := newTestKV(t)
	p := newPairModel()
	for range 5000 {
		s.settled(p.do(s.next()))
	}
	readBack(s, p)
	if words := wrongs.examples(); len(words) > 0 {
		t.Error(words)
	}
	if len(s.checks()) < 100 {
		t.Errorf("only %d keys were written", len(s.checks()))
	}
}

func TestKV_FindsEachFault(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func(*testing.T, *kv, *pairModel)
		want  kind
	}{
		{"acknowledged put is lost", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "put")
			before := p.values[s.last.key.name]
			s.settled(p.do(c))
			if before.Revision == 0 {
				delete(p.values, s.last.key.name)
			} else {
				p.values[s.last.key.name] = before
			}
		}, missing},
		{"acknowledged delete is lost", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "delete")
			before := p.values[s.last.key.name]
			s.settled(p.do(c))
			p.values[s.last.key.name] = before
		}, doubled},
		{"put is executed twice at once", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "put")
			s.settled(p.execute(c))
			p.execute(c)
		}, doubled},
		{"put is executed again after a later one", func(t *testing.T, s *kv, p *pairModel) {
			first := write(t, s, p, "put")
			key := s.last.key
			s.settled(p.do(first))
			for done := false; !done; {
				c := s.next()
				s.settled(p.do(c))
				done = s.last.key == key && c.operation == "put"
			}
			p.execute(first)
		}, doubled},
		{"put takes effect though it was refused", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "put")
			p.execute(c)
			s.settled(answer{code: bus.CodeTooLarge})
		}, doubled},
		{"cas is executed twice and answers the second time", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "cas")
			p.execute(c)
			s.settled(p.execute(c))
		}, doubled},
		{"read shows an older value", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "put")
			for p.values[s.last.key.name].Revision == 0 {
				s.settled(p.do(c))
				c = write(t, s, p, "put")
			}
			key, before := s.last.key, p.values[s.last.key.name]
			s.settled(p.do(c))
			s.compare(key, answer{body: encode(before)}, stale)
		}, stale},
		{"answer has a revision of before", func(t *testing.T, s *kv, p *pairModel) {
			c := write(t, s, p, "put")
			for s.last.key.revision == 0 {
				s.settled(p.do(c))
				c = write(t, s, p, "put")
			}
			a := p.do(c)
			a.body = []byte(`{"revision":1}`)
			s.settled(a)
		}, wrong},
		{"answer can't be read", func(t *testing.T, s *kv, p *pairModel) {
			a := p.do(write(t, s, p, "put"))
			a.body = []byte(`{`)
			s.settled(a)
		}, wrong},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, wrongs := newTestKV(t)
			p := newPairModel()
			for range 50 {
				s.settled(p.do(s.next()))
			}
			test.fault(t, s, p)
			readBack(s, p)
			if wrongs.count(test.want) == 0 {
				t.Errorf("nothing %s was found; found %v", test.want, wrongs.examples())
			}
		})
	}
}

func TestKV_UnsettledDoesNotCount(t *testing.T) {
	for _, executed := range []bool{true, false} {
		s, wrongs := newTestKV(t)
		p := newPairModel()
		for range 200 {
			s.settled(p.do(s.next()))
		}
		c := write(t, s, p, "put")
		if executed {
			p.execute(c)
		}
		s.doubtful()
		for range 200 {
			s.settled(p.do(s.next()))
		}
		readBack(s, p)
		if words := wrongs.examples(); len(words) > 0 {
			t.Errorf("executed %v: %v", executed, words)
		}
	}
}

func TestMemory_FindsForgottenAndRepeatedIDs(t *testing.T) {
	s, wrongs := newTestKV(t)
	p := newPairModel()
	m := &memory{limit: 1000}
	for range 500 {
		c := s.next()
		a := p.do(c)
		s.settled(a)
		m.note(c, a)
	}
	repeat := func(do func(call) answer) {
		for _, c := range m.repeats(wrongs) {
			c.judge(do(c.call))
		}
	}
	if repeat(p.do); len(wrongs.examples()) > 0 {
		t.Fatal(wrongs.examples())
	}
	if repeat(func(call) answer { return answer{code: bus.CodeConflict} }); wrongs.count(missing) != len(m.kept) {
		t.Errorf("%d of %d forgotten ids were found", wrongs.count(missing), len(m.kept))
	}
	if repeat(func(c call) answer { c.operation = "put"; return p.execute(c) }); wrongs.count(doubled) != len(m.kept) {
		t.Errorf("%d of %d ids executed again were found", wrongs.count(doubled), len(m.kept))
	}
	if judgePositions(wrongs, [][]position.Position{m.writes}); wrongs.count(missing) != len(m.kept) {
		t.Error("positions that differ were taken for the same")
	}
	if judgePositions(wrongs, [][]position.Position{m.writes, m.writes[:1]}); wrongs.count(missing) != len(m.kept)+1 {
		t.Error("two updates at one position were not found")
	}
}
