package storage

// FactsName is the name of the file of host-local facts in the data directory.
const FactsName = "facts.json"

// Note is a host's durable note of its membership in the in-sync set (R1, R4): a host may promote itself only if the
// pair record has it, Version is the record's, and Out is false.
type Note struct {
	// Version is the version of the pair record that the note is for.
	Version uint64 `json:"version"`
	// Epoch is the record's epoch at that version.
	Epoch uint64 `json:"epoch"`
	// Out says that the host has left: it resigned, or was told so.
	Out bool `json:"out,omitempty"`
}

// CopyState marks the host inconsistent: the database is in the middle of a copy and can't be promoted, not even by
// force.
type CopyState struct {
	Base   Mark   `json:"base"`
	Cursor []byte `json:"cursor,omitempty"`
	// Until is the end that must be applied before the database is consistent; zero while it is not known.
	Until Mark `json:"until"`
}

// FactsData are the host-local facts: they belong to this data directory and no copy ever carries them.
type FactsData struct {
	Version int `json:"version"`
	// Host is the host's name, Identity the random one made with the directory. Neither ever changes.
	Host     string `json:"host"`
	Identity string `json:"identity"`
	// PairID is the pair that the host belongs to, empty before the first record.
	PairID string `json:"pair_id,omitempty"`
	// Epoch is the highest epoch that the host has taken or accepted. It only rises.
	Epoch uint64 `json:"epoch"`
	// Term is the epoch that the host served last as active. It only rises.
	Term uint64 `json:"term"`
	// RecordVersion is the highest version of the pair record seen. It only rises.
	RecordVersion uint64 `json:"record_version"`
	// Session counts replication sessions, so that each gets a number never used before. It only rises.
	Session uint64 `json:"session"`
	Note    Note   `json:"note"`
	// Copying is not nil while the database is inconsistent.
	Copying *CopyState `json:"copying,omitempty"`
}

// Facts keeps the host-local facts in a file of their own. Its methods may be called by any number of goroutines.
type Facts struct{}

// OpenFacts reads the facts in dir, or makes them with a new random identity when there are none. host is the name of
// the host; facts of another are refused with ErrForeign (empty: not compared). The error is ErrDamaged, ErrForeign or
// ErrVersion, naming the file and the remedy.
func OpenFacts(dir, host string) (*Facts, error) { return nil, errStub }

// Get gives the facts as they are on disk.
func (f *Facts) Get() FactsData { return FactsData{} }

// Update changes the facts durably: when it returns nil the change is on disk; when change returns an error nothing
// happened, and that error is returned. The error is ErrLower when a rising fact would fall, and ErrDead after a failed write.
func (f *Facts) Update(change func(*FactsData) error) error { return errStub }
