package notice

// Fenced is what a terminal is told of a fenced notice. What it says is given to who takes it first.
type Fenced struct {
	Topic string `cbor:"1,keyasint"`
	Until int64  `cbor:"2,keyasint"` // pair time in Unix nanoseconds; after it nobody takes it
}

// TopicFenced is the topic of a fenced notice as it stands where others have theirs.
const TopicFenced = "fenced"

// Operations of the agent itself (bus.Request.Own), with a Taking as body.
const (
	OperationTake = "take" // → Taken
	OperationDone = "done" // → Taken
)

// MaxTaker bounds the names of a Taking, in bytes.
const MaxTaker = 64

// Taking asks the pair for a fenced notice, or says that it was carried out.
type Taking struct {
	ID        string `json:"id"` // of the notice
	Directory string `json:"directory"`
	Run       string `json:"run"`
}

// Taken answers it: a verdict as package commands names it, and with the first what the notice says.
type Taken struct {
	Verdict string `json:"verdict"`
	Body    []byte `json:"body,omitempty"`
}
