package exchange

import "github.com/hotpair/hotpair/services/role/record"

// ForceWanted makes a host serve that may not on its own, because it may lack acknowledged updates. Only an operator
// requests it, and names the accepted loss. Step answers with Refuse, or begins the takeover.
//
// The epoch is the next above all that is known, and it is taken by the same compare-and-set as any other, so no other
// host has it or will; without a witness by parity (V13). The old active steps down when it reads the record, and what
// only it has is kept as divergent when it returns (R10).
type ForceWanted struct {
	By string
	// Accepted is how many updates may be lost that are known to be missing; Unknown that nobody can say how many.
	Accepted uint64
	Unknown  bool
}

// AdmitWanted says that the host of this name was replaced, and that the one with the identity in the record will never
// come back. The host that takes the request must be in the set; it then serves, and the new one joins automatically
// (T10).
type AdmitWanted struct {
	By   string
	Host string
}

// WitnessWanted says that the witness was replaced for good: the pair record moves to the one that answers now (T10).
type WitnessWanted struct{ By string }

// PauseWanted asks for a pause, or with a zero Pause for the end of one. Step answers with Refuse, or writes it to the
// pair record as soon as that may be changed; View.Pausing is set until then.
type PauseWanted struct{ Pause record.Pause }

func (AdmitWanted) input()   {}
func (ForceWanted) input()   {}
func (PauseWanted) input()   {}
func (WitnessWanted) input() {}
