package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Codes of JetStream's publish acknowledgement.
const (
	codeWrongLast         = 10071
	codeWrongLastConstant = 10164
	codeStoreFailed       = 10077
)

// Refusals of a stream, before they are judged.
var (
	// ErrWrongLast says that the stream does not end where a message was to follow.
	ErrWrongLast = errors.New("wrong last sequence")
	// ErrStoreFailed says that the stream did not store a message: it is full, or takes no writes.
	ErrStoreFailed = errors.New("store refused")
	errSwallowed   = errors.New("a write failed in the server, which sent no answer")
)

const (
	// askAfter is how long an acknowledgement may take before the stream is asked whether it lives. Rarely is one so late
	// on a healthy machine, and asking costs nothing but a message.
	askAfter = 50 * time.Millisecond
	// askAgain is how often it is asked while nothing comes.
	askAgain = 500 * time.Millisecond
	// answersWait is how many answers wait for whoever reads them: one for each message that was given up, and more than are asked for
	// within any patience.
	answersWait = 64
)

// acknowledged reads the stream's answer to a message. The error is ErrWrongLast or ErrStoreFailed.
func acknowledged(data []byte) (seq uint64, err error) {
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
	}
	if err := json.Unmarshal(data, &ack); err != nil {
		return 0, fmt.Errorf("acknowledgement: %w", err)
	}
	switch {
	case ack.Error == nil && ack.Seq > 0:
		return ack.Seq, nil
	case ack.Error == nil:
		return 0, fmt.Errorf("%w: acknowledgement without a sequence", ErrStoreFailed)
	case ack.Error.ErrorCode == codeWrongLast, ack.Error.ErrorCode == codeWrongLastConstant:
		return 0, fmt.Errorf("%w: %s", ErrWrongLast, ack.Error.Description)
	case ack.Error.ErrorCode == codeStoreFailed:
		return 0, fmt.Errorf("%w: %s", ErrStoreFailed, ack.Error.Description)
	}
	return 0, fmt.Errorf("append: %w", ack.Error)
}

// Append writes one message after the last one that this owner knows of and returns its stream sequence when it is
// durable. The error is ErrMoved (the stream has another message there), ErrFull, ErrStuck (end the process), or ctx's,
// after which the outcome is unknown and the next Append finds it out.
func (j *Journal) Append(ctx context.Context, raw []byte) (seq uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seq, err = j.append(ctx, raw)
	if errors.Is(err, ErrWrongLast) {
		seq, err = j.lookAtTail(ctx, raw)
	}
	if err != nil {
		return 0, fmt.Errorf("append to journal: %w", err)
	}
	return seq, nil
}

// append makes one attempt. The error is ErrWrongLast, ErrFull, ErrStuck, or ctx's. mu is held.
func (j *Journal) append(ctx context.Context, raw []byte) (uint64, error) {
	if err := j.Err(); err != nil {
		return 0, err
	}
	if j.unsure {
		if err := j.lookAgain(ctx); err != nil {
			return 0, err
		}
	}
	patience, cancel := context.WithTimeoutCause(ctx, j.config.Patience, fmt.Errorf("no answer within %v", j.config.Patience))
	defer cancel()
	seq, err := j.appender.Append(patience, j.last, raw)
	switch {
	case err == nil:
		j.last = seq
		return seq, nil
	case errors.Is(err, ErrWrongLast):
		j.unsure = true
		return 0, err
	case errors.Is(err, ErrStoreFailed):
		return 0, j.full(ctx, len(raw), err)
	case ctx.Err() != nil:
		j.unsure = true
		return 0, context.Cause(ctx)
	case patience.Err() != nil:
		return 0, j.die(context.Cause(patience))
	}
	return 0, j.die(err)
}

// full distinguishes a full journal from one that accepts no writes. The server's answer tells them apart only in
// words.
func (j *Journal) full(ctx context.Context, size int, refusal error) error {
	info, err := j.stream.Info(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return j.die(err)
	case int64(info.State.Bytes)+int64(size)+4096 > j.maxBytes:
		return fmt.Errorf("%w: %d of %d bytes", ErrFull, info.State.Bytes, j.maxBytes)
	}
	return j.die(refusal)
}

// lookAgain reads where the stream ends.
func (j *Journal) lookAgain(ctx context.Context) error {
	info, err := j.stream.Info(ctx)
	switch {
	case err == nil:
		j.last, j.unsure = info.State.LastSeq, false
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return j.die(err)
}

// lookAtTail settles a refusal: when the last message has the same bytes it is ours, appended by an attempt whose answer
// was lost. Anything else is ErrMoved.
func (j *Journal) lookAtTail(ctx context.Context, raw []byte) (uint64, error) {
	before := j.last
	if err := j.lookAgain(ctx); err != nil {
		return 0, err
	}
	read, _, err := j.reader.read(ctx, j.last, 1, 0)
	if err != nil {
		return 0, err
	}
	if len(read) == 1 && read[0].Seq == j.last && string(read[0].Raw) == string(raw) {
		return j.last, nil
	}
	j.unsure = true
	return 0, fmt.Errorf("%w: from stream sequence %d to %d", ErrMoved, before, j.last)
}

// mark appends a marker of the owner after the last message, and makes room for it if necessary. mu is held.
func (j *Journal) mark(ctx context.Context, m Message) (uint64, error) {
	raw, err := Encode(m)
	if err != nil {
		return 0, err
	}
	for {
		seq, err := j.append(ctx, raw)
		switch {
		case errors.Is(err, ErrWrongLast): // something from before the kick landed first; behind that, then
		case errors.Is(err, ErrFull):
			if err := j.grow(ctx); err != nil {
				return 0, err
			}
		default:
			return seq, err
		}
	}
}

// grow raises the bound by the reserve: a marker must fit also when frames do not.
func (j *Journal) grow(ctx context.Context) error {
	j.maxBytes += reserve
	js, err := jetstream.New(j.conn.Conn)
	if err == nil {
		_, err = js.UpdateStream(ctx, j.streamConfig())
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return j.die(err)
}

// Fence puts f into effect: every granted user is refused and its connections are closed, then the marker is appended
// after whatever was read from them before. It returns the marker's stream sequence. Errors as of Append, without
// ErrMoved and ErrFull.
func (j *Journal) Fence(ctx context.Context, f Fence) (seq uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.revoke()
	j.fence = Fence{} // nothing is granted before the marker is durable
	j.unsure = true
	if seq, err = j.mark(ctx, Message{Fence: &f}); err != nil {
		return 0, fmt.Errorf("fence journal for %v: %w", f.Term, err)
	}
	j.fence = f
	return seq, nil
}

// Truncate appends a truncation. No user may be granted, so that nothing else moves the end: otherwise ErrFenced. Errors as of Fence.
func (j *Journal) Truncate(ctx context.Context, c Truncation) (seq uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.granted) > 0 {
		return 0, fmt.Errorf("truncate journal: %w: a session is open", ErrFenced)
	}
	if seq, err = j.mark(ctx, Message{Truncation: &c}); err != nil {
		return 0, fmt.Errorf("truncate journal at %v: %w", c.End.Position, err)
	}
	return seq, nil
}
