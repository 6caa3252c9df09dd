package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role/record"
)

// errAnswer says that the store answered with something else than was asked.
var errAnswer = errors.New("the store's answer is malformed")

// read gives what the register holds.
func (s *store) read(ctx context.Context) (arbiter.Stored, error) {
	reply, err := s.conn.Request(ctx, "$JS.API.STREAM.MSG.GET."+stream, []byte(`{"last_by_subj":"`+subject+`"}`))
	if err != nil {
		return arbiter.Stored{}, fmt.Errorf("read the register: %w", err)
	}
	return decodeStored(reply.Data)
}

// write makes one compare-and-set, if a host of the pair can have asked for it. It is never called twice at a time, and nobody
// else writes. Errors: arbiter.ErrConflict, record.ErrImpossible, arbiter.ErrDamaged; after any other the outcome is unknown.
func (s *store) write(ctx context.Context, c arbiter.Change) (revision uint64, err error) {
	held, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	if held.Revision != c.Expected {
		return 0, fmt.Errorf("%w: %d, expected %d", arbiter.ErrConflict, held.Revision, c.Expected)
	}
	now, err := held.Value()
	if err != nil {
		return 0, err
	}
	next, err := arbiter.Decode(c.Record)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", record.ErrImpossible, err)
	}
	if id := s.dir.identity.ID; next.WitnessID != id {
		return 0, fmt.Errorf("%w: it is for witness %q, this is %q", record.ErrImpossible, next.WitnessID, id)
	}
	if err := next.Follows(now.Record); err != nil {
		return 0, err
	}
	if len(c.Record) > arbiter.MaxRecord {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", record.ErrImpossible, len(c.Record), arbiter.MaxRecord)
	}
	m := nats.NewMsg(subject)
	m.Data = c.Record // as it came: hosts of a later level say more than this process knows
	m.Header.Set("Nats-Expected-Stream", stream)
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(c.Expected, 10))
	reply, err := s.conn.RequestMessage(ctx, m)
	if err != nil {
		return 0, fmt.Errorf("write the register: %w", err)
	}
	return decodeAcknowledgement(reply.Data)
}

// decodeStored reads the store's answer to a read.
func decodeStored(data []byte) (arbiter.Stored, error) {
	var answer server.JSApiMsgGetResponse
	if err := json.Unmarshal(data, &answer); err != nil {
		return arbiter.Stored{}, fmt.Errorf("%w: %w", errAnswer, err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrCode == uint16(server.JSNoMessageFoundErr):
		return arbiter.Stored{}, nil
	case answer.Error != nil:
		return arbiter.Stored{}, fmt.Errorf("read the register: %w", answer.Error)
	case answer.Message == nil || answer.Message.Sequence == 0:
		return arbiter.Stored{}, fmt.Errorf("%w: no message", errAnswer)
	}
	// A purge by hand leaves a marker without data; its sequence is what the next write must expect.
	return arbiter.Stored{Revision: answer.Message.Sequence, Record: answer.Message.Data}, nil
}

// decodeAcknowledgement reads the store's answer to a write. Only one error of it proves that nothing was stored; any
// other may have come after the store was touched.
func decodeAcknowledgement(data []byte) (uint64, error) {
	var answer server.JSPubAckResponse
	if err := json.Unmarshal(data, &answer); err != nil {
		return 0, fmt.Errorf("%w: %w", errAnswer, err)
	}
	switch {
	case answer.Error != nil && (answer.Error.ErrCode == uint16(server.JSStreamWrongLastSequenceErrF) ||
		answer.Error.ErrCode == uint16(server.JSStreamWrongLastSequenceConstantErr)):
		return 0, fmt.Errorf("%w: %w", arbiter.ErrConflict, answer.Error)
	case answer.Error != nil:
		return 0, fmt.Errorf("write the register: %w", answer.Error)
	case answer.PubAck == nil || answer.Sequence == 0 || answer.Stream != stream:
		return 0, fmt.Errorf("%w: no revision", errAnswer)
	}
	return answer.Sequence, nil
}
