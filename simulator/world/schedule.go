package world

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// ErrSchedule says that a schedule is invalid; the text names the line.
var ErrSchedule = errors.New("not a schedule")

// Event is one fault or action.
type Event struct {
	At   time.Duration // since the load began
	Verb string
	Args []string
}

// String is the event as a line of a schedule.
func (e Event) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", e.At, e.Verb, strings.Join(e.Args, " ")))
}

// Schedule is all events, in order, and the seed of the applications.
//
// Its text has one event per line, "TIME VERB ARGUMENTS"; # begins a comment. The first line is "seed NUMBER", which
// may be followed by settings, "lease 1s", "history 50". The verbs:
//
//	cut FROM TO         nothing passes in this direction any more       fix FROM TO
//	slow FROM TO BY     everything takes that much longer               fix FROM TO
//	stall HOST          the disk under the host's journal stands still  release HOST
//	kill HOST|witness   SIGKILL of all its processes                    start HOST|witness
//	stop HOST           SIGTERM, a clean end                            start HOST
//	crash HOST PROCESS  SIGKILL of one process; main starts it again
//	switchover HOST     an operator asks this host for it
type Schedule struct {
	Seed    uint64
	Lease   time.Duration
	History int // updates kept at most; 0 is the product's default
	Events  []Event
}

// verbs are all verbs, with the number of their arguments.
var verbs = map[string]int{"cut": 2, "fix": 2, "slow": 3, "stall": 1, "release": 1, "kill": 1, "start": 1, "stop": 1, "crash": 2, "switchover": 1}

// String is the schedule's text.
func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\nlease %s\n", s.Seed, s.Lease)
	if s.History > 0 {
		fmt.Fprintf(&b, "history %d\n", s.History)
	}
	for _, e := range s.Events {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// Parse reads the text of a schedule. The error is ErrSchedule.
func Parse(text string) (Schedule, error) {
	s := Schedule{Lease: time.Second}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.take(words); err != nil {
			return Schedule{}, fmt.Errorf("%w: line %d, %q: %w", ErrSchedule, n, line, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Schedule{}, fmt.Errorf("%w: %w", ErrSchedule, err)
	}
	return s, nil
}

var (
	errForm    = errors.New("want TIME VERB ARGUMENTS, or a setting")
	errVerb    = errors.New("no such verb")
	errMachine = errors.New("no such machine")
	errOrder   = errors.New("the time is earlier than that of the previous line")
)

func (s *Schedule) take(words []string) (err error) {
	if len(words) == 2 {
		switch words[0] {
		case "seed":
			s.Seed, err = strconv.ParseUint(words[1], 10, 64)
			return err
		case "lease":
			s.Lease, err = time.ParseDuration(words[1])
			return err
		case "history":
			s.History, err = strconv.Atoi(words[1])
			return err
		}
	}
	if len(words) < 3 {
		return errForm
	}
	e := Event{Verb: words[1], Args: words[2:]}
	if e.At, err = time.ParseDuration(words[0]); err != nil {
		return err
	}
	if len(s.Events) > 0 && e.At < s.Events[len(s.Events)-1].At {
		return errOrder
	}
	if n, known := verbs[e.Verb]; !known || n != len(e.Args) {
		return errVerb
	}
	if err := e.check(); err != nil {
		return err
	}
	s.Events = append(s.Events, e)
	return nil
}

// check looks at the arguments.
func (e Event) check() error {
	machines := e.Args[:1]
	switch e.Verb {
	case "cut", "fix", "slow":
		machines = e.Args[:2]
	}
	for _, m := range machines {
		terminal, err := strconv.Atoi(strings.TrimPrefix(m, "t"))
		isTerminal := strings.HasPrefix(m, "t") && err == nil && terminal > 0 && terminal <= terminals
		wire := len(machines) == 2
		switch {
		case m == pair.HostA, m == pair.HostB, isTerminal && wire:
		case m == pair.Witness && (wire || e.Verb == "kill" || e.Verb == "start"):
		default:
			return fmt.Errorf("%w: %s", errMachine, m)
		}
	}
	if e.Verb == "slow" {
		if _, err := time.ParseDuration(e.Args[2]); err != nil {
			return err
		}
	}
	return nil
}

// sorted sorts the events by time; those of one time keep their order.
func sorted(events []Event) []Event {
	slices.SortStableFunc(events, func(a, b Event) int { return int(a.At - b.At) })
	return events
}
