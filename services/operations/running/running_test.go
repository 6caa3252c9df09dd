package running

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/processes/said"
)

// some are services of a test.
type some struct {
	refused, failed error
	restarted       []string
}

func (s *some) Services(context.Context) []programs.Service {
	return []programs.Service{{Host: "a", Service: "tickets", Path: "/opt/tickets-2", State: programs.Ready}}
}
func (s *some) Differing() []programs.Service     { return nil }
func (s *some) CheckRestart(string, string) error { return s.refused }
func (s *some) Restart(service, path string) error {
	if s.refused != nil {
		return s.refused
	}
	s.restarted = append(s.restarted, service+"="+path)
	return s.failed
}
func (s *some) Said(service string, after uint64, _ int) ([]said.Line, uint64, bool, error) {
	return []said.Line{{Number: after + 1, Text: service}}, after + 1, service == "kv", nil
}

// A host restarts its own when the other one asks, and says what came of it; to try changes nothing.
func TestRestartOwn(t *testing.T) {
	var noted []string
	note := func(_ operator.Caller, _, text string) { noted = append(noted, text) }
	for _, c := range []struct {
		name            string
		refused, failed error
		try             bool
		err             error
		restarts, notes int
	}{
		{name: "it works", restarts: 1, notes: 1},
		{name: "tried", try: true},
		{name: "refused", refused: bus.ErrRefused, err: operator.ErrRefused},
		{name: "tried and refused", refused: bus.ErrRefused, try: true, err: operator.ErrRefused},
		{name: "not ready", failed: fmt.Errorf("%w: no fares", programs.ErrNotReady), err: operator.ErrUnfinished, restarts: 1, notes: 1},
	} {
		noted = nil
		s := &some{refused: c.refused, failed: c.failed}
		a := answers{Config{Host: "a", Services: s, Note: note}}
		_, err := a.restartOwn(t.Context(), operator.Caller{}, programs.RestartOwn{RestartService: programs.RestartService{Service: "tickets", Path: "/opt/tickets-2"}, Try: c.try})
		if !errors.Is(err, c.err) || (err != nil) != (c.err != nil) || len(s.restarted) != c.restarts || len(noted) != c.notes {
			t.Errorf("%s: %v, restarted %q, noted %q", c.name, err, s.restarted, noted)
		}
		if c.failed != nil && !strings.Contains(err.Error(), "no fares") {
			t.Errorf("%s: the last words are lost: %v", c.name, err)
		}
	}
}

func TestLogOwn_SaysWhereLinesAreThatStandElsewhere(t *testing.T) {
	a := answers{Config{Host: "a", Services: &some{}}}
	for service, note := range map[string]bool{"tickets": false, "kv": true} {
		log, err := a.logOwn(t.Context(), operator.Caller{}, programs.ServiceLogRequest{Service: service, After: 6})
		if err != nil || (log.Hosts[0].Note != "") != note || log.Hosts[0].Next != 7 || !slices.ContainsFunc(log.Lines, func(l programs.ServiceLine) bool { return l.Host == "a" && l.Number == 7 }) {
			t.Errorf("%s: %+v, %v", service, log, err)
		}
	}
}
