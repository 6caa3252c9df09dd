package operations

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/verdict"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/predict"
	"github.com/hotpair/hotpair/services/version"
)

const (
	// filesBeside is how many open files a process needs besides one per terminal: its database, bus, logs.
	filesBeside = 256
	// syncWarns and syncBad are latencies of a durable write: several times that of a suitable disk, and one that makes
	// terminals wait for every update.
	syncWarns = 20 * time.Millisecond
	syncBad   = 500 * time.Millisecond
	// readWarns is how long a read of the pair record may take.
	readWarns = 100 * time.Millisecond
)

// findings collects the findings about this host.
type findings struct {
	host string
	list []operator.Finding
}

func (f *findings) add(level operator.Level, check, value, remedy string) {
	if level == operator.Good {
		remedy = ""
	}
	f.list = append(f.list, operator.Finding{Host: f.host, Check: check, Level: level.String(), Value: value, Remedy: remedy})
}

// answerDoctor answers whether a takeover could succeed.
func (o *Operations) answerDoctor(r *registry.Registry) {
	registry.Answer(r, operator.CallDoctor, o.doctor)
	registry.AnswerPart(r, operator.PartExamine, o.examineOwn)
}

// doctor examines both hosts now: it writes to both disks, reads the witness and asks both role machines.
func (o *Operations) doctor(ctx context.Context, caller operator.Caller, _ operator.None) (operator.Diagnosis, error) {
	pair := o.Main.Status(ctx)
	own, err := o.examineOwn(ctx, caller, operator.None{})
	if err != nil {
		return operator.Diagnosis{}, err
	}
	if settings, err := o.settings(ctx, caller, operator.None{}); err == nil {
		f := findings{host: o.Host.Host}
		if text := driftSentence(settings); text != "" {
			f.add(operator.Warning, "settings", text, alarms.KindOf(alarms.SettingsDiffer).Remedy)
		} else if len(settings.Hosts) == 2 && settings.Hosts[0].Problem+settings.Hosts[1].Problem == "" {
			f.add(operator.Good, "settings", "all settings that must be equal are equal", "")
		}
		own.Findings = append(own.Findings, f.list...)
	}
	other, err := registry.Other(ctx, o.registry, operator.PartExamine, caller, operator.None{})
	if err != nil {
		return verdict.Diagnose(pair, own, nil, err.Error(), 0), nil
	}
	// Its clock was read when it answered: the transit time is small compared to any difference that matters.
	return verdict.Diagnose(pair, own, &other, "", time.Until(other.Time)), nil
}

// examineOwn examines this host.
func (o *Operations) examineOwn(ctx context.Context, _ operator.Caller, _ operator.None) (operator.Examination, error) {
	m, err := o.clone(ctx)
	if err != nil {
		return operator.Examination{}, err
	}
	v := m.View()
	e := operator.Examination{Host: o.Host.Host, Role: string(v.Role), Version: version.String(), Lease: o.Host.Lease, Lateness: o.Lateness.Day()}
	f := &findings{host: o.Host.Host}
	o.examineProcesses(f, v)
	o.examinePrograms(f)
	o.examineDisk(ctx, f)
	o.examineWitness(ctx, f, v)
	seen := o.Main.Status(ctx)
	examineKeys(f, seen.Witness)
	if v.HasPeer && o.Clock()-v.HeardAt < 2*o.Host.Lease {
		seen.Wires = seen.Wires.WithoutHost() // the other host examines its own
	}
	o.examineWires(f, seen.Wires, time.Now())
	if t := seen.Trail; t != nil {
		level := operator.Good
		if t.Problem != "" || t.Lost > 0 {
			level = operator.Warning
		}
		f.add(level, "audit trail", t.Sentence(), alarms.KindOf(alarms.TrailIncomplete).Remedy)
	}
	o.examineBackups(f)
	e.Terminals = o.examineTerminals(ctx, f, v)
	if v.PausedUntil > o.Clock() {
		f.add(operator.Warning, "pause", "automatic takeover is paused by "+v.Record.Pause.By, "hotpair resume, as soon as the work is done")
	}
	for _, c := range m.Conditions() {
		if c.Unmet != "" && v.Role != role.Active && c.Name != "automatic takeover" && c.Name != "processes" && c.Name != "witness" {
			f.add(operator.Bad, c.Name, c.Unmet, "hotpair explain says since when; needed: "+c.Needed)
		}
	}
	for _, loss := range []predict.Loss{predict.OtherDies, predict.OtherVanishes} {
		e.Predictions = append(e.Predictions, shownPrediction(predict.After(m, loss)))
	}
	e.Findings, e.Time = f.list, time.Now()
	return e, nil
}

func (o *Operations) examineProcesses(f *findings, v role.View) {
	if v.Fit.Fit {
		f.add(operator.Good, "processes", "all ready", "")
	} else {
		f.add(operator.Bad, "processes", v.Fit.Why, "the host's log says why the process does not start")
	}
	if down := o.Processes.Down(); len(down) > 0 {
		f.add(operator.Warning, "services", strings.Join(down, ", ")+": not ready, so this host can't answer their requests", "hotpair status shows the last output of each; name a service that a takeover requires in HOTPAIR_TAKEOVER_NEEDS")
	}
}

// examinePrograms finds services that run another program than the settings name, because an operator changed it.
func (o *Operations) examinePrograms(f *findings) {
	for _, d := range o.Processes.Differing() {
		f.add(operator.Warning, "programs", d.Service+" runs "+d.Path, "replace "+d.Set+" by it in HOTPAIR_BUSINESS of this host: otherwise the next start of the host runs the old program")
	}
}

// examineDisk makes the updater write, and checks space and permissions.
func (o *Operations) examineDisk(ctx context.Context, f *findings) {
	x, err := bus.CallExamine.PostWait(ctx, o.Calls, bus.Examine{}, callWithin)
	switch {
	case err != nil:
		f.add(operator.Bad, "disk", "the updater does not answer: "+err.Error(), "the host's log says why; the updater is restarted automatically")
		return
	case x.Unfit != "":
		f.add(operator.Bad, "disk", x.Unfit, "make room, or make the disk writable again")
	default:
		level := operator.Good
		if x.Sync > syncWarns {
			level = operator.Warning
		}
		if x.Sync > syncBad {
			level = operator.Bad
		}
		f.add(level, "durable write", x.Sync.Round(10*time.Microsecond).String(), "each update waits for one on both hosts: use a disk whose write cache survives a power loss")
	}
	if x.PairTime != 0 { // there is an update
		level, value, remedy := verdict.PairTime(operator.TimeOf(x.PairTime), operator.TimeOf(x.Forgotten), time.Now())
		f.add(level, "pair time", value, remedy)
	}
	o.examineLevel(ctx, f)
	o.examineAuthority(f)
	level := operator.Good
	switch {
	case x.Free < x.Needed:
		level = operator.Bad
	case x.Free < 16*x.Needed:
		level = operator.Warning
	}
	f.add(level, "disk space", fmt.Sprintf("%d MiB free, at least %d MiB needed", x.Free>>20, x.Needed>>20), "make room on the disk of "+o.Host.Data+" (HOTPAIR_DATA)")
	if len(x.Problems) == 0 {
		f.add(operator.Good, "permissions", "only this user can write to "+o.Host.Data, "")
	}
	for _, p := range x.Problems {
		f.add(operator.Warning, "permissions", p, "chown to the user of hotpair, and chmod -R go-w")
	}
}

// examineWitness reads the pair record now, as a takeover would.
func (o *Operations) examineWitness(ctx context.Context, f *findings, v role.View) {
	if o.Host.Witnessless() {
		f.add(operator.Warning, "witness", "none: the terminals are asked which host serves", "a witness on a third machine makes takeovers safe when the link is cut (HOTPAIR_WITNESS)")
		return
	}
	const remedy = "start the witness, or fix the network to it (HOTPAIR_WITNESS); after a replacement: hotpair admit witness"
	ctx, cancel := context.WithTimeout(ctx, max(o.Host.Lease/2, 100*time.Millisecond))
	defer cancel()
	began := time.Now()
	value, err := o.Record.Read(ctx)
	took := time.Since(began)
	wrote := "not written by this run of main"
	if ago, ever := o.Record.Written(); ever {
		wrote = fmt.Sprintf("written %s ago", ago.Round(time.Second))
	}
	switch {
	case err != nil:
		f.add(operator.Bad, "witness", err.Error(), remedy)
	case v.WitnessReplaced || value.Empty:
		f.add(operator.Bad, "witness", "witness "+value.WitnessID+" does not keep this pair's record", "hotpair admit witness")
	case took > readWarns:
		f.add(operator.Warning, "witness", fmt.Sprintf("read in %s; %s", took.Round(time.Millisecond), wrote), remedy)
	default:
		f.add(operator.Good, "witness", fmt.Sprintf("record version %d read in %s; %s", value.Record.Version, took.Round(10*time.Microsecond), wrote), "")
	}
}

// examineKeys checks the list of keys that the witness admits.
func examineKeys(f *findings, w operator.Witness) {
	switch {
	case w.KeysProblem != "":
		f.add(operator.Bad, "witness keys", w.KeysProblem, "the host can't take over until the witness admits it: give it a new key and certificate, or let an admin confirm the old key")
	case w.Keys != nil:
		f.add(operator.Good, "witness keys", fmt.Sprintf("version %d admits %s; %d replaced keys are refused", w.Keys.Version, w.Keys.Sentence(), len(w.Keys.Retired)), "")
	}
}

// examineTerminals counts the terminals that this host could serve at once, and checks that it may open so many files.
func (o *Operations) examineTerminals(ctx context.Context, f *findings, v role.View) (connected int) {
	var names []string
	total, open := 0, 0
	for after := ""; ; {
		page, err := o.listOwn(ctx, operator.Caller{}, bus.ListTerminals{After: after})
		if err != nil {
			f.add(operator.Bad, "terminals", err.Error(), "terminal-if is restarted automatically; the host's log says why it ended")
			return 0
		}
		for _, t := range page.Terminals {
			after, total = t.ID, total+1
			if t.State == "attached" || t.State == "warm" {
				open++
			} else {
				names = append(names, strings.TrimSpace(t.ID+" "+t.State))
			}
		}
		if !page.More || len(page.Terminals) == 0 {
			break
		}
	}
	level := operator.Good
	switch {
	case total > 0 && open == 0:
		level = operator.Bad
	case len(names) > 0:
		level = operator.Warning
	}
	value := fmt.Sprintf("%d of %d connected", open, total)
	if len(names) > 0 {
		value += ", not: " + strings.Join(names[:min(len(names), shownNames)], ", ")
	}
	f.add(level, "terminals", value, "hotpair terminals probe says what is wrong with each")
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		f.add(operator.Warning, "open files", err.Error(), "")
		return open
	}
	level = operator.Good
	if need := uint64(total + filesBeside); limit.Cur < need {
		level = operator.Bad
	} else if limit.Cur < 2*need {
		level = operator.Warning
	}
	f.add(level, "open files", fmt.Sprintf("%d allowed, %d terminals", limit.Cur, total), fmt.Sprintf("raise it to %d at least (LimitNOFILE= of the unit, ulimit -n)", 2*(total+filesBeside)))
	return open
}

// OpenSeal opens the seal of the issuing key now. The error says why it can't.
func (o *Operations) OpenSeal() error { return o.members.issuing.Check() }

// examineAuthority opens the seal, as an enrolment would.
func (o *Operations) examineAuthority(f *findings) {
	if !o.members.issuing.Configured() {
		return
	}
	issuer, err := o.members.issuing.Open()
	if err != nil {
		f.add(operator.Warning, "issuing key", err.Error(), alarms.KindOf(alarms.IssuingKey).Remedy)
		return
	}
	f.add(operator.Good, "issuing key", fmt.Sprintf("the seal opens; it issues for pair %s until %s", issuer.Pair(), issuer.NotAfter().UTC().Format(time.DateOnly)), "")
}

// examineBackups reports how old the last good backup is.
func (o *Operations) examineBackups(f *findings) {
	s := o.Backups()
	if s == nil {
		return
	}
	level, remedy := operator.Good, ""
	switch {
	case s.Old:
		level, remedy = operator.Warning, alarms.KindOf(alarms.BackupsOld).Remedy
	case s.Failed != nil:
		level, remedy = operator.Warning, alarms.KindOf(alarms.BackupFailed).Remedy
	}
	f.add(level, "backups", s.Sentence(time.Now()), remedy)
}
