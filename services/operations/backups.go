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
	// makeWithin bounds a backup: the process that makes it ends it much earlier when nothing moves.
	makeWithin = 7 * 24 * time.Hour
	// claimWithin bounds the question whether the other host makes one; claimAgain is when it is asked again, at least.
	claimWithin = 5 * time.Second
	claimAgain  = 2 * time.Second
	// noteAgain is how soon the pair is told again what it did not take: nobody served just then.
	noteAgain = 5 * time.Second
	// failedFirst is when a backup that failed is tried again, and twice as late each time, up to failedLast and the interval of backups.
	failedFirst = 30 * time.Second
	failedLast  = time.Hour
	// listWithin bounds the question what is in the place of backups, which may hang.
	listWithin = 20 * time.Second
	// trialEvery is how often one is restored on trial.
	trialEvery = 24 * time.Hour
)

// backing is what this main knows of the pair's backups, and what its host does about them.
type backing struct {
	mu      sync.Mutex
	known   bool // the record was read
	record  backups.Record
	learned time.Time // when this main learned of the last good one
	making  *backups.Making
	ordered bool // an operator wants one now
	failed  *backups.Failure
	unkept  *backups.Made // made, and the pair has not noted it yet
	next    time.Duration // nothing is begun before, by the host's own clock
	noting  time.Duration // likewise for what the pair is told
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

// runBackups has backups made when they are due, until ctx ends. All of it is beside the role machine, which it only looks at.
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

// turn is the host that makes the next backup: the standby where it is in sync, for the terminals wait for the other one; else the one that
// serves. "" is nobody.
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

// watchBackups begins what is due. Nothing of it waits here.
func (o *Operations) watchBackups(v role.View, now time.Time) {
	b, clock := &o.backing, o.Clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known {
		return // SystemChanged has it read
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
		b.failed = nil // it is the other one's now, and so is what stands in the way
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

// good is when the last good one was made. One that was made by a clock that was ahead is as old as it has been known here.
func (b *backing) good() time.Time {
	good := b.record.Good()
	if b.record.Last != nil && !b.learned.IsZero() && good.After(b.learned) {
		return b.learned
	}
	return good
}

// due is when the next one is to be made.
func (b *backing) due(every time.Duration) time.Time {
	if b.record.Last == nil {
		return time.Time{}
	}
	return b.good().Add(every)
}

// makeBackup makes one, unless the other host does.
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

// failedPause is how long is waited after so many failures in a row.
func failedPause(tries int, every time.Duration) time.Duration {
	longest := failedLast
	if every > 0 {
		longest = min(every, failedLast)
	}
	return pace.Doubled(failedFirst, longest, tries-1)
}

// claim asks the other host whether it makes one. A host that is not heard makes none that counts.
func (o *Operations) claim(v role.View) bool {
	if !v.HasPeer || !v.Lives {
		return true
	}
	ctx, cancel := context.WithTimeout(o.ctx, claimWithin)
	defer cancel()
	claim, err := registry.Other(ctx, o.registry, operator.PartClaimBackup, operator.Caller{}, operator.None{})
	if err != nil {
		o.Log.Debug("the other host does not say whether it makes a backup", "error", err)
		return errors.Is(err, operator.ErrRefused) // it runs a version that makes none by itself
	}
	return !claim.InProgress
}

// claimed answers the other host that wants to make one.
func (o *Operations) claimed(context.Context, operator.Caller, operator.None) (backups.Claim, error) {
	o.backing.mu.Lock()
	defer o.backing.mu.Unlock()
	return backups.Claim{InProgress: o.backing.making != nil}, nil
}

// noteBackup has the pair note what is new: by this host's updater if it serves, else by the other one's.
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
		o.Log.Debug("the pair has not noted what is known of its backups; it is told again", "error", err)
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

// learn takes the record as it is now. It is called under the lock.
func (b *backing) learn(r backups.Record) {
	if r.Last != nil && (b.record.Last == nil || b.record.Last.Name != r.Last.Name) {
		b.learned = time.Now()
	}
	b.known, b.record = true, r
}

// readBackups reads what the pair knows of its backups.
func (o *Operations) readBackups() {
	if !o.Host.Backups.Wanted() {
		return
	}
	record, err := backups.CallRecord.PostWait(o.ctx, o.Calls, backups.RecordQuestion{}, callWithin)
	if err != nil {
		o.Log.Debug("what the pair knows of its backups can't be read", "error", err)
		return
	}
	o.backing.mu.Lock()
	defer o.backing.mu.Unlock()
	o.backing.learn(record)
}

// Backups is how it stands with the pair's backups; nil where none are to be made.
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

// listBackups gives what is known of the pair's backups, and what is in the place of this host.
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

// errNoPlace says that a host has nowhere to put backups.
var errNoPlace = fmt.Errorf("%w: no place for backups is set here: set HOTPAIR_BACKUP_TO, or write one file with hotpair backup FILE", operator.ErrRefused)

// orderBackup has one made now, by the host whose turn it is.
func (o *Operations) orderBackup(ctx context.Context, caller operator.Caller, q operator.None) (backups.Ordered, error) {
	v := o.Machine.View()
	if who := turn(o.Host.Host, v); who != o.Host.Host && v.HasPeer && v.Lives {
		return registry.Other(ctx, o.registry, operator.PartMakeBackup, caller, q)
	}
	return o.wantBackup()
}

// wantBackup has this host make one now.
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
