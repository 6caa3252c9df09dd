package bus

// DivergentRequest asks for the files in which a host has kept divergent updates (R10), or for a page of one of them.
type DivergentRequest struct {
	File  string `json:"file,omitempty"`  // the updates of this file; empty: all files
	From  int    `json:"from,omitempty"`  // record to begin with, from 0
	Limit int    `json:"limit,omitempty"` // how many
}

// DivergentPage answers a DivergentRequest.
type DivergentPage struct {
	Files   []DivergentFile   `json:"files"`
	Updates []DivergentUpdate `json:"updates,omitempty"` // of the file that was asked for
	Next    int               `json:"next,omitempty"`    // record to go on from; 0: there are no more
}

// ForgetDivergent removes a host's divergent updates from its lists: an operator has dealt with them.
type ForgetDivergent struct {
	File string `json:"file,omitempty"` // this file; empty: all of them
}

// DivergentForgotten answers a ForgetDivergent. The files are kept under other names.
type DivergentForgotten struct {
	Files []string `json:"files"`
}

// DivergentFile is one file with updates that only this host had.
type DivergentFile struct {
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Records int    `json:"records"`
	First   string `json:"first,omitempty"` // positions, epoch/sequence
	Last    string `json:"last,omitempty"`
	Problem string `json:"problem,omitempty"` // why it can't be read
}

// DivergentUpdate is one record of such a file.
type DivergentUpdate struct {
	HistoryUpdate
	Unreadable int `json:"unreadable,omitempty"` // bytes of a record that is no update any more
}
