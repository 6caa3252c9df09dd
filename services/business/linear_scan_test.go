package business_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// A room has members, each a key. Operations decide on all of the keys, or on none.
type (
	roomIn struct {
		operation, room string
		member          int
	}
	roomOut struct {
		code int
		saw  string
	}
)

// rooms are the operations on members; each answers with whom it found there.
func rooms() business.Service {
	decide := func(do func(tx *business.Tx, prefix, key string, there []business.Item) error) business.Handler {
		return business.Handle(func(_ context.Context, tx *business.Tx, in in) (any, error) {
			var there []business.Item
			after := ""
			for more := true; more; { // several pages, so that they must belong together
				var page []business.Item
				var err error
				if page, more, err = tx.Scan(in.Under, after, 2); err != nil {
					return nil, err
				}
				if there = append(there, page...); more {
					after = page[len(page)-1].Key
				}
			}
			if err := do(tx, in.Under, in.Under+in.Key, there); err != nil {
				return nil, err
			}
			return found(there), nil
		})
	}
	return bench(map[string]business.Operation{
		"join": putKey, // asks nobody
		"list": {ReadOnly: true, Handler: decide(func(*business.Tx, string, string, []business.Item) error { return nil })},
		"enter": {Handler: decide(func(tx *business.Tx, _, key string, there []business.Item) error {
			if len(there) > 0 {
				return business.Conflict("%s", found(there))
			}
			tx.Put(key, nil)
			return nil
		})},
		"clear": {Handler: decide(func(tx *business.Tx, _, _ string, there []business.Item) error {
			for _, item := range there {
				tx.Delete(item.Key)
			}
			return nil
		})},
	})
}

// roomModel is who is in a room, in order, as a scan finds them.
var roomModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byRoom := map[string][]porcupine.Operation{}
		for _, op := range history {
			byRoom[op.Input.(roomIn).room] = append(byRoom[op.Input.(roomIn).room], op)
		}
		for _, part := range byRoom {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, in, out any) (bool, any) {
		there, i, o := state.(string), in.(roomIn), out.(roomOut)
		key := fmt.Sprint(i.room, i.member)
		switch i.operation {
		case "join":
			keys := append(strings.Fields(there), key)
			slices.Sort(keys)
			return o.code == 0, strings.Join(slices.Compact(keys), " ")
		case "list":
			return o == roomOut{0, there}, there
		case "clear":
			return o == roomOut{0, there}, ""
		default: // enter
			if there != "" {
				return o == roomOut{bus.CodeConflict, there}, there
			}
			return o == roomOut{}, key
		}
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}

// TestScan_IsLinearizableThroughRestartsOfTheUpdater: clients enter rooms that they find empty, join without looking, list and clear
// them, while the updater goes and comes back. What they were answered must be what one after the other would be.
func TestScan_IsLinearizableThroughRestartsOfTheUpdater(t *testing.T) {
	const clients, requests, count = 8, 50, 3
	history := throughRestarts(t, rooms(), clients, func(host *businesstest.Host, client int, r *rand.Rand, do doing) {
		for n := range requests {
			in := roomIn{[]string{"join", "list", "clear", "enter", "enter"}[r.IntN(5)], fmt.Sprintf("room-%d/", r.IntN(count)), client}
			q := businesstest.Numbered(uint64(n+1), "bench", in.operation, fmt.Sprintf(`{"Under":%q,"Key":"%d"}`, in.room, client))
			if in.operation == "join" {
				q.Body = fmt.Appendf(nil, `{"Key":"%s%d"}`, in.room, client)
			}
			q.ID.Terminal = fmt.Sprint("t", client)
			do(in, func() bus.Reply { return host.Call(q) }, func(reply bus.Reply) any {
				out := roomOut{code: reply.Code, saw: reply.Message}
				if reply.Code == 0 && in.operation != "join" {
					if err := json.Unmarshal(reply.Body, &out.saw); err != nil {
						t.Errorf("%s: %v", reply.Body, err)
					}
				}
				return out
			})
		}
	})
	linearizable(t, roomModel, history)
}
