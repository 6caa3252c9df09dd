package notes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role"
)

// diskOfNotes is an updater's file of facts, as far as a register needs it: it may be down, or answer too late.
type diskOfNotes struct {
	mu     sync.Mutex
	broken error
	record role.Record
	epoch  uint64
	writes int
}

func (d *diskOfNotes) keep(_ context.Context, note bus.Note) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.writes++
	d.epoch = max(d.epoch, note.Epoch)
	if note.Record != nil {
		return json.Unmarshal(note.Record, &d.record)
	}
	return nil
}

func (d *diskOfNotes) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

func (d *diskOfNotes) has() role.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.record
}

// kept begins a register whose copy is written to a disk, and gives what it last told of it.
func kept(t *testing.T, d *diskOfNotes, found string) (o *OwnRegister, told func() string) {
	t.Helper()
	var mu sync.Mutex
	var last string
	o = NewOwnRegister(d.keep, slog.New(slog.DiscardHandler), func(problem string) {
		mu.Lock()
		defer mu.Unlock()
		last = problem
	})
	if err := o.Load(json.RawMessage(found)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return o, func() string {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

func recordOf(epoch, version uint64) role.Record {
	return role.Record{PairID: "pair", Epoch: epoch, Version: version}
}

// TestFault_A4_WhatCouldNotBeWrittenIsWrittenLater: without a witness, the other host told of a newer record while the updater was
// down. The copy stayed behind for ever, because writing it was tried once: each takeover, and a forced one, lost its
// compare-and-set against the host's own old copy.
func TestFault_A4_WhatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diskOfNotes{}
		o, told := kept(t, d, `{"pair_id":"pair","epoch":2,"version":4}`)
		d.fail(bus.ErrNobody)
		o.Learn(recordOf(2, 5))
		o.Learn(recordOf(2, 7))
		o.Learn(recordOf(2, 6)) // late
		time.Sleep(3 * time.Second)
		if told() == "" || o.Status().Reachable {
			t.Errorf("while its copy can't be written the host says %q and %+v", told(), o.Status())
		}
		// A compare-and-set rests on what is known, not on what could be written.
		if v, err := o.Read(t.Context()); err != nil || v.Record.Version != 7 || v.Revision != ownRevision(recordOf(2, 7)) {
			t.Errorf("it reads %+v, %v", v, err)
		}
		if _, err := o.Write(t.Context(), recordOf(3, 8), ownRevision(recordOf(2, 7))); !errors.Is(err, arbiter.ErrUnknown) {
			t.Errorf("a write to a disk that is gone: %v", err)
		}
		d.fail(nil)
		time.Sleep(2 * errandMost)
		if d.has().Version != 7 || told() != "" || !o.Status().Reachable {
			t.Errorf("later the disk has version %d, the host says %q", d.has().Version, told())
		}
		writes := d.writes
		if _, err := o.Write(t.Context(), recordOf(3, 8), ownRevision(recordOf(2, 7))); err != nil || d.has().Version != 8 {
			t.Errorf("the takeover: %v, the disk has version %d", err, d.has().Version)
		}
		time.Sleep(time.Minute)
		if d.writes != writes+1 || d.has().Version != 8 {
			t.Errorf("nothing was left to do, and it was written %d times more, version %d", d.writes-writes-1, d.has().Version)
		}
	})
}

// TestFault_A4_ATakeoverNeedsNoCopyOfWhatItReplaces: the updater is back, and the takeover comes before the copy was written again.
func TestFault_A4_ATakeoverNeedsNoCopyOfWhatItReplaces(t *testing.T) {
	d := &diskOfNotes{}
	o := NewOwnRegister(d.keep, slog.New(slog.DiscardHandler), func(string) {}) // nothing is written behind it
	if err := o.Load(json.RawMessage(`{"pair_id":"pair","epoch":2,"version":4}`)); err != nil {
		t.Fatal(err)
	}
	o.Learn(recordOf(2, 5))
	if _, err := o.Write(t.Context(), recordOf(3, 6), ownRevision(recordOf(2, 5))); err != nil || d.has().Epoch != 3 {
		t.Errorf("%v, the disk has epoch %d", err, d.has().Epoch)
	}
	if _, err := o.Write(t.Context(), recordOf(5, 7), ownRevision(recordOf(2, 5))); !errors.Is(err, arbiter.ErrConflict) {
		t.Errorf("a write that expects an older record: %v", err)
	}
}

// TestFault_A4_ARestartedUpdaterDoesNotTakeTheRecordBack: what a restarted updater finds may be older than what main knows.
func TestFault_A4_ARestartedUpdaterDoesNotTakeTheRecordBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diskOfNotes{}
		o, _ := kept(t, d, "")
		d.fail(bus.ErrNoAnswer)
		o.Learn(recordOf(4, 9))
		synctest.Wait()
		d.fail(nil)
		if err := o.Load(json.RawMessage(`{"pair_id":"pair","epoch":2,"version":4}`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if v, err := o.Read(t.Context()); err != nil || v.Record.Epoch != 4 || d.has().Epoch != 4 {
			t.Errorf("main reads epoch %d, %v; the disk has %d", v.Record.Epoch, err, d.has().Epoch)
		}
		if err := o.Load(json.RawMessage(`{"version":`)); err == nil {
			t.Error("a damaged copy is taken")
		}
		synctest.Wait()
		if d.has().Epoch != 4 {
			t.Errorf("a damaged copy is not written again: epoch %d", d.has().Epoch)
		}
	})
}

// TestFault_A4_OneWriteAtATime: two writes on their way could pass each other, and the older one would stay.
func TestFault_A4_OneWriteAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []uint64
		under := 0
		o := NewOwnRegister(func(_ context.Context, note bus.Note) error {
			mu.Lock()
			under++
			if under > 1 {
				t.Error("two writes at the same time")
			}
			var r role.Record
			err := json.Unmarshal(note.Record, &r)
			order = append(order, r.Version)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			under--
			mu.Unlock()
			return err
		}, slog.New(slog.DiscardHandler), func(string) {})
		if err := o.Load(nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = o.Run(ctx) }()
		for version := uint64(1); version <= 5; version++ {
			o.Learn(recordOf(2, version))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if got := fmt.Sprint(order); got != "[1 5]" {
			t.Errorf("written: %s", got)
		}
		// A read waits for no write.
		go func() { _, _ = o.Write(ctx, recordOf(3, 6), ownRevision(recordOf(2, 5))) }()
		synctest.Wait()
		began := time.Now()
		if v, err := o.Read(ctx); err != nil || v.Record.Version != 5 || time.Since(began) != 0 {
			t.Errorf("read after %s: version %d, %v", time.Since(began), v.Record.Version, err)
		}
		time.Sleep(time.Minute)
	})
}
