package bus

// Answer is the agent's, which applications know.
type Answer struct {
	Error string `json:"error,omitempty"`
}
