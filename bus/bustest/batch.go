package bustest

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// Blocked is a connection that takes nothing that is published until it is closed.
type Blocked chan struct{}

// PublishMsg implements batch.Publisher.
func (h Blocked) PublishMsg(*nats.Msg) error {
	<-h
	return nil
}

// Batch is what requests look like on the wire when they travel together, numbered from 1.
func Batch[Q any](t testing.TB, requests ...Q) []byte {
	t.Helper()
	type item struct {
		Number uint64 `cbor:"1,keyasint"`
		Value  Q      `cbor:"2,keyasint"`
	}
	var all struct {
		Items []item `cbor:"1,keyasint"`
	}
	for n, q := range requests {
		all.Items = append(all.Items, item{uint64(n) + 1, q})
	}
	data, err := bus.Encode(all)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
