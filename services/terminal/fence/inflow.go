package fence

import "sync"

// inflow is what waits for the fence's goroutine. It takes no room while nothing does: thousands of agents may run in one process.
type inflow struct {
	ring chan struct{} // one token: there is something

	mu      sync.Mutex
	asked   []asked
	answers []answered
}

func newInflow() *inflow { return &inflow{ring: make(chan struct{}, 1)} }

// ask puts a question in; ok is false when too many wait.
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

// answer puts an answer in: there are no more of them than commands that are being taken, or told of.
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
