package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/storage/position"
)

// lookAgain is how often a client asks for the outcome of a queued request, in addition to notices.
const lookAgain = time.Second

// queued are the requests of a client that its terminal keeps until they are done.
type queued struct {
	lane string

	mu    sync.Mutex
	waits map[string]chan struct{} // by id in the queue; closed when the outcome was told
}

// queues makes a client queue its writes, in its own lane.
func (c *client) queues(lane string) error {
	c.queued = &queued{lane: lane, waits: map[string]chan struct{}{}}
	_, err := c.conn.Subscribe(notice.AppSubject(notice.System, bus.TopicResult), func(m *nats.Msg) {
		var told struct{ ID string }
		if json.Unmarshal(m.Data, &told) == nil {
			c.queued.told(told.ID)
		}
	})
	return err
}

func (q *queued) told(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if told := q.waits[id]; told != nil {
		close(told)
		delete(q.waits, id)
	}
}

// wait returns a channel that is closed when the outcome of a request arrives.
func (q *queued) wait(id string) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	told := make(chan struct{})
	q.waits[id] = told
	return told
}

// enqueue queues a request, once under its id, and waits for its outcome.
func (c *client) enqueue(ctx context.Context, request call) (answer, error) {
	m := nats.NewMsg(request.subject())
	m.Data = request.body
	m.Header.Set(bus.HeaderQueue, "yes")
	m.Header.Set(bus.HeaderQueueKey, request.id)
	m.Header.Set(bus.HeaderLane, c.queued.lane)
	reply, err := c.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return answer{}, err
	}
	a, err := read(reply)
	if err != nil || !a.ok() {
		return a, err
	}
	var kept struct{ ID string }
	if err := a.decode(&kept); err != nil {
		return answer{}, err
	}
	told := c.queued.wait(kept.ID)
	defer c.queued.told(kept.ID)
	for {
		a, done, err := c.came(ctx, request, kept.ID)
		if err != nil || done {
			return a, err
		}
		select {
		case <-told:
			told = nil
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
	}
}

// came asks for the outcome of a request under its id in the queue; done: it is over. The error is errUnsettled if it
// is unknown.
func (c *client) came(ctx context.Context, request call, id string) (a answer, done bool, err error) {
	reply, err := c.conn.RequestWithContext(ctx, bus.SubjectQueueGet, fmt.Appendf(nil, `{"id":%q}`, id))
	if err != nil {
		return answer{}, false, err
	}
	a, err = read(reply)
	if a.code == bus.CodeAbsent { // its outcome is not kept any more
		return answer{}, false, fmt.Errorf("%w: %s", errUnsettled, request)
	}
	if err != nil || !a.ok() {
		return a, true, err
	}
	var told queue.Told
	if err := a.decode(&told); err != nil {
		return answer{}, false, err
	}
	switch told.State {
	case queue.Waiting.String():
		return answer{}, false, nil
	case queue.Unsure.String():
		return answer{}, false, fmt.Errorf("%w: %s", errUnsettled, request)
	}
	a = answer{code: told.Code, message: told.Error, body: told.Body}
	if told.Position != "" {
		a.position, err = position.Parse(told.Position)
	}
	return a, true, err
}
