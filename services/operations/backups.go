package operations

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// backupsPace is how often main looks whether a backup is due.
	backupsPace = time.Second
	// makeWithin bounds a backup; the process that makes it gives up much earlier when there is no progress.
	makeWithin = 7 * 24 * time.Hour
	// claimWithin bounds asking whether the other host makes a backup; claimAgain is the least pause before asking
	// again.
	claimWithin = 5 * time.Second
	claimAgain  = 2 * time.Second
	// noteAgain is the pause before a note is sent again that the pair did not accept, because nobody served.
	noteAgain = 5 * time.Second
	// failedFirst is the pause after the first failure; it doubles up to failedLast or the interval of backups.
	failedFirst = 30 * time.Second
	failedLast  = time.Hour
	// listWithin bounds listing the backup destination, which may hang.
	listWithin = 20 * time.Second
	// trialEvery is how often a backup is restored on trial.
	trialEvery = 24 * time.Hour
)

// backing is what this main knows about the pair's backups, and the state of its own.
type backing struct {
	mu      sync.Mutex
	known   bool // the record was read
	record  backups.Record
	learned time.Time // when this main learned of the last good one
	making  *backups.Making
	ordered bool // an operator requested one
	failed  *backups.Failure
	unkept  *backups.Made // made, and the pair has not noted it yet
	next    time.Duration // no backup begins before, by the host's own clock
	noting  time.Duration // likewise for notes to the pair
}

// answerBackups answers about the pair's backups.
func (o *Operations) answerBackups(r *registry.Registry) {
	registry.Answer(r, operator.CallBackups, o.listBackups)
	registry.Answer(r, operator.CallMakeBackup, o.orderBackup)
	registry.AnswerPart(r, operator.PartClaimBackup, o.claimed)
	registry.AnswerPart(r, operator.PartMakeBackup, func(context.Context, operator.Caller, operator.None) (backups.Ordered, error) {
		return o.wantBackup()
	})
	registry.AnswerPart(r, operator.PartNoteBackup, func(ctx context.Context, _ operator.Caller, n backups.Note) (backups.Record, error) {
		return backups.CallNote.PostWait(ctx, o.Calls, n, tableDeadline)
	})
}

// runBackups starts backups when they are due, until ctx ends. It only reads the view of the role machine.
func (o *Operations) runBackups(ctx context.Context) {
	if !o.Host.Backups.Wanted() {
		return
	}
	tick := time.NewTimer(pace.Next(backupsPace))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tick.Reset(pace.Next(backupsPace))
			o.watchBackups(o.Machine.View(), time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// turn returns the host that makes the next backup: the standby if it is in sync, because terminals wait for the
// active; otherwise the active. "" is none.
func turn(host string, v role.View) string {
	switch {
	case v.Role == role.Active && v.Serving && v.Mode == role.Paired && v.HasPeer && v.Lives:
		return v.Peer.Host
	case v.Role == role.Active && v.Serving, v.Role == role.Standby && v.Mode == role.Paired:
		return host
	case v.Role == role.Standby && v.HasPeer:
		return v.Peer.Host
	}
	return ""
}

// watchBackups starts what is due. It does not wait for it.
func (o *Operations) watchBackups(v role.View, now time.Time) {
	b, clock := &o.backing, o.Clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known {
		return // SystemChanged reads it
	}
	if clock >= b.noting {
		switch {
		case b.unkept != nil:
			b.noting = clock + noteAgain
			made := b.unkept
			o.Group.Go(func() { o.noteBackup(backups.Note{Made: made, Now: now}) })
		case b.record.Since.IsZero() && v.Serving && o.Host.BackupEvery > 0:
			b.noting = clock + noteAgain
			o.Group.Go(func() { o.noteBackup(backups.Note{Wanted: now.UTC().Truncate(time.Millisecond), Now: now}) })
		}
	}
	mine := turn(o.Host.Host, v) == o.Host.Host
	if !mine {
		b.failed = nil // the other host makes the backups now, and reports its own failures
	}
	due := o.Host.BackupEvery > 0 && mine && !now.Before(b.due(o.Host.BackupEvery)) && clock >= b.next
	if b.making != nil || b.unkept != nil || !due && !b.ordered || !o.Processes.IsUp(bus.ProcessBackup) {
		return
	}
	b.making = &backups.Making{Since: now}
	b.ordered = false
	order := backups.Make{PairID: v.PairID, Try: b.record.Tried == nil || now.Sub(b.record.Tried.At).Abs() >= trialEvery}
	if b.record.Last != nil {
		order.Last = b.record.Last.Name
	}
	o.Group.Go(func() { o.makeBackup(v, order) })
}

// good returns when the last good backup was made. If it was made by a clock that was ahead, this main's first sight
// of it counts.
func (b *backing) good() time.Time {
	good := b.record.Good()
	if b.record.Last != nil && !b.learned.IsZero() && good.After(b.learned) {
		return b.learned
	}
	return good
}

// due returns when the next backup is to be made.
func (b *backing) due(every time.Duration) time.Time {
	if b.record.Last == nil {
		return time.Time{}
	}
	return b.good().Add(every)
}

// makeBackup makes a backup, unless the other host makes one.
func (o *Operations) makeBackup(v role.View, order backups.Make) {
	b := &o.backing
	if !o.claim(v) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.making = nil
		b.next = o.Clock() + claimAgain + rand.N(claimAgain) // both may have asked each other
		return
	}
	made, err := backups.CallMake.PostWait(o.ctx, o.Calls, order, makeWithin)
	if o.ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	b.making = nil
	if err == nil {
		b.failed, b.unkept, b.noting = nil, &made, o.Clock()+noteAgain
	} else {
		failed := backups.Failure{At: time.Now(), Tries: 1, Why: err.Error()}
		if b.failed != nil {
			failed.Tries += b.failed.Tries
		}
		pause := failedPause(failed.Tries, o.Host.BackupEvery)
		failed.Again = failed.At.Add(pause)
		b.failed, b.next = &failed, o.Clock()+pause
	}
	b.mu.Unlock()
	if err != nil {
		o.say("%s could not make a backup: %v", o.Host.Host, err)
		return
	}
	text := fmt.Sprintf("%s made a backup at %v in %s", o.Host.Host, made.Position, made.Took.Round(time.Millisecond))
	if made.Tried {
		text += ", restored on trial"
	}
	if made.Unremoved != "" {
		text += "; older ones could not be removed: " + made.Unremoved
	}
	o.say("%s: %s in %s", text, made.Name, made.Place)
	o.noteBackup(backups.Note{Made: &made, Now: time.Now()})
}

// failedPause returns the pause after that many failures in a row.
func failedPause(tries int, every time.Duration) time.Duration {
	longest := failedLast
	if every > 0 {
		longest = min(every, failedLast)
	}
	return pace.Doubled(failedFirst, longest, tries-1)
}

// claim asks the other host whether it makes a backup, and reports whether this one may. A host that is not heard does
// not count.
func (o *Operations) claim(v role.View) bool {
	if !v.HasPeer || !v.Lives {
		return true
	}
	ctx, cancel := context.WithTimeout(o.ctx, claimWithin)
	defer cancel()
	claim, err := registry.Other(ctx, o.registry, operator.PartClaimBackup, operator.Caller{}, operator.None{})
	if err != nil {
		o.Log.Debug("the other host does not say whether it makes a backup", "error", err)
		return errors.Is(err, operator.ErrRefused) // it runs a version without automatic backups
	}
	return !claim.InProgress
}

// claimed answers the other host's claim.
func (o *Operations) claimed(context.Context, operator.Caller, operator.None) (backups.Claim, error) {
	o.backing.mu.Lock()
	defer o.backing.mu.Unlock()
	return backups.Claim{InProgress: o.backing.making != nil}, nil
}

// noteBackup stores a note about backups in the pair: by this host's updater if it serves, otherwise by the other
// one's.
func (o *Operations) noteBackup(n backups.Note) {
	ctx, cancel := context.WithTimeout(o.ctx, tableDeadline)
	defer cancel()
	var record backups.Record
	var err error
	if o.Machine.View().Serving {
		record, err = backups.CallNote.PostWait(ctx, o.Calls, n, tableDeadline)
	} else {
		record, err = registry.Other(ctx, o.registry, operator.PartNoteBackup, operator.Caller{}, n)
	}
	if err != nil {
		o.Log.Debug("the note about backups was not stored in the pair; it is sent again", "error", err)
		return
	}
	b := &o.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.Made != nil && b.unkept == n.Made {
		b.unkept = nil
	}
	b.learn(record)
}

// learn takes the present record. The lock is held.
func (b *backing) learn(r backups.Record) {
	if r.Last != nil && (b.record.Last == nil || b.record.Last.Name != r.Last.Name) {
		b.learned = time.Now()
	}
	b.known, b.record = true, r
}

// readBackups reads the pair's record of its backups.
func (o *Operations) readBackups() {
	if !o.Host.Backups.Wanted() {
		return
	}
	record, err := backups.CallRecord.PostWait(o.ctx, o.Calls, backups.RecordQuestion{}, callWithin)
	if err != nil {
		o.Log.Debug("the pair's record of its backups can't be read", "error", err)
		return
	}
	o.backing.mu.Lock()
	defer o.backing.mu.Unlock()
	o.backing.learn(record)
}

// Backups returns the state of the pair's automatic backups; nil if there are none.
func (o *Operations) Backups() *backups.Upkeep {
	if !o.Host.Backups.Wanted() {
		return nil
	}
	b := &o.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s := &backups.Upkeep{Every: o.Host.BackupEvery, Place: o.Host.BackupTo, Turn: turn(o.Host.Host, o.Machine.View()), Record: b.record, Making: b.making, Failed: b.failed}
	if s.Every > 0 && b.known && !b.good().IsZero() {
		s.Old = now.Sub(b.good()) > backups.OldAfter*s.Every
		if b.record.Last != nil {
			s.Due = b.due(s.Every)
		}
	}
	return s
}

// listBackups returns the state of the pair's backups, and the content of this host's backup destination.
func (o *Operations) listBackups(ctx context.Context, _ operator.Caller, _ operator.None) (backups.Overview, error) {
	upkeep := o.Backups()
	if upkeep == nil {
		return backups.Overview{}, errNoPlace
	}
	shelf, err := backups.CallList.PostWait(ctx, o.Calls, backups.ListQuestion{PairID: o.Machine.View().PairID}, listWithin)
	if err != nil {
		return backups.Overview{}, fmt.Errorf("%w: %w", operator.ErrUnavailable, err)
	}
	return backups.Overview{Upkeep: *upkeep, Shelf: shelf}, nil
}

// errNoPlace says that a host has no backup destination.
var errNoPlace = fmt.Errorf("%w: this host has no backup destination: set HOTPAIR_BACKUP_TO, or write one file with hotpair backup FILE", operator.ErrRefused)

// orderBackup orders a backup now, on the host whose turn it is.
func (o *Operations) orderBackup(ctx context.Context, caller operator.Caller, q operator.None) (backups.Ordered, error) {
	v := o.Machine.View()
	if who := turn(o.Host.Host, v); who != o.Host.Host && v.HasPeer && v.Lives {
		return registry.Other(ctx, o.registry, operator.PartMakeBackup, caller, q)
	}
	return o.wantBackup()
}

// wantBackup orders a backup on this host.
func (o *Operations) wantBackup() (backups.Ordered, error) {
	if !o.Host.Backups.Wanted() {
		return backups.Ordered{}, errNoPlace
	}
	b := &o.backing
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.making != nil {
		return backups.Ordered{}, fmt.Errorf("%w: %w on %s, since %s", operator.ErrRefused, backups.ErrInProgress, o.Host.Host, b.making.Since.UTC().Format(time.TimeOnly))
	}
	b.ordered = true
	return backups.Ordered{Host: o.Host.Host, At: time.Now()}, nil
}
