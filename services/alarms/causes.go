package alarms

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/trail"
	"github.com/hotpair/hotpair/services/wires"
)

const (
	// A disk is nearly full below diskShare of its size, within diskLeast and diskMost; a disk so small that diskLeast
	// would be most of it, below diskLast of its size. The alarm clears only with a quarter more, so that it does not
	// flap with each file.
	diskLeast = 256 << 20
	diskMost  = 4 << 30
	diskShare = 0.05
	diskLast  = 0.25

	// A disk is slow when the median of its appends over diskWindow is above diskSlow, or one frame takes diskStuck;
	// the disk of a standby when the median of its test writes is above diskSlow.
	diskSlow    = 100 * time.Millisecond
	diskStuck   = time.Second
	diskWindow  = 10 * time.Second
	diskAppends = 3 // fewer say nothing

	// A process is in a restart storm after stormRestarts restarts within stormWindow. A restarted main has forgotten
	// its restarts; they are counted from the event log.
	stormRestarts = 5
	stormWindow   = 5 * time.Minute
)

// Facts are what main knows at one moment about its host and its pair, as far as an alarm may follow from it.
type Facts struct {
	Host  string // this one
	Data  string // its data directory
	Lease time.Duration
	Now   time.Duration // on the clock of the role machine
	Wall  time.Time

	View      role.View
	Updater   *bus.UpdaterState    // nil: it is down
	Terminals *bus.TerminalState   // as terminal-if last told; nil: never
	Emissions outbox.EmissionState // as the courier last told
	NoCourier bool                 // it is down
	Processes []ProcessFacts
	Starts    []time.Time   // of mains of this host that the last events tell of, one of each
	Witness   *WitnessFacts // nil: the pair has none
	// Replaced says that another witness answers than the one with the pair record; "" when none does.
	Replaced  string
	Unheard   string            // why the other main refuses this one's connection; "" when it does not, or does not answer
	Unaudited string            // why the last audit could not be finished; "" when it was
	Unsaved   error             // why events are not kept on disk
	Trail     *trail.Standing   // nil: none is configured
	Logins    string            // the alarm text about refused logins; "" when there are few
	Clocks    clocks.Difference // between the wall clocks of the hosts; zero when it is not known
	Built     time.Time         // when this program was built; zero when not known
	Wires     wires.Seen        // between the machines
	Hold      string            // why a restored host does nothing outward; "" for a normal host
	Issuing   string            // why this host can't issue certificates or renew its own; "" when it can, or need not
	Backups   *backups.Upkeep   // nil: automatic backups are not configured
	Misused   []string          // terminals whose token was presented with a second key after it was used
}

// ProcessFacts are the facts of one process of the host.
type ProcessFacts struct {
	Name     string
	Restarts int    // in all
	GaveUp   bool   // it can't be restarted, or could not be shortly before
	Up       bool   // it is ready nevertheless
	Last     string // how it ended the last time
}

// WitnessFacts are the facts of the witness.
type WitnessFacts struct {
	Address   string
	Reachable bool
	Problem   string
}

// judge returns what is wrong: a sentence for each alarm id. nearlyFull says that the alarm about disk space is raised
// already.
func judge(f Facts, lately recent, nearlyFull bool) map[string]string {
	v := f.View
	list := map[string]string{}
	add := func(id, format string, a ...any) { list[id] = fmt.Sprintf(format, a...) }
	if f.Hold != "" {
		add(Restored, "%s", f.Hold)
	}
	switch {
	case v.MadeUp:
		add(RecordLost, "host %s: %s", f.Host, v.Foreign)
	case v.Lost != "" && !v.WitnessReplaced:
		add(RecordLost, "host %s: %s", f.Host, v.Lost)
	case v.Foreign != "":
		add(OtherPair, "host %s: %s", f.Host, v.Foreign)
	}
	switch {
	case v.Refusal != "":
		add(PeerRefuses, "the other host refuses %s: %s", f.Host, v.Refusal)
	case f.Unheard != "":
		add(PeerRefuses, "the other host refuses %s: %s", f.Host, f.Unheard)
	}
	if twoActives(f) {
		add(TwoActives, "%s serves in epoch %d and %s in epoch %d", f.Host, v.Epoch, v.Peer.Host, v.Peer.Epoch)
	}
	if t := f.Terminals; t != nil && v.Role != role.Starting && t.HighestEpoch > v.Known {
		add(EpochAhead, "a terminal has seen epoch %d, this host knows only %d: two pairs, or old data", t.HighestEpoch, v.Known)
	}
	if f.Replaced != "" {
		add(WitnessReplaced, "no witness of this pair: the next failure stops the service (%s)", f.Replaced)
	}
	if w := f.Witness; w != nil && !w.Reachable {
		add(NoWitness, "%s reaches no witness at %s: the next failure stops the service (%s)", f.Host, w.Address, w.Problem)
	}
	if v.Role == role.Active && v.Mode == role.Solo {
		add(SoloTooLong, "solo: no host would take over if this one failed")
	}
	processCauses(f, lately, add)
	terminalCauses(f, add)
	if f.Updater != nil {
		divergentCauses(f.Updater, add)
		diskCauses(f, lately, nearlyFull, add)
		numberCauses(f, add)
		commandCauses(f, add)
	}
	clockCauses(f, add)
	wireCauses(f, add)
	if f.Issuing != "" {
		add(IssuingKey, "host %s: %s", f.Host, f.Issuing)
	}
	if len(f.Misused) > 0 && v.Role == role.Active {
		add(TokenMisused, "another machine presented the used token of terminal %s: one of the two machines is not that terminal", strings.Join(f.Misused[:min(len(f.Misused), 5)], ", "))
	}
	if f.Unaudited != "" {
		add(AuditUnfinished, "%s", f.Unaudited)
	}
	if f.Unsaved != nil {
		add(EventsUnsaved, "events of host %s are not kept on disk: %v", f.Host, f.Unsaved)
	}
	trailCauses(f, add)
	backupCauses(f, add)
	if t := f.Terminals; t != nil && v.Role == role.Active && v.Serving {
		timerCauses(t.Timers, add)
		noticeCauses(f, t.Notices, add)
		if d := t.Directories; d.Twice != "" && f.fresh(d.TwiceAt) {
			add(TerminalTwice, "two data directories present themselves alternately as terminal %s: two machines act as it", d.Twice)
		}
		emissionCauses(f, add)
	}
	if f.Logins != "" {
		add(LoginsRefused, "%s", f.Logins)
	}
	return list
}

// told is how long an alarm about a single occurrence stays raised, so that somebody sees it.
const told = 10 * time.Minute

// fresh reports whether something happened recently enough for its alarm to stay raised.
func (f *Facts) fresh(at time.Time) bool { return f.Wall.Sub(at) < told }

// trailCauses reports an audit trail that can't be written, or that has recently lost entries.
func trailCauses(f Facts, add func(id, format string, a ...any)) {
	t := f.Trail
	switch {
	case t == nil:
	case t.Problem != "", t.Lost > 0 && f.fresh(t.LostAt):
		add(TrailIncomplete, "audit trail of host %s, %s", f.Host, t.Sentence())
	}
}

// backupCauses reports, on the active, that the last good backup is too old, and on the host that makes the backups
// why the last one failed.
func backupCauses(f Facts, add func(id, format string, a ...any)) {
	b := f.Backups
	if b == nil {
		return
	}
	if b.Old && f.View.Role == role.Active {
		what := "there is no good backup, for the last"
		if b.Last != nil {
			what = fmt.Sprintf("the last good backup, at %v by %s, has the age", b.Last.Position, b.Last.Host)
		}
		add(BackupsOld, "%s %s: one is due every %s", what, b.Age(f.Wall).Round(time.Second), b.Every)
	}
	if b.Failed != nil {
		add(BackupFailed, "host %s could not make a backup, %d times in a row: %s", f.Host, b.Failed.Tries, b.Failed.Why)
	}
}

// noticeCauses reports, on the host that serves, notices that terminals did not store.
func noticeCauses(f Facts, n outbox.NoticeState, add func(id, format string, a ...any)) {
	if n.Failing > 0 {
		add(NoticesRefused, "%s not store notices: they are sent again, with growing pauses", plural(n.Failing, "terminal does", "terminals do"))
	}
	if n.Unreadable != "" {
		add(NoticesRefused, "a stored notice can't be read, and none after it is sent: %s", n.Unreadable)
	}
	if n.Missed+n.Lost > 0 && f.fresh(n.MissedAt) {
		add(NoticesMissed, "%s removed before terminals had them: too many were kept, or they were too old", plural(int(max(n.Missed, n.Lost)), "notice was", "notices were"))
	}
}

// timerCauses reports, on the host that serves, parked and deferred timers.
func timerCauses(t outbox.TimerState, add func(id, format string, a ...any)) {
	if t.Parked > 0 {
		add(TimersParked, "%s failed too often and %s parked: their operations are not done", plural(t.Parked, "timer", "timers"), map[bool]string{true: "is", false: "are"}[t.Parked == 1])
	}
	if t.Deferred != "" {
		add(TimersDeferred, "%s", t.Deferred)
	}
}

// failingLong is how long a target may accept nothing before the alarm: a restart takes a while.
const failingLong = 5 * time.Minute

// emissionCauses reports, on the host that serves, emissions that are not sent.
func emissionCauses(f Facts, add func(id, format string, a ...any)) {
	e := f.Emissions
	if f.NoCourier {
		add(CourierDown, "the courier of host %s is down: no emission is sent", f.Host)
	}
	if e.Parked > 0 {
		add(EmissionsParked, "%s refused for good or too old, and %s parked: the target never gets them", plural(e.Parked, "emission was", "emissions were"), map[bool]string{true: "is", false: "are"}[e.Parked == 1])
	}
	if e.Deferred {
		add(EmissionsDeferred, "updates were undone by a forced promotion or a restore: %s deferred until an operator releases them, and so are new ones", plural(e.Waiting, "emission is", "emissions are"))
	}
	if e.Failing != "" && f.Wall.Sub(e.Since) > failingLong {
		add(TargetFailing, "target %s has accepted nothing, or nothing of one lane, since %s UTC: %s", e.Failing, e.Since.UTC().Format(time.DateTime), e.Why)
	}
}

// terminalCauses reports, on the host that serves, terminals that would wait after a takeover or that wait now.
func terminalCauses(f Facts, add func(id, format string, a ...any)) {
	v, t := f.View, f.Terminals
	if t == nil || v.Role != role.Active || !v.Serving {
		return
	}
	if t.Warm > 0 {
		add(Unattached, "%s is connected to %d terminals that it does not serve: %s", f.Host, t.Warm, plural(t.Attached, "other is", "others are")+" served")
	}
	heard := v.HasPeer && v.Lives && v.Mode == role.Paired && v.Peer.Role == role.Standby
	if here := t.Attached + t.Warm; heard && v.Peer.Terminals < here {
		add(FewerTerminals, "%s reaches %d of the %d terminals that %s reaches: the others would wait after a takeover", v.Peer.Host, v.Peer.Terminals, here, f.Host)
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// clockCauses reports wrong clocks. A difference between the hosts hides the alarm about pair time: it must be fixed
// first.
func clockCauses(f Facts, add func(id, format string, a ...any)) {
	if !f.Built.IsZero() && f.Wall.Before(f.Built) {
		add(ClockWrong, "the clock of host %s says %s, before this program was built (%s)", f.Host, f.Wall.UTC().Format(time.RFC3339), f.Built.UTC().Format(time.DateOnly))
	}
	if d := f.Clocks; d.Differ() {
		add(ClocksApart, "the clock of %s is %s %s that of %s, to within %s", f.View.Peer.Host, d.Other.Abs().Round(time.Second),
			map[bool]string{true: "ahead of", false: "behind"}[d.Other > 0], f.Host, d.Error.Round(time.Millisecond))
		return
	}
	if f.Updater == nil || f.Updater.PairTime == 0 {
		return
	}
	pair, forgotten := time.Unix(0, f.Updater.PairTime).UTC(), time.Unix(0, f.Updater.Forgotten).UTC()
	switch {
	case pair.Sub(f.Wall) > clocks.Off:
		add(PairTimeAhead, "pair time is %s, %s ahead of the clock of host %s: request ids that applications make now are refused as too old that much earlier",
			pair.Format(time.RFC3339), pair.Sub(f.Wall).Round(time.Second), f.Host)
	case forgotten.Sub(f.Wall) > clocks.Off:
		add(PairTimeAhead, "pair time was ahead, and answers to requests issued up to %s are forgotten: until then request ids made by applications are refused as too old",
			forgotten.Format(time.RFC3339))
	}
}

// divergentCauses reports divergent updates that are known to have been committed: their senders were told that they
// are done. Other divergent updates raise no alarm: an event reports them, and status shows them until an operator
// forgets them.
func divergentCauses(u *bus.UpdaterState, add func(id, format string, a ...any)) {
	if u.DivergentCommitted > 0 {
		add(DivergentCommitted, "%d of the %d divergent updates on this host had been committed: their senders were told that they are done", u.DivergentCommitted, u.Divergent)
	}
}

// twoActives reports whether the other host has said, since this one serves, that it serves too.
func twoActives(f Facts) bool {
	v := f.View
	return v.Role == role.Active && v.Serving && v.HasPeer && v.Peer.Role == role.Active && v.Peer.Serving &&
		v.HeardAt > v.Since && f.Now-v.HeardAt < f.Lease
}

func processCauses(f Facts, lately recent, add func(id, format string, a ...any)) {
	var failed, storms []string
	for _, p := range f.Processes {
		switch {
		case p.GaveUp && p.Up:
			failed = append(failed, fmt.Sprintf("%s runs again on host %s, and this alarm clears once it has for a while; before: %s", p.Name, f.Host, p.Last))
		case p.GaveUp:
			failed = append(failed, fmt.Sprintf("%s can't be restarted on host %s: %s", p.Name, f.Host, p.Last))
		}
		if n := lately.restarts[p.Name]; n >= stormRestarts {
			storms = append(storms, fmt.Sprintf("%s was restarted %d times in %s on host %s, last: %s", p.Name, n, stormWindow, f.Host, p.Last))
		}
	}
	starts := 0
	for _, at := range f.Starts {
		if f.Wall.Sub(at) < stormWindow {
			starts++
		}
	}
	if starts > stormRestarts {
		storms = append(storms, fmt.Sprintf("main was started %d times in %s on host %s", starts, stormWindow, f.Host))
	}
	if len(failed) > 0 {
		add(ProcessFailed, "%s", strings.Join(failed, "; "))
	}
	if len(storms) > 0 {
		add(RestartStorm, "%s", strings.Join(storms, "; "))
	}
}

// commandCauses reports, on the host that serves, fenced commands that were late or whose outcome is unknown.
func commandCauses(f Facts, add func(id, format string, a ...any)) {
	c := f.Updater.Commands
	if c.Unknown > 0 && f.fresh(c.UnknownAt) {
		add(CommandsUnknown, "%s without a known outcome, the last one %s", plural(int(c.Unknown), "fenced command", "fenced commands"), c.Last)
	}
	if c.Late > 0 && f.fresh(c.LateAt) {
		add(CommandsLate, "%s not accepted in time, the last one %s", plural(int(c.Late), "fenced command was", "fenced commands were"), c.LastLate)
	}
}

// numberCauses reports, on the host that serves, terminals that reuse request numbers or for which no more answers can
// be kept.
func numberCauses(f Facts, add func(id, format string, a ...any)) {
	u := f.Updater
	if u.QueueDeferred != "" {
		add(QueueDeferred, "%s, which it has not confirmed: other queued requests there wait", u.QueueDeferred)
	}
	if r := u.Reused; r.Count > 0 && f.fresh(r.At) {
		add(NumberReused, "%s refused for a reused number, the last one of terminal %s: the data directory of its agent was restored or copied",
			plural(int(r.Count), "request was", "requests were"), r.Terminal)
	}
}

func diskCauses(f Facts, lately recent, nearlyFull bool, add func(id, format string, a ...any)) {
	u := f.Updater
	if d := u.Disk; d != nil && d.Size > 0 {
		least := min(max(diskLeast, min(diskMost, uint64(diskShare*float64(d.Size)))), uint64(diskLast*float64(d.Size)))
		if nearlyFull {
			least += least / 4
		}
		if d.Free < least {
			add(DiskNearlyFull, "the disk of host %s (%s) has %d MiB free of %d MiB", f.Host, f.Data, d.Free>>20, d.Size>>20)
		}
	}
	if u.Unfit != "" {
		add(DiskUnfit, "host %s could not take over: %s", f.Host, u.Unfit)
	}
	slow := func(what string, recent histogram.Sample) {
		if median := recent.Quantile(0.5); recent.Count() >= diskAppends && median > diskSlow {
			add(SlowDisk, "the disk of host %s: half of the last %d %s took longer than %s", f.Host, recent.Count(), what, median.Round(time.Millisecond))
		}
	}
	slow("test writes of the standby", lately.probes)
	slow("appends to the journal", lately.appends)
	if u.OwnStuck && u.OldestFrame > diskStuck {
		add(SlowDisk, "the disk of host %s: an append to the journal has taken %s so far", f.Host, u.OldestFrame.Round(100*time.Millisecond))
	}
}
