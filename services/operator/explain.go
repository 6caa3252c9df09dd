package operator

import "time"

// Explanation is the pair explained by one host, with what the other one said.
type Explanation struct {
	Host     string     `json:"host"` // who was asked
	Time     time.Time  `json:"time"`
	Level    string     `json:"level"`
	Summary  string     `json:"summary"`
	Why      []string   `json:"why"`  // sentences: how it came about
	Next     []Foreseen `json:"next"` // what would happen if one more thing were lost
	Hosts    []OwnView  `json:"hosts"`
	NotAsked string     `json:"not_asked,omitempty"` // why the other host's part is missing
	Times    []Implied  `json:"times"`               // worst cases that the settings imply
}

// OwnView is what a host says of itself: its role machine was asked, so this can't differ from what it would do.
type OwnView struct {
	Host        string       `json:"host"`
	Role        string       `json:"role"`
	Mode        string       `json:"mode"`
	Conditions  []Condition  `json:"conditions"` // before it may take the next epoch
	Predictions []Prediction `json:"outlooks"`
}

// Condition is one thing that must be so.
type Condition struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Needed  string    `json:"needed"`
	Met     bool      `json:"met"`
	Since   time.Time `json:"since,omitzero"` // when it became so, as far as this run of main knows
	Verdict string    `json:"verdict"`
}

// Prediction is what a host would do about a loss.
type Prediction struct {
	Loss     string `json:"loss"` // other-dies, other-vanishes, link-lost, witness-lost, this-returns
	Serves   bool   `json:"serves"`
	AfterMS  int64  `json:"after_ms"` // until updates go on: 0 never stopped, -1 it does not serve
	Role     string `json:"role"`
	Mode     string `json:"mode"`
	Waiting  string `json:"waiting,omitempty"`
	Deferred string `json:"held_back,omitempty"`
	Moves    []Move `json:"moves"`
}

// Move is one thing that the host would do, and when after the loss.
type Move struct {
	AfterMS int64  `json:"after_ms"`
	Step    string `json:"step,omitempty"`
	Text    string `json:"text"`
}

// Foreseen is what would come of a loss.
type Foreseen struct {
	Loss    string `json:"loss"`  // active, standby, link, witness, both
	Level   string `json:"level"` // good: service goes on; warning: it goes on later or without redundancy; bad: nobody serves
	Verdict string `json:"verdict"`
	// Dies and Vanishes: milliseconds until updates go on when processes end, and when nothing answers any more; -1 never.
	DiesMS     int64 `json:"dies_ms"`
	VanishesMS int64 `json:"vanishes_ms"`
}

// Implied is a time that follows from the settings.
type Implied struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
	Rule string `json:"rule"`
}
