package bus

import "github.com/hotpair/hotpair/services/level"

// LevelsRequest asks the updater of the active for the pair's level. With Rise it rises first, for good, to the newest that both hosts know.
type LevelsRequest struct {
	Rise bool `json:"rise,omitempty"`
}

// Levels says which level a pair is at, and what it can rise to.
type Levels struct {
	// Level is what the pair is at.
	Level      level.Level `json:"level"`
	Host       string      `json:"host"`        // that serves
	Levels     level.Range `json:"levels"`      // that its program knows
	Peer       string      `json:"peer"`        // name of the other host
	PeerLevels level.Range `json:"peer_levels"` // that its program knows; zero while that is not known
	// Next is what it can rise to; Level when there is nothing above that both know.
	Next level.Level `json:"next"`
	// Hindered says why it can't rise now.
	Hindered string `json:"hindered,omitempty"`
	// Rose says that this call has raised it.
	Rose bool `json:"rose,omitempty"`
}
