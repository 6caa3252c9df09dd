package business_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
)

// input and output are one operation of kv on one key, as the checker sees it.
type input struct {
	operation string
	key       string
	value     int
	revision  uint64
}

type output struct {
	code     int
	value    int
	revision uint64
}

type register struct {
	value    int
	revision uint64 // 0: absent
}

// model is a key of kv: what each operation may answer in each state, and what it leaves.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(input).key
			byKey[key] = append(byKey[key], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return register{} },
	Step: func(state, in, out any) (bool, any) {
		r, i, o := state.(register), in.(input), out.(output)
		// A revision is never used twice, and grows.
		written := o.code == 0 && o.revision > r.revision
		switch i.operation {
		case "get":
			if r.revision == 0 {
				return o.code == 404, r
			}
			return o == output{0, r.value, r.revision}, r
		case "put":
			return written, register{i.value, o.revision}
		case "cas":
			if i.revision != r.revision {
				return o.code == 409, r
			}
			return written, register{i.value, o.revision}
		default: // delete
			if r.revision == 0 {
				return o.code == 404, r
			}
			return written, register{}
		}
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}

// TestKV_IsLinearizableThroughRestartsOfTheUpdater: clients put, get, cas and delete few keys, and send some requests
// twice at the same time, as an agent does after an attach; all the while the updater goes and comes back, and answers
// are lost. The history that the clients saw must be that of one copy that did each request once.
func TestKV_IsLinearizableThroughRestartsOfTheUpdater(t *testing.T) {
	const clients, requests, keys = 8, 60, 3
	history := throughRestarts(t, kv.Service(), clients, func(host *businesstest.Host, client int, r *rand.Rand, do doing) {
		known := map[string]uint64{} // last revision seen
		for n := range requests {
			in := input{
				operation: []string{"get", "put", "cas", "cas", "delete"}[r.IntN(5)],
				key:       fmt.Sprint(r.IntN(keys)), value: client*requests + n,
			}
			in.revision = known[in.key]
			q := businesstest.Numbered(uint64(n+1), kv.Name, in.operation, body(in))
			q.ID.Terminal = fmt.Sprint("t", client)
			twice := r.IntN(4) == 0
			do(in, func() bus.Reply { return callPerhapsTwice(host, q, twice) }, func(reply bus.Reply) any {
				out := output{code: reply.Code}
				if reply.Code == 0 {
					var got struct {
						Value    int
						Revision uint64
					}
					if err := json.Unmarshal(reply.Body, &got); err != nil {
						t.Errorf("%s: %v", reply.Body, err)
					}
					out.value, out.revision = got.Value, got.Revision
					known[in.key] = got.Revision
					if in.operation == "delete" {
						known[in.key] = 0
					}
				}
				return out
			})
		}
	})
	codes := map[int]int{}
	for _, op := range history {
		codes[op.Output.(output).code]++
	}
	t.Logf("answers by code %v", codes)
	linearizable(t, model, history)
}

// doing makes one call of a client, and notes what came of it.
type doing func(in any, call func() bus.Reply, read func(bus.Reply) any)

// throughRestarts has clients of a service work, each with chance of its own, while the updater goes and comes back, and gives what they did.
func throughRestarts(t *testing.T, service business.Service, clients int,
	work func(host *businesstest.Host, client int, r *rand.Rand, do doing)) (history []porcupine.Operation) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	host := businesstest.NewHost(t)
	host.Run(service)
	host.Caller(service.Name)
	begin := time.Now()
	var mu sync.Mutex
	var working sync.WaitGroup
	for client := range clients {
		working.Go(func() {
			work(host, client, rand.New(rand.NewPCG(seed, uint64(client))), func(in any, call func() bus.Reply, read func(bus.Reply) any) {
				called := time.Since(begin)
				reply := call()
				ended := time.Since(begin)
				out := read(reply)
				mu.Lock()
				defer mu.Unlock()
				history = append(history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(called), Return: int64(ended)})
			})
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	restarts := 0
	for going := true; going; restarts++ {
		host.UpdaterDown()
		host.UpdaterUp()
		select {
		case <-done:
			going = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	t.Logf("%d restarts, %+v", restarts, host.Database.Calls())
	return history
}

// linearizable fails the test unless a history is that of one copy that did each request once.
func linearizable(t *testing.T, model porcupine.Model, history []porcupine.Operation) {
	t.Helper()
	if result := porcupine.CheckOperationsTimeout(model, history, 30*time.Second); result != porcupine.Ok {
		t.Errorf("the history of %d requests is not linearizable: %v", len(history), result)
	}
}

func body(in input) string {
	switch in.operation {
	case "put":
		return fmt.Sprintf(`{"key":%q,"value":%d}`, in.key, in.value)
	case "cas":
		return fmt.Sprintf(`{"key":%q,"value":%d,"revision":%d}`, in.key, in.value, in.revision)
	}
	return fmt.Sprintf(`{"key":%q}`, in.key)
}

// callPerhapsTwice sends a request, and if twice, at once also its second attempt. As at a terminal only the answer to
// the second one counts then, since the session of the first is gone.
func callPerhapsTwice(host *businesstest.Host, q bus.Request, twice bool) bus.Reply {
	if !twice {
		return host.Call(q)
	}
	first := make(chan struct{})
	host.Caller(kv.Name).Go(q, func(bus.Reply, error) { close(first) })
	reply := host.Call(again(q, 2))
	<-first
	return reply
}
