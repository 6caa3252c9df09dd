package simulator

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// call is one request of a terminal.
type call struct {
	service, operation string
	body               []byte // JSON
	id                 string // the application's own id; "" for reads, and for writes that can't be repeated safely
}

func (c call) subject() string { return "request." + c.service + "." + c.operation }

func (c call) String() string { return fmt.Sprintf("%s.%s %s", c.service, c.operation, c.body) }

// answer is a definite outcome from the pair.
type answer struct {
	code     int // 0: done
	message  string
	body     []byte
	position position.Position // zero when nothing was written
}

func (a answer) ok() bool { return a.code == 0 }

func (a answer) String() string {
	if a.ok() {
		return fmt.Sprintf("%s at %s", a.body, a.position)
	}
	return fmt.Sprintf("%d %s", a.code, a.message)
}

// decode reads the body of an answer.
func (a answer) decode(into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("answer %q: %w", a.body, err)
	}
	return nil
}

// proved reports whether a check can judge an answer: it is a value, or says that there is none. For a repeated write
// every definite answer counts.
func (c call) proved(a answer) bool {
	return !c.reads() || a.ok() || a.code == bus.CodeAbsent
}

// script decides what one client does and judges every answer. It is pure: it never sends. One call is in flight at a
// time; each next is followed by one of settled and doubtful.
type script interface {
	// next returns the next call.
	next() call
	// settled receives the definite outcome of the last call.
	settled(answer)
	// doubtful says that the outcome of the last call stayed unknown: it may have taken effect, or may do so later.
	doubtful()
	// checks are the reads that prove, after the run, that everything is there. Each is asked once, in any order.
	checks() []check
}

// check is one read after the run, with its judge.
type check struct {
	call  call
	judge func(answer)
}

// ids makes request ids: the time of issue, and a unique name.
type ids struct {
	run    string
	client int
	last   uint64
	now    func() time.Time
}

func (i *ids) next() string {
	i.last++
	return fmt.Sprintf("%s/%s-%d-%d", i.now().UTC().Format(time.RFC3339), i.run, i.client, i.last)
}

// encode encodes a call; the scripts' own types always encode.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("simulator: body of a call: " + err.Error())
	}
	return text
}
