package draft

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/pairtime"
	"github.com/hotpair/hotpair/storage/history"
)

// premature reports whether an id is from the future. It is asked only for what has no recorded answer, so an id that
// another host has taken stays taken (R7).
func (d *Draft) premature(id history.RequestID) bool {
	if id.App == "" || d.Latest == 0 {
		return false
	}
	issued, err := id.Issued()
	return err == nil && issued.UnixNano() > d.Latest
}

// stale reports whether an id is older than answers are kept. It is asked only for what has no recorded answer and is not
// forgotten: this rests on a clock and a setting, and decides only what is taken for new. What was forgotten is a fact of
// the history (Entry.Forgotten), which this host says too: with each frame it forgets what is stale by then.
func (d *Draft) stale(id history.RequestID) bool {
	if id.App == "" {
		return false
	}
	issued, err := id.Issued()
	return err == nil && issued.UnixNano() < d.Earliest
}

// premature is the refusal of such an id.
func premature(id history.RequestID, latest int64) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf(
		"request %v was issued more than %v in the future: ids up to %s are accepted; set the clock of the application",
		id, pairtime.Slack, time.Unix(0, latest).UTC().Format(time.RFC3339))}
}
