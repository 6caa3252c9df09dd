package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
)

// Read is one message of the stream.
type Read struct {
	Seq uint64
	Raw []byte
}

// batch is how many messages one request for messages asks for.
const batch = 512

// reader reads a stream by direct get in batches: one request, many messages, no consumer whose state would have to be
// kept or trusted.
type reader struct {
	conn    *bus.Conn
	subject string
	inbox   string
	sub     *nats.Subscription

	one    *semaphore.Weighted // question at a time
	number uint64
}

func newReader(conn *bus.Conn, stream string) (*reader, error) {
	r := &reader{conn: conn, subject: "$JS.API.DIRECT.GET." + stream, inbox: conn.NewInbox(), one: semaphore.NewWeighted(1)}
	sub, err := conn.SubscribeSync(r.inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil { // one request's messages at a time
		return nil, fmt.Errorf("read journal: %w", err)
	}
	r.sub = sub
	return r, nil
}

// read gives messages from seq on. next is where to go on. The patience, if it is not 0, begins once it is the turn of this question: what
// others wait for is no silence of the stream.
func (r *reader) read(ctx context.Context, seq uint64, maxBytes int, patience time.Duration) (read []Read, next uint64, err error) {
	seq = max(seq, 1)
	if err := Acquire(ctx, r.one); err != nil {
		return nil, seq, err
	}
	defer r.one.Release(1)
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
		defer cancel()
	}
	request, err := json.Marshal(map[string]any{"seq": seq, "batch": batch, "max_bytes": max(maxBytes, 1)})
	if err != nil {
		return nil, seq, fmt.Errorf("read journal: %w", err)
	}
	r.number++
	reply := r.inbox + "." + strconv.FormatUint(r.number, 10)
	if err := r.conn.PublishRequest(r.subject, reply, request); err != nil {
		return nil, seq, fmt.Errorf("read journal: %w", err)
	}
	next = seq
	for {
		m, err := r.sub.NextMsgWithContext(ctx)
		switch {
		case err != nil:
			return nil, seq, fmt.Errorf("read journal from %d: %w", seq, cmp.Or(context.Cause(ctx), err))
		case m.Subject != reply: // the rest of a read that was given up
			continue
		}
		if status := m.Header.Get("Status"); status != "" {
			// 404: nothing from there on; 204: the batch is complete. Anything else is our mistake or no JetStream.
			if status == "404" || status == "204" {
				return read, next, nil
			}
			return nil, seq, fmt.Errorf("read journal from %d: status %s %s", seq, status, m.Header.Get("Description"))
		}
		at, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil || at < next {
			return nil, seq, fmt.Errorf("read journal from %d: %w: stream sequence %q", seq, ErrMalformed, m.Header.Get(jetstream.SequenceHeader))
		}
		read, next = append(read, Read{Seq: at, Raw: m.Data}), at+1
	}
}

// Read returns messages from stream sequence from on, in order, skipping gaps, about maxBytes of them but at least one
// if there is one. next is where the next call begins; when nothing was read, nothing is left.
func (j *Journal) Read(ctx context.Context, from uint64, maxBytes int) (read []Read, next uint64, err error) {
	read, next, err = j.reader.read(ctx, from, maxBytes, j.config.Patience)
	if err != nil && ctx.Err() == nil {
		return nil, from, j.die(err)
	}
	return read, next, err
}

// When a purge is worth its price: it rewrites a block of the stream, and appends wait some milliseconds for it. What is
// not purged is read again after a restart, at about half a gigabyte a second.
const (
	purgeStep      = 1024     // messages gained, or
	purgeBytes     = 16 << 20 // bytes in the stream
	purgeStepBytes = 128      // of which so many messages go
)

// Purge deletes messages up to and including a stream sequence. They may reappear after a crash; readers skip what they
// know. It does nothing when it would free little.
func (j *Journal) Purge(ctx context.Context, upTo uint64) error {
	j.mu.Lock()
	known := j.purged
	j.mu.Unlock()
	switch {
	case upTo <= known:
		return nil
	case upTo < known+purgeStep:
		info, err := j.Info(ctx)
		if err != nil {
			return err
		}
		if info.Bytes < j.config.MaxBytes/4 && (info.Bytes < purgeBytes || upTo < known+purgeStepBytes) {
			return nil
		}
	}
	err := j.stream.Purge(ctx, jetstream.WithPurgeSequence(upTo+1))
	if err != nil {
		return fmt.Errorf("purge journal to %d: %w", upTo, err)
	}
	j.mu.Lock()
	j.purged = max(j.purged, upTo)
	last := max(j.last, upTo)
	j.mu.Unlock()
	j.hint.write(hint{Created: j.stream.CachedInfo().Created, Last: last}) // it waits for the disk, and appends need not
	return nil
}

// crowded reports whether the journal is half full.
func (j *Journal) crowded(ctx context.Context) (bool, error) {
	info, err := j.Info(ctx)
	return err == nil && info.Bytes > j.config.MaxBytes/2, err
}
