package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/arbiter"
)

const (
	// keptValues of the record, for people who look at what happened. The most a key-value bucket may keep.
	keptValues = 64
	// bucket and key name the register as a JetStream key-value entry; stream and subject are what stands behind them.
	bucket  = "pair"
	key     = "record"
	stream  = "KV_" + bucket
	subject = "$KV." + bucket + "." + key
	// probeSubject takes the test writes.
	probeSubject = "$KV." + bucket + ".probe"
	// probeWithin is the deadline of one test write. Disks stall for over a second at times; five are no stall.
	probeWithin = 5 * time.Second
	// metadataID is where the stream says whose it is.
	metadataID = "hotpair-witness"
)

// store is the register's stream, as the process's own user sees it.
type store struct {
	conn *bus.Conn
	dir  *directory
	log  *slog.Logger
	last uint64 // sequence of the last test write
}

// openStore makes the register in a new directory, and in a used one makes sure that it is the same register as ever.
// Errors: ErrDamaged, ErrStore.
func openStore(ctx context.Context, srv *broker.Server, password string, d *directory, log *slog.Logger) (*store, error) {
	conn, err := bus.Connect(ctx, bus.ConnConfig{
		Name: administrator, User: administrator, Password: password, InProcess: srv, Once: true, Ping: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	s := &store{conn: conn, dir: d, log: log}
	if err := s.open(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *store) open(ctx context.Context) error {
	id := s.dir.identity
	info, err := s.info(ctx)
	switch {
	case err != nil:
		return err
	case info == nil && id.Founded:
		return fmt.Errorf("%w: the register is gone from %s", ErrDamaged, s.dir.path)
	case info == nil:
		if err := s.create(ctx, id.ID); err != nil {
			return err
		}
	case info.Config.Metadata[metadataID] != id.ID:
		return fmt.Errorf("%w: the register in %s belongs to witness %q, the directory to %q",
			ErrDamaged, s.dir.path, info.Config.Metadata[metadataID], id.ID)
	case info.State.Lost != nil && len(info.State.Lost.Msgs) > 0:
		return fmt.Errorf("%w: %d values can't be read", ErrDamaged, len(info.State.Lost.Msgs))
	case info.State.LastSeq < id.Sequence:
		return fmt.Errorf("%w: it ends at revision %d but was at %d before", ErrDamaged, info.State.LastSeq, id.Sequence)
	}
	if err := s.probe(ctx); err != nil {
		return err
	}
	return s.remember()
}

// remember notes how far the store has got, for the next start. The error is ErrStore.
func (s *store) remember() error {
	id := s.dir.identity
	id.Founded, id.Sequence = true, s.last
	if err := s.dir.write(id); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// info gives the stream, or nil if there is none.
func (s *store) info(ctx context.Context) (*server.StreamInfo, error) {
	reply, err := s.conn.Request(ctx, "$JS.API.STREAM.INFO."+stream, nil)
	if err != nil {
		return nil, fmt.Errorf("inspect the register: %w", err)
	}
	var answer server.JSApiStreamInfoResponse
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, fmt.Errorf("inspect the register: %w", err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrCode == uint16(server.JSStreamNotFoundErr):
		return nil, nil
	case answer.Error != nil:
		return nil, fmt.Errorf("inspect the register: %w", answer.Error)
	}
	return answer.StreamInfo, nil
}

// create makes the stream, as a key-value bucket is one.
func (s *store) create(ctx context.Context, id string) error {
	c := server.StreamConfig{
		Name: stream, Description: "pair record", Subjects: []string{"$KV." + bucket + ".>"},
		Storage: server.FileStorage, Replicas: 1, Retention: server.LimitsPolicy, Discard: server.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgsPer: keptValues, MaxMsgSize: arbiter.MaxRecord + 1<<10,
		Duplicates: 100 * time.Millisecond, DenyDelete: true, DenyPurge: true,
		Metadata: map[string]string{metadataID: id},
	}
	body, err := json.Marshal(&c)
	if err != nil {
		return fmt.Errorf("make the register: %w", err)
	}
	reply, err := s.conn.Request(ctx, "$JS.API.STREAM.CREATE."+stream, body)
	if err != nil {
		return fmt.Errorf("make the register: %w", err)
	}
	var answer server.JSApiStreamCreateResponse
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("make the register: %w", err)
	}
	if answer.Error != nil {
		return fmt.Errorf("make the register: %w: %w", ErrStore, answer.Error)
	}
	return nil
}

// probe writes something durably.
func (s *store) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	reply, err := s.conn.Request(ctx, probeSubject, []byte(`{}`))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	var answer server.JSPubAckResponse
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	if answer.Error != nil || answer.PubAck == nil {
		return fmt.Errorf("%w: %w", ErrStore, answer.ToError())
	}
	if answer.Sequence <= s.last {
		return fmt.Errorf("%w: revision %d came after %d", ErrDamaged, answer.Sequence, s.last)
	}
	s.last = answer.Sequence
	return nil
}

// watch makes test writes until ctx ends, and gives the error of the first that fails. A host whose write fails can't
// say whether the disk or the network did it; this can.
//
// When records were written between two test writes, the directory remembers how far the store has got. A server that
// finds a damaged value when it starts drops it and all behind it without a word; this is how that is noticed. proved counts those that succeed.
func (s *store) watch(ctx context.Context, interval time.Duration, proved *atomic.Uint64) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for stopping := false; !stopping; {
		select {
		case <-ctx.Done():
			stopping = true
		case <-s.conn.Up().Done():
			return fmt.Errorf("%w: %w", ErrStore, context.Cause(s.conn.Up()))
		case <-tick.C:
		}
		before := s.last
		// Not ctx: the last test write is made when that has ended.
		if err := s.probe(context.Background()); err != nil {
			return err
		}
		proved.Add(1)
		if stopping || s.last > before+1 {
			if err := s.remember(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *store) close() { s.conn.Close() }
