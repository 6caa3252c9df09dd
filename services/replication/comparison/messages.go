package comparison

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/section"
)

// callWithin bounds one call.
const callWithin = 15 * time.Second

// Errors of a comparison; the first two cross the wire.
var (
	// ErrRefused says that the other host is not the standby of this term.
	ErrRefused = fault.New("not-compared", "the other host refuses the comparison")
	// ErrBehind says that the other host did not reach the position in time.
	ErrBehind = fault.New("behind", "the other host did not reach that position in time")
	// ErrDiverged says that the histories of both hosts are not one: keys can't be compared.
	ErrDiverged = errors.New("the hosts have different histories")
)

// Calls that the leading host makes to the answerer of a host.
func callBuckets(host string) bus.Endpoint[bucketsRequest, bucketsReply] {
	return bus.BinaryCall[bucketsRequest, bucketsReply](bus.ComparisonCall(host, "buckets"))
}

func callSection(host string) bus.Endpoint[sectionRequest, section.Content] {
	return bus.BinaryCall[sectionRequest, section.Content](bus.ComparisonCall(host, "section"))
}

func callRepair(host string) bus.Endpoint[repairRequest, repairReply] {
	return bus.BinaryCall[repairRequest, repairReply](bus.ComparisonCall(host, "repair"))
}

// caller is what every request says: the term of the host that leads.
type caller struct {
	Epoch uint64 `cbor:"1,keyasint"`
}

func (c caller) epoch() uint64 { return c.Epoch }

type bucketsRequest struct{ caller }

type bucketsReply struct {
	Buckets []string `cbor:"1,keyasint"`
}

// sectionRequest asks for a section as it is at a position; at the answerer's own when At is zero.
type sectionRequest struct {
	caller
	Section section.Section `cbor:"2,keyasint"`
	At      history.Mark    `cbor:"3,keyasint"`
	// Forgotten is what is forgotten at At.
	Forgotten int64          `cbor:"4,keyasint"`
	Detail    section.Detail `cbor:"5,keyasint"`
}

// repairRequest has a section made what the content says.
type repairRequest struct {
	caller
	Content section.Content `cbor:"2,keyasint"`
}

type repairReply struct {
	Changed int `cbor:"1,keyasint"`
}

// ask makes one call.
func ask[Q, A any](ctx context.Context, conn *bus.Conn, e bus.Endpoint[Q, A], q Q) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	a, err := e.Ask(ctx, conn, q)
	switch {
	case fault.Remote(err):
		return a, fmt.Errorf("the other host says: %w", err)
	case err != nil:
		return a, fmt.Errorf("%s: %w", e.Subject(), err)
	}
	return a, nil
}
