package operations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/verdict"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/predict"
	"github.com/hotpair/hotpair/services/supervisor"
)

// conditionsEvery is how often the conditions are read, to know since when each holds.
const conditionsEvery = 500 * time.Millisecond

// causes is how many of the last events are shown as reasons.
const causes = 3

// standing remembers since when each condition has its value.
type standing struct {
	mu    sync.Mutex
	since map[string]sinceWhen
}

type sinceWhen struct {
	met bool
	at  time.Time
}

// look takes the present conditions.
func (s *standing) look(list []role.Condition, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[string]sinceWhen{}
	}
	for _, c := range list {
		if was, known := s.since[c.Name]; !known || was.met != (c.Unmet == "") {
			s.since[c.Name] = sinceWhen{met: c.Unmet == "", at: now}
		}
	}
}

func (s *standing) at(name string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since[name].at
}

// Run watches the conditions until ctx ends.
func (o *Operations) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { _ = o.members.issuing.Run(ctx, true) }) // ends with ctx only
	beside.Go(func() { o.runBackups(ctx) })
	defer beside.Wait()
	tick := time.NewTimer(pace.Next(conditionsEvery))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tick.Reset(pace.Next(conditionsEvery))
			o.Machine.During(ctx, func(m *role.Machine) { o.standing.look(m.Conditions(), time.Now()) })
			o.watchPause()
			o.watchDrift()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// clone returns a copy of the role machine between two steps.
func (o *Operations) clone(ctx context.Context) (*role.Machine, error) {
	got := make(chan *role.Machine, 1)
	o.Machine.During(ctx, func(m *role.Machine) { got <- m.Clone() })
	select {
	case m := <-got:
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: the role machine of %s makes no steps: %w", operator.ErrUnavailable, o.Host.Host, ctx.Err())
	}
}

// answerExplain answers why the pair is in its state, and what the next failure would do.
func (o *Operations) answerExplain(r *registry.Registry) {
	registry.Answer(r, operator.CallExplain, o.explain)
	registry.AnswerPart(r, operator.PartExplain, o.explainOwn)
}

// explainOwn predicts with a copy of the own role machine.
func (o *Operations) explainOwn(ctx context.Context, _ operator.Caller, _ operator.None) (operator.OwnView, error) {
	m, err := o.clone(ctx)
	if err != nil {
		return operator.OwnView{}, err
	}
	v := m.View()
	own := operator.OwnView{Host: o.Host.Host, Role: string(v.Role), Mode: string(v.Mode)}
	conditions := m.Conditions()
	o.standing.look(conditions, time.Now())
	for _, c := range conditions {
		own.Conditions = append(own.Conditions, operator.Condition{Name: c.Name, Value: c.Value, Needed: c.Needed, Met: c.Unmet == "",
			Since: o.standing.at(c.Name), Verdict: c.Unmet})
	}
	for _, loss := range []predict.Loss{predict.OtherDies, predict.OtherVanishes, predict.LinkLost, predict.WitnessLost, predict.ThisReturns} {
		own.Predictions = append(own.Predictions, shownPrediction(predict.After(m, loss)))
	}
	return own, nil
}

func shownPrediction(o predict.Prediction) operator.Prediction {
	shown := operator.Prediction{Loss: string(o.Loss), Serves: o.Serves, AfterMS: -1, Role: string(o.Role), Mode: string(o.Mode), Waiting: o.Waiting, Deferred: o.Deferred,
		Moves: []operator.Move{}}
	if o.Serves {
		shown.AfterMS = o.ServedAfter.Milliseconds()
	}
	for _, move := range o.Moves {
		shown.Moves = append(shown.Moves, operator.Move{AfterMS: move.After.Milliseconds(), Step: string(move.Step), Text: move.Text})
	}
	return shown
}

// explain says why the pair is in its state and what would happen next. It answers without the other host when that
// one does not answer.
func (o *Operations) explain(ctx context.Context, caller operator.Caller, _ operator.None) (operator.Explanation, error) {
	status := o.Main.Status(ctx)
	e := operator.Explanation{Host: o.Host.Host, Time: time.Now(), Level: status.Level, Summary: status.Sentence, Why: o.reasons(status)}
	own, err := o.explainOwn(ctx, caller, operator.None{})
	if err != nil {
		return e, err
	}
	e.Hosts = []operator.OwnView{own}
	var other *operator.OwnView
	said, err := registry.Other(ctx, o.registry, operator.PartExplain, caller, operator.None{})
	if err == nil {
		other, e.Hosts = &said, append(e.Hosts, said)
	} else {
		e.NotAsked = "the view of the other host is missing: " + err.Error()
	}
	e.Next = verdict.Foresee(own, other)
	e.Times = implied(o.Times, o.Host.Witnessless())
	return e, nil
}

// reasons are the sentences on how the pair came to be as it is.
func (o *Operations) reasons(s operator.Status) []string {
	var why []string
	if s.WaitingFor != "" {
		why = append(why, s.WaitingFor)
	}
	if s.Pause != nil {
		why = append(why, fmt.Sprintf("automatic takeover is paused by %s until %s", s.Pause.By, s.Pause.Until.UTC().Format(time.DateTime)))
		if s.Pause.Deferred != "" {
			why = append(why, "the pause has deferred: "+s.Pause.Deferred)
		}
	}
	if s.Peer.Reason != "" {
		why = append(why, s.Peer.Host+": "+s.Peer.Reason)
	}
	for _, e := range s.Events[max(0, len(s.Events)-causes):] {
		text := e.Time.UTC().Format("15:04:05.000") + " " + e.Host + ": " + e.Text
		if e.Step != "" {
			text = e.Time.UTC().Format("15:04:05.000") + " " + e.Host + " (" + e.Step + "): " + e.Text
		}
		why = append(why, text)
	}
	return why
}

// implied returns the worst cases that follow from the settings: each is the longest wait before a host acts.
func implied(t role.Times, witnessless bool) []operator.Implied {
	one := func(name string, d time.Duration, rule string) operator.Implied {
		return operator.Implied{Name: name, MS: d.Milliseconds(), Rule: rule}
	}
	list := []operator.Implied{
		one("active's processes die", t.Veto, "both ports refuse; terminals may object for this long"),
		one("active's machine or cable is gone", t.Promise+t.Heartbeat, "lease × 1.1 + 10 ms of silence, + a heartbeat"),
		one("active's main is frozen", min(supervisor.Patience(t.Lease), t.Promise)+t.Heartbeat, "silence, or killed by its supervisor"),
		one("standby's machine or cable is gone", t.Unanswered+t.Heartbeat, "lease / 2 without a reply, + a heartbeat"),
		one("standby is alive but accepts no updates", t.Patience, "HOTPAIR_STANDBY_PATIENCE"),
		one("active's disk hangs", t.Patience, "HOTPAIR_STANDBY_PATIENCE, then it hands over"),
		one("active reaches no terminal", t.Unreachable, "then it hands over, once"),
		one("each half of a hand-over", t.HandOver, "then it takes the next epoch itself"),
		one("lost right of a cut-off active", t.Lease, "lease, since its last answered heartbeat"),
	}
	if !witnessless {
		list = append(list, one("another's epoch seen by a cut-off active", t.Read, "the pair record is read each second"))
	}
	return list
}
