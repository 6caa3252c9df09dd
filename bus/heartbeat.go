package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// HeartInterval is the interval at which a process of a host beats, so that main notices a frozen one. Changes of its
// state are reported at once (Heart.Now).
func HeartInterval(lease time.Duration) time.Duration {
	return min(max(lease/4, 25*time.Millisecond), 250*time.Millisecond)
}

// Heart beats for one process: at each interval, and at once when Now is called because the state changed.
type Heart struct {
	Conn     *Conn
	Process  string
	Interval time.Duration
	// State is asked for at each beat. Ready says that the process can do its work.
	State func() (ready bool, state any)

	now chan struct{}
}

// NewHeart returns a heart, which beats while Run runs.
func NewHeart(conn *Conn, process string, interval time.Duration, state func() (bool, any)) *Heart {
	return &Heart{Conn: conn, Process: process, Interval: interval, State: state, now: make(chan struct{}, 1)}
}

// Now asks for a beat at once. Never blocks.
func (h *Heart) Now() {
	select {
	case h.now <- struct{}{}:
	default:
	}
}

// Beat beats once. A beat that can't be sent is not repeated: the next one has newer content. The error says that the
// state can't be encoded.
func (h *Heart) Beat() error {
	ready, state := h.State()
	beat := Heartbeat{Process: h.Process, PID: os.Getpid(), Ready: ready}
	if state != nil {
		raw, err := json.Marshal(state)
		if err != nil {
			return fmt.Errorf("state of %s: %w", h.Process, err)
		}
		beat.State = raw
	}
	_ = h.Conn.Publish(HeartbeatSubject(h.Process), EncodeJSON(beat))
	return nil
}

// Run beats until ctx ends.
func (h *Heart) Run(ctx context.Context) error {
	tick := time.NewTimer(pace.Next(h.Interval))
	defer tick.Stop()
	for {
		if err := h.Beat(); err != nil {
			return err
		}
		select {
		case <-tick.C:
			tick.Reset(pace.Next(h.Interval))
		case <-h.now:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
