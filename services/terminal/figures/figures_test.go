package figures

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/standing"
)

// lines are the figures of a page, by name and labels.
func lines(t *testing.T, page []byte) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			t.Fatalf("line %q", line)
		}
		if _, err := strconv.ParseFloat(line[at+1:], 64); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if _, again := found[line[:at]]; again {
			t.Errorf("%s stands there twice", line[:at])
		}
		found[line[:at]] = line[at+1:]
	}
	return found
}

func TestPage_SaysEachFigure(t *testing.T) {
	var answers, outcomes Codes
	answers.Count(bus.CodeOK)
	answers.Count(bus.CodeOK)
	answers.Count(bus.CodeNobody)
	outcomes.CountOutcome(bus.CodeConflict, false)
	outcomes.CountOutcome(bus.CodeTooOld, true)
	page := Figures{
		Terminal: "till \"7\"\\\n", Version: "1.2.3", Attached: true, Since: time.UnixMilli(1767348005100), Epoch: 4, Waiting: 3, Oldest: 1500 * time.Millisecond,
		Queue:     Queue{Waiting: 7, Bytes: 9000, Oldest: time.Minute, Unknown: 1, Kept: 2},
		Takeovers: standing.Total{Count: 5, Felt: 2, For: 812 * time.Millisecond}, Outages: standing.Total{Count: 1}, LastNotice: 17, Answers: &answers, Outcomes: &outcomes,
	}.Page()
	got := lines(t, page)
	for name, want := range map[string]string{
		`info{terminal="till \"7\"\\\n",version="1.2.3"}`: "1", "attached": "1", "attached_since_timestamp_seconds": "1.7673480051e+09", "epoch": "4", "waiting_requests": "3",
		"waiting_oldest_seconds": "1.5", "queue_requests": "7", "queue_bytes": "9000", "queue_oldest_seconds": "60", "queue_unknown": "1", "queue_results": "2",
		`queue_outcomes_total{code="409"}`: "1", `queue_outcomes_total{code="unknown"}`: "1", `queue_outcomes_total{code="410"}`: "0", `answers_total{code="0"}`: "2",
		`answers_total{code="503"}`: "1", `answers_total{code="other"}`: "0", `interruptions_total{kind="takeover"}`: "5", `interruptions_total{kind="outage"}`: "1",
		`interruptions_felt_total{kind="takeover"}`: "2", `interruptions_felt_seconds_total{kind="takeover"}`: "0.812", `interruptions_felt_seconds_total{kind="outage"}`: "0", "last_notice": "17",
	} {
		if got["hotpair_terminal_"+name] != want {
			t.Errorf("%s is %q, want %s", name, got["hotpair_terminal_"+name], want)
		}
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED, THE PAGE IS NOT CHECKED: promtool is missing, it is in Debian's package prometheus")
	}
	check := exec.CommandContext(t.Context(), tool, "check", "metrics")
	check.Stdin = bytes.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s\n%s", err, out, page)
	}
}

// Services answer with codes of their own, and they don't make the page grow.
func TestCodes_AreBounded(t *testing.T) {
	var answers Codes
	before := len(lines(t, Figures{Answers: &answers, Outcomes: &answers}.Page()))
	for code := range 10_000 {
		answers.Count(code)
		answers.CountOutcome(-code, false)
	}
	got := lines(t, Figures{Answers: &answers, Outcomes: &answers}.Page())
	if len(got) != before {
		t.Errorf("the page has %d figures, and had %d", len(got), before)
	}
	sum := 0.0
	for name, value := range got {
		if strings.HasPrefix(name, "hotpair_terminal_answers_total") {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	if sum != 20_000 {
		t.Errorf("of 20,000 answers %v are counted", sum)
	}
}
