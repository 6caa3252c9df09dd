package updater

import (
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
)

// testKey is what main gives to terminal-if and updater.
var testKey = ticket.NewKey()

// request is a commit with what the ticket of its request says.
type request = drafttest.Request
