package fence

import "sync"

// inflow is the queue of the fence's goroutine. It takes no memory while it is empty: thousands of agents may run in
// one process.
type inflow struct {
	ring chan struct{} // one token: it is not empty

	mu      sync.Mutex
	asked   []asked
	answers []answered
}

func newInflow() *inflow { return &inflow{ring: make(chan struct{}, 1)} }

// ask adds a question; ok is false if too many wait.
func (i *inflow) ask(q asked) (ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.asked) >= atOnce {
		return false
	}
	i.asked = append(i.asked, q)
	i.wake()
	return true
}

// answer adds an answer: there are no more of them than commands that are being taken or confirmed.
func (i *inflow) answer(a answered) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers = append(i.answers, a)
	i.wake()
}

func (i *inflow) wake() {
	select {
	case i.ring <- struct{}{}:
	default:
	}
}

// all takes everything out.
func (i *inflow) all() (list []asked, answers []answered) {
	i.mu.Lock()
	defer i.mu.Unlock()
	list, answers = i.asked, i.answers
	i.asked, i.answers = nil, nil
	return list, answers
}
