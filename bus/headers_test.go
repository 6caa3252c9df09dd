package bus

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestFault_B6_HeadersAreNamedAsTheyAre: hotpair-request-id was taken for no header of ours, so a repeated request was done twice.
func TestFault_B6_HeadersAreNamedAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		header nats.Header
		said   string
	}{
		{nil, ""},
		{nats.Header{"Traceparent": {"00"}, "nats-msg-id": {"x", "y"}, "hotpair": {""}}, ""},
		{nats.Header{HeaderRequestID: {"x"}, HeaderDeadline: {"1s"}}, ""},
		{nats.Header{"hotpair-request-id": {"x"}}, "write it as Hotpair-Request-Id"},
		{nats.Header{"HOTPAIR-DEADLINE": {"x"}}, "write it as Hotpair-Deadline"},
		{nats.Header{HeaderRequestID: {"x"}, "Hotpair-Request-ID": {"x"}}, "write it as Hotpair-Request-Id"},
		{nats.Header{"Hotpair-Requestid": {"x"}}, "one of Hotpair-Request-Id, Hotpair-Deadline"},
		{nats.Header{HeaderTerminal: {"t2"}}, `unknown header "Hotpair-Terminal"`},
		{nats.Header{HeaderRequestID: {"x", "y"}}, "is set 2 times"},
	} {
		if said := StrayHeader(c.header, HeaderRequestID, HeaderDeadline); (said == "") != (c.said == "") || !strings.Contains(said, c.said) {
			t.Errorf("%v: %q, want %q", c.header, said, c.said)
		}
	}
}
