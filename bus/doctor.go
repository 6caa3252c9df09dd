package bus

import "time"

// Examine asks the updater whether its disk would carry a term: it measures a durable write and looks at its files.
type Examine struct{}

// Examined answers it; with an error the disk takes no writes, and the rest was found all the same.
type Examined struct {
	Sync      time.Duration `json:"sync_ns"`            // one small write made durable: the median of a few
	Unfit     string        `json:"unfit,omitempty"`    // why the disk would not take what a term writes; empty when it would
	Problems  []string      `json:"problems,omitempty"` // of files and directories, sentences
	Free      uint64        `json:"free"`               // bytes on the disk of the data directory
	Needed    uint64        `json:"needed"`             // least that a host must have free to be fit
	PairTime  int64         `json:"pair_time"`          // as in UpdaterState
	Forgotten int64         `json:"forgotten"`
}
