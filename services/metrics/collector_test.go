package metrics

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/lateness"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/storage/position"
)

// fixed is a host that stands still.
type fixed struct {
	status   operator.Status
	measures Measures
}

func (f *fixed) Status(context.Context) operator.Status { return f.status }
func (f *fixed) Measures() Measures                     { return f.measures }

// whole is a host of which everything is known, so that every metric appears.
func whole() *fixed {
	var h histogram.Histogram
	h.Observe(300 * time.Microsecond)
	h.Observe(40 * time.Millisecond)
	h.Observe(time.Minute)
	return &fixed{
		status: operator.Status{
			Host: "a", Version: "v1", PairID: "P", Role: "active", Mode: "paired", Started: time.UnixMilli(1500), Epoch: 7, Fit: true,
			InSync: []string{"a", "b"}, RightUntilMS: 900,
			Position: position.Position{Epoch: 7, Sequence: 12}, Committed: position.Position{Epoch: 7, Sequence: 11},
			Applied: position.Position{Epoch: 7, Sequence: 9}, Notified: position.Position{Epoch: 7, Sequence: 10}, Lag: 2, Divergent: 3,
			Peer:      operator.Peer{Link: evidence.Connected, Replication: evidence.Refused, HeardMS: 125},
			Witness:   operator.Witness{Reachable: true},
			Processes: map[string]operator.Process{"updater": {State: "ready", Restarts: 4}, "main": {State: "failed"}},
			Terminals: operator.Terminals{Attached: 5, Warm: 1, Unreachable: 2},
			Timers:    outbox.TimerState{Kept: 9, Parked: 3, Late: 2 * time.Second},
			Emissions: outbox.EmissionState{Waiting: 8, Parked: 1, Deferred: true, Sent: 77, Tries: 99},
			Wires: wires.Seen{TLS: true, Certificate: identity.State{Name: "spiffe://p/host/a", NotAfter: time.Unix(5000, 0), Fault: "HOTPAIR_TLS_KEY: gone"},
				Peers: []wires.OtherEnd{{Name: "spiffe://p/host/b", NotAfter: time.Unix(7000, 0)}, {Name: "spiffe://p/host/b", NotAfter: time.Unix(6000, 0)},
					{Name: "spiffe://p/terminal/t1", NotAfter: time.Unix(1, 0)}},
				Terminals: wires.TerminalEnds{Proved: 5, Ending: 1},
				Doors:     []door.Stats{{Door: "hotpair-link", Refused: map[string]uint64{"identity-pair": 4}}}},
			Audit: &operator.Audit{Checked: 100, Missing: 1}, Trail: &trail.Standing{Written: 21, Lost: 22, Problem: "no room"},
			Backups: &backups.Upkeep{Every: time.Hour, Failed: &backups.Failure{Tries: 3}, Record: backups.Record{Last: &backups.Made{At: time.UnixMilli(8500), Bytes: 23}, Tried: &backups.Made{At: time.UnixMilli(7500)}}},
		},
		measures: Measures{
			Updater:   bus.UpdaterMeasures{Updates: 11, Commit: h.Sample(), Journal: h.Sample(), Replication: h.Sample()},
			Terminals: bus.TerminalMeasures{Request: h.Sample()}, Refused: refusals.Counts{refusals.RequestOverloaded: 6, refusals.HTTPToken: 2}, InFlight: 8, Oldest: time.Second, Takeovers: 2, Gap: h.Sample(),
			Lease: time.Second, Heard: h.Sample(), Replied: h.Sample(), Lateness: lateness.Day{Borne: 120 * time.Millisecond},
		},
	}
}

// page is what Prometheus scrapes.
func page(t *testing.T, s Source) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(s).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// series gives the series of a page and their values.
func series(t *testing.T, page string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(page)); lines.Scan(); {
		line := lines.Text()
		name, value, found := cutLast(line, " ")
		if strings.HasPrefix(line, "#") || !found {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		all[name] = number
	}
	return all
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func TestCollector_ShowsTheHost(t *testing.T) {
	got := series(t, page(t, whole()))
	for name, want := range map[string]float64{
		`hotpair_info{host="a",pair="P",version="v1"}`: 1, `hotpair_start_time_seconds`: 1.5,
		`hotpair_role{role="active"}`: 1, `hotpair_role{role="standby"}`: 0, `hotpair_mode{mode="paired"}`: 1, `hotpair_mode{mode="solo"}`: 0,
		`hotpair_epoch`: 7, `hotpair_in_sync_hosts`: 2, `hotpair_right_seconds`: 0.9, `hotpair_fit`: 1,
		`hotpair_sequence{mark="journal"}`: 12, `hotpair_sequence{mark="committed"}`: 11, `hotpair_sequence{mark="applied"}`: 9,
		`hotpair_sequence{mark="notified"}`: 10, `hotpair_apply_lag_updates`: 2, `hotpair_notify_lag_updates`: 1, `hotpair_set_aside_updates`: 3,
		`hotpair_link_connected`: 1, `hotpair_replication_connected`: 0, `hotpair_peer_heard_seconds`: 0.125, `hotpair_witness_reachable`: 1,
		`hotpair_process_up{process="updater"}`: 1, `hotpair_process_up{process="main"}`: 0, `hotpair_process_restarts_total{process="updater"}`: 4,
		`hotpair_terminals{state="attached"}`: 5, `hotpair_timers{state="parked"}`: 3, `hotpair_timer_late_seconds`: 2, `hotpair_emissions{state="waiting"}`: 8, `hotpair_emissions_held`: 1, `hotpair_emissions_sent_total`: 77, `hotpair_emission_tries_total`: 99, `hotpair_terminals{state="unreachable"}`: 2, `hotpair_audit_missing_updates`: 1,
		`hotpair_audit_trail_lines_total`: 21, `hotpair_audit_trail_lost_total`: 22, `hotpair_audit_trail_failing`: 1,
		`hotpair_backup_interval_seconds`: 3600, `hotpair_backup_good_time_seconds`: 8.5, `hotpair_backup_bytes`: 23, `hotpair_backup_trial_time_seconds`: 7.5, `hotpair_backup_failed_tries`: 3,
		`hotpair_wires_tls`: 1, `hotpair_certificate_end_time_seconds`: 5000, `hotpair_certificate_files_usable`: 0,
		`hotpair_peer_certificate_end_time_seconds{peer="spiffe://p/host/b"}`: 6000, `hotpair_terminal_certificates_ending`: 1,
		`hotpair_wire_refused_total{reason="identity-pair",wire="hotpair-link"}`: 4,
		`hotpair_updates_total`: 11, `hotpair_refused_total{door="terminal",reason="busy"}`: 6, `hotpair_refused_total{door="http",reason="token"}`: 2, `hotpair_refused_total{door="link",reason="login"}`: 0, `hotpair_requests_in_flight`: 8, `hotpair_takeovers_total`: 2,
		`hotpair_commit_seconds_bucket{le="0.0001"}`: 0, `hotpair_commit_seconds_bucket{le="0.0005"}`: 1, `hotpair_commit_seconds_bucket{le="0.05"}`: 2,
		`hotpair_commit_seconds_bucket{le="10"}`: 2, `hotpair_commit_seconds_bucket{le="+Inf"}`: 3, `hotpair_commit_seconds_count`: 3,
		`hotpair_takeover_gap_seconds_sum`: 60.0403, `hotpair_request_seconds_count`: 3, `hotpair_replication_seconds_count`: 3,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v (there: %t), want %v", name, value, there, want)
		}
	}
}

// TestCollector_ShowsAHostThatKnowsNothing holds that a host which has just started, or whose updater is down, is scraped.
func TestCollector_ShowsAHostThatKnowsNothing(t *testing.T) {
	got := series(t, page(t, &fixed{status: operator.Status{Role: "starting", Mode: "waiting", Peer: operator.Peer{HeardMS: -1}, Witness: operator.Witness{None: true}}}))
	if got[`hotpair_role{role="starting"}`] != 1 || got[`hotpair_commit_seconds_count`] != 0 {
		t.Errorf("got %v", got)
	}
	for _, absent := range []string{"hotpair_peer_heard_seconds", "hotpair_witness_reachable", "hotpair_audit_missing_updates"} {
		if _, there := got[absent]; there {
			t.Errorf("%s is there", absent)
		}
	}
}

// names are the series that a scrape can give, histograms with their suffixes.
func names(t *testing.T) []string {
	t.Helper()
	var list []string
	for name := range series(t, page(t, whole())) {
		name, _, _ = strings.Cut(name, "{")
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// TestCollector_DescribesWhatItCollects holds that whole shows every metric there is: names counts on it.
func TestCollector_DescribesWhatItCollects(t *testing.T) {
	shown := names(t)
	fq := regexp.MustCompile(`fqName: "([^"]+)"`)
	for _, d := range newDescs().all {
		name := fq.FindStringSubmatch(d.String())[1]
		if !slices.Contains(shown, name) && !slices.Contains(shown, name+"_bucket") {
			t.Errorf("%s is described and not collected", name)
		}
	}
}

const monitoring = "../../deployments/monitoring"

// TestMonitoring_NamesOnlyWhatExists holds rules, their tests, and the dashboard to the metrics that there are.
func TestMonitoring_NamesOnlyWhatExists(t *testing.T) {
	exist := names(t)
	word := regexp.MustCompile(`\bhotpair_[a-z0-9_]+`)
	used := map[string]bool{}
	for _, name := range []string{"alerts.yaml", "alerts_test.yaml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join(monitoring, name))
		if err != nil {
			t.Fatal(err)
		}
		found := word.FindAllString(string(text), -1)
		if len(found) < 10 {
			t.Errorf("%s names only %d metrics: is it read right?", name, len(found))
		}
		for _, metric := range found {
			used[metric] = true
			if !slices.Contains(exist, metric) {
				t.Errorf("%s names %s, which does not exist", name, metric)
			}
		}
	}
	for _, must := range []string{"hotpair_audit_missing_updates", "hotpair_in_sync_hosts", "hotpair_witness_reachable", "hotpair_takeover_gap_seconds_bucket"} {
		if !used[must] {
			t.Errorf("%s is used by no rule and no panel", must)
		}
	}
}

// TestMonitoring_SatisfiesPromtool has Prometheus's own tool check the scraped page, the rules, and the rules' tests.
func TestMonitoring_SatisfiesPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED, ALERT RULES ARE NOT CHECKED: promtool is missing, it is in Debian's package prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.Command(tool, args...)
		cmd.Dir = monitoring
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	lint := exec.Command(tool, "check", "metrics")
	lint.Stdin = strings.NewReader(page(t, whole()))
	if out, err := lint.CombinedOutput(); err != nil || strings.Contains(string(out), "hotpair_") {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
