package bus

import (
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// The loss audit: after each attach the receipts that terminals hold are looked up in the history that now serves.
// main asks terminal-if for them in pages, and has the updater look each page up.

// AuditReceipt is a receipt issued by this pair: terminal-if has verified its code.
type AuditReceipt struct {
	Terminal string            `json:"terminal"`
	Counter  uint64            `json:"counter,omitempty"`
	App      string            `json:"app,omitempty"`
	Position position.Position `json:"position"`
}

// CollectReceipts orders terminal-if to ask some terminals for the receipts of the time before their last attach.
type CollectReceipts struct {
	Epoch     uint64 `json:"epoch"`     // in which they must be attached
	From      int    `json:"from"`      // 0, or Next of the page before
	Terminals int    `json:"terminals"` // to ask at most
	// Audit numbers the audit that the order belongs to. A late one asks only terminals that none has asked since they attached.
	Audit uint64 `json:"audit"`
	Late  bool   `json:"late,omitempty"`
}

// CollectedReceipts answers a CollectReceipts. Next is where the next page begins; 0 after the last page.
type CollectedReceipts struct {
	Receipts []AuditReceipt `json:"receipts,omitempty"`
	Foreign  int            `json:"foreign"` // receipts whose code is not this pair's
	Asked    int            `json:"asked"`   // terminals
	Silent   int            `json:"silent"`  // of them gave no receipts that could be read
	Next     int            `json:"next,omitempty"`
	// Gaps that the terminals attached now say they felt, as long as requests waited there. Felt counts those that felt one.
	GapWorst  time.Duration `json:"gap_worst_ns"`
	GapMedian time.Duration `json:"gap_median_ns"`
	Felt      int           `json:"felt"`
}

// MaxAudited bounds the receipts of one AuditReceipts.
const MaxAudited = 4096

// AuditReceipts orders the updater to look receipts up in the history and the recorded answers that it serves.
type AuditReceipts struct {
	Epoch    uint64         `json:"epoch"`
	Receipts []AuditReceipt `json:"receipts"`
}

// AuditedReceipts answers an AuditReceipts. With an error, some or all receipts were not looked up.
type AuditedReceipts struct {
	Present    int            `json:"present"`
	Missing    int            `json:"missing"`
	Unprovable int            `json:"unprovable"`         // older than what is kept
	Examples   []AuditReceipt `json:"examples,omitempty"` // some of the missing ones
}
