package bus

import (
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// VerifyOrder begins a comparison of both databases. Only the active can lead one, and there is one at a time.
type VerifyOrder struct {
	ID     string `json:"id"` // of the call
	By     string `json:"by"`
	Repair bool   `json:"repair,omitempty"` // make the standby's keys what they are on the active
}

// VerifyQuestion asks for the state.
type VerifyQuestion struct{}

// VerifyState is the running comparison, or the last one. The last one is kept in the database, so both hosts know it.
type VerifyState struct {
	ID      string    `json:"id,omitempty"` // empty: there was never one
	By      string    `json:"by,omitempty"`
	Repair  bool      `json:"repair,omitempty"`
	Running bool      `json:"running,omitempty"`
	Host    string    `json:"host,omitempty"` // that led
	Peer    string    `json:"peer,omitempty"` // that was compared with it
	Epoch   uint64    `json:"epoch,omitempty"`
	Began   time.Time `json:"began,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Done     float64           `json:"done"` // 0 … 1
	Bucket   string            `json:"bucket,omitempty"`
	Sections int               `json:"sections"`
	Keys     int64             `json:"keys"`
	Bytes    int64             `json:"bytes"`
	Retries  int               `json:"retries"`
	Position position.Position `json:"position"`

	Different   int                `json:"different"`
	Repaired    int                `json:"repaired"`
	DamagedHere int                `json:"damaged_here,omitempty"`
	Named       []VerifyDifference `json:"named,omitempty"`
	Unfinished  string             `json:"unfinished,omitempty"` // why it ended before everything was compared
}

// Clean reports whether everything was compared and is alike, or was made so.
func (s VerifyState) Clean() bool {
	return s.ID != "" && !s.Running && s.Unfinished == "" && s.Different == s.Repaired
}

// VerifyDifference is a key that is not alike on both hosts.
type VerifyDifference struct {
	Space    string `json:"space"`             // key space of a service; answers, floors, epochs or history
	Key      string `json:"key"`               // as people can read it
	Kind     string `json:"kind"`              // missing, extra, different: as the standby has it
	Damaged  string `json:"damaged,omitempty"` // hosts on which the value is not what was once written
	Repaired bool   `json:"repaired"`
}
