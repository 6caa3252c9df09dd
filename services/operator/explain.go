package operator

import "time"

// Explanation explains the state of the pair, joined by one host from the views of both.
type Explanation struct {
	Host     string     `json:"host"` // the asked host
	Time     time.Time  `json:"time"`
	Level    string     `json:"level"`
	Summary  string     `json:"summary"`
	Why      []string   `json:"why"`  // sentences: how the state came about
	Next     []Foreseen `json:"next"` // what would happen if one more thing were lost
	Hosts    []OwnView  `json:"hosts"`
	NotAsked string     `json:"not_asked,omitempty"` // why the other host's part is missing
	Times    []Implied  `json:"times"`               // worst cases implied by the settings
}

// OwnView is a host's view of itself, predicted by its role machine, so that it can't differ from what the host would
// do.
type OwnView struct {
	Host        string       `json:"host"`
	Role        string       `json:"role"`
	Mode        string       `json:"mode"`
	Conditions  []Condition  `json:"conditions"` // for taking the next epoch
	Predictions []Prediction `json:"outlooks"`
}

// Condition is one condition for taking the next epoch.
type Condition struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Needed  string    `json:"needed"`
	Met     bool      `json:"met"`
	Since   time.Time `json:"since,omitzero"` // when it got this value, as far as this run of main knows
	Verdict string    `json:"verdict"`
}

// Prediction is what a host would do after a loss.
type Prediction struct {
	Loss     string `json:"loss"` // other-dies, other-vanishes, link-lost, witness-lost, this-returns
	Serves   bool   `json:"serves"`
	AfterMS  int64  `json:"after_ms"` // until updates are accepted again: 0 never stopped, -1 it does not serve
	Role     string `json:"role"`
	Mode     string `json:"mode"`
	Waiting  string `json:"waiting,omitempty"`
	Deferred string `json:"held_back,omitempty"`
	Moves    []Move `json:"moves"`
}

// Move is one action of the host, and when after the loss.
type Move struct {
	AfterMS int64  `json:"after_ms"`
	Step    string `json:"step,omitempty"`
	Text    string `json:"text"`
}

// Foreseen is the consequence of a loss for the pair.
type Foreseen struct {
	Loss    string `json:"loss"`  // active, standby, link, witness, both
	Level   string `json:"level"` // good: the service continues; warning: it continues later or without redundancy; bad: nobody serves
	Verdict string `json:"verdict"`
	// DiesMS and VanishesMS are the milliseconds until updates are accepted again, when processes end and when nothing
	// answers any more; -1 is never.
	DiesMS     int64 `json:"dies_ms"`
	VanishesMS int64 `json:"vanishes_ms"`
}

// Implied is a worst-case time that follows from the settings.
type Implied struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
	Rule string `json:"rule"`
}
