package bus

// AsideRequest asks for the files in which a host has set updates aside (R10), or for a page of one of them.
type AsideRequest struct {
	File  string `json:"file,omitempty"`  // the updates of this file; empty: all files
	From  int    `json:"from,omitempty"`  // record to begin with, from 0
	Limit int    `json:"limit,omitempty"` // how many
}

// AsidePage answers it.
type AsidePage struct {
	Files   []AsideFile   `json:"files"`
	Updates []AsideUpdate `json:"updates,omitempty"` // of the file that was asked for
	Next    int           `json:"next,omitempty"`    // record to go on from; 0: there are no more
}

// ForgetAside says that an operator is done with what a host has set aside.
type ForgetAside struct {
	File string `json:"file,omitempty"` // this file; empty: all of them
}

// AsideForgotten answers it. The files are kept, under other names.
type AsideForgotten struct {
	Files []string `json:"files"`
}

// AsideFile is one file with updates that only this host had.
type AsideFile struct {
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Records int    `json:"records"`
	First   string `json:"first,omitempty"` // positions, epoch/sequence
	Last    string `json:"last,omitempty"`
	Problem string `json:"problem,omitempty"` // why it can't be read
}

// AsideUpdate is one record of such a file.
type AsideUpdate struct {
	HistoryUpdate
	Unreadable int `json:"unreadable,omitempty"` // bytes of a record that is no update any more
}
