package business_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// Person is what the register of people keeps under an id. It is found by its address, which nobody else has, and by its town.
type Person struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Town  string `json:"town"`
}

// Keys of the register. Each index is keys of its own, written in the update that writes what they lead to, so that they never
// differ. A unique one has the id as its value. One that is not has the id at the end of its key, behind a byte that is in
// no town.
func personKey(id string) string     { return "person/" + id }
func emailKey(email string) string   { return "email/" + email }
func townKeys(town string) string    { return "town/" + town + "\x00" }
func closedKey(town string) string   { return "closed/" + town }
func townKey(town, id string) string { return townKeys(town) + id }

// people is a service that finds by anything.
func people() business.Service {
	return business.Service{
		Name:    "people",
		Version: "1.0.0",
		Operations: map[string]business.Operation{
			"save":     {Handler: business.Handle(savePerson)},
			"remove":   {Handler: business.Handle(removePerson)},
			"by-email": {ReadOnly: true, Handler: business.Handle(findByEmail)},
			"by-town":  {ReadOnly: true, Handler: business.Handle(findByTown)},
			"close":    {Handler: business.Handle(closeTown)},
		},
	}
}

// savePerson puts a person and both indexes in one update. The address is free if its key is absent: that it was read makes it a
// condition, so of two who want it one gets 409.
func savePerson(_ context.Context, tx *business.Tx, in Person) (any, error) {
	if in.ID == "" || in.Email == "" || in.Town == "" || strings.Contains(in.Town, "\x00") {
		return nil, business.Malformed("a person has an id, an email and a town")
	}
	found, err := tx.GetMany(personKey(in.ID), emailKey(in.Email), closedKey(in.Town))
	if err != nil {
		return nil, err
	}
	person, owner, closed := found[0], found[1], found[2]
	if owner.Found && string(owner.Value) != in.ID {
		return nil, business.Conflict("%s is %s's", in.Email, owner.Value)
	}
	if closed.Found {
		return nil, business.Conflict("%s is closed", in.Town)
	}
	if err := unindex(tx, person); err != nil {
		return nil, err
	}
	value, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	tx.Put(personKey(in.ID), value)
	tx.Put(emailKey(in.Email), []byte(in.ID))
	tx.Put(townKey(in.Town, in.ID), nil)
	return nil, nil
}

// unindex deletes the index keys that lead to a person as it was.
func unindex(tx *business.Tx, was business.Item) error {
	if !was.Found {
		return nil
	}
	var before Person
	if err := json.Unmarshal(was.Value, &before); err != nil {
		return err
	}
	tx.Delete(emailKey(before.Email))
	tx.Delete(townKey(before.Town, before.ID))
	return nil
}

func removePerson(_ context.Context, tx *business.Tx, in struct {
	ID string `json:"id"`
}) (any, error) {
	person, err := tx.Get(personKey(in.ID))
	if err != nil {
		return nil, err
	}
	if !person.Found {
		return nil, business.NotFound("there is no person %q", in.ID)
	}
	tx.Delete(personKey(in.ID))
	return nil, unindex(tx, person)
}

func findByEmail(_ context.Context, tx *business.Tx, in struct {
	Email string `json:"email"`
}) (any, error) {
	owner, err := tx.Get(emailKey(in.Email))
	if err != nil {
		return nil, err
	}
	if !owner.Found {
		return nil, business.NotFound("nobody has %s", in.Email)
	}
	person, err := tx.Get(personKey(string(owner.Value)))
	return json.RawMessage(person.Value), err
}

// findByTown reads the index and then what it leads to: all of one position, also while others are saved.
func findByTown(_ context.Context, tx *business.Tx, in struct {
	Town string `json:"town"`
}) (any, error) {
	ids, more, err := tx.Scan(townKeys(in.Town), "", 100)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ids))
	for i, item := range ids {
		keys[i] = personKey(strings.TrimPrefix(item.Key, townKeys(in.Town)))
	}
	people, err := tx.GetMany(keys...)
	if err != nil {
		return nil, err
	}
	found := make([]json.RawMessage, len(people))
	for i, person := range people {
		found[i] = person.Value
	}
	return map[string]any{"people": found, "more": more}, nil
}

// closeTown does something because a range is empty. Who moves there meanwhile is noticed: the scan is a condition of the update.
func closeTown(_ context.Context, tx *business.Tx, in struct {
	Town string `json:"town"`
}) (any, error) {
	ids, _, err := tx.Scan(townKeys(in.Town), "", 1)
	if err != nil {
		return nil, err
	}
	if len(ids) > 0 {
		return nil, business.Conflict("people live in %s", in.Town)
	}
	tx.Put(closedKey(in.Town), nil)
	return nil, nil
}

// Indexes that a service keeps itself: one unique, one not.
func Example_findByAnything() {
	test := &example{}
	defer test.end()
	host := businesstest.NewHost(test)
	host.Run(people())
	for _, request := range []struct{ operation, body string }{
		{"save", `{"id":"7","email":"ada@x.org","town":"Riga"}`},
		{"save", `{"id":"8","email":"bob@x.org","town":"Riga"}`},
		{"save", `{"id":"9","email":"ada@x.org","town":"Oslo"}`},
		{"by-email", `{"email":"bob@x.org"}`},
		{"save", `{"id":"7","email":"ada@y.org","town":"Oslo"}`}, // both index keys move
		{"by-email", `{"email":"ada@x.org"}`},
		{"by-town", `{"town":"Riga"}`},
		{"close", `{"town":"Riga"}`},
		{"remove", `{"id":"8"}`},
		{"close", `{"town":"Riga"}`},
		{"save", `{"id":"8","email":"bob@x.org","town":"Riga"}`},
	} {
		reply := host.Call(businesstest.Request("people", request.operation, request.body))
		fmt.Println(request.operation, reply.Code, string(reply.Body)+reply.Message)
	}
	// Output:
	// save 0 {}
	// save 0 {}
	// save 409 ada@x.org is 7's
	// by-email 0 {"id":"8","email":"bob@x.org","town":"Riga"}
	// save 0 {}
	// by-email 404 nobody has ada@x.org
	// by-town 0 {"more":false,"people":[{"id":"8","email":"bob@x.org","town":"Riga"}]}
	// close 409 people live in Riga
	// remove 0 {}
	// close 0 {}
	// save 409 Riga is closed
}

// TestIndexes_LeadWhereTheyShould: while many save, move and remove people and close towns, every answer is of one state; at the end
// each person is found by both indexes, no index leads elsewhere, and nobody lives in a closed town.
func TestIndexes_LeadWhereTheyShould(t *testing.T) {
	const clients, each, towns = 8, 40, 12
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	host := businesstest.NewHost(t)
	host.Run(people())
	caller := host.Caller("people")
	ask := func(operation, format string, v ...any) bus.Reply {
		reply, err := caller.Call(t.Context(), businesstest.Request("people", operation, fmt.Sprintf(format, v...)))
		if err != nil || reply.Code != 0 && reply.Code != bus.CodeConflict && reply.Code != bus.CodeAbsent {
			t.Errorf("%s: %+v %v", operation, reply, err)
		}
		return reply
	}
	inTown := func(town int) (found []Person) {
		reply := ask("by-town", `{"town":"town-%d"}`, town)
		var answer struct{ People []Person }
		if err := json.Unmarshal(reply.Body, &answer); err != nil {
			t.Errorf("%s: %v", reply.Body, err)
		}
		for _, person := range answer.People {
			if person.Town != fmt.Sprint("town-", town) {
				t.Errorf("in town-%d is %+v", town, person)
			}
		}
		return answer.People
	}
	closed := make([]bool, towns)
	var mu sync.Mutex
	var working sync.WaitGroup
	for client := range clients {
		working.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(client)))
			for range each {
				id, town := random.IntN(10), random.IntN(towns)
				switch random.IntN(8) {
				case 0:
					ask("remove", `{"id":"%d"}`, id)
				case 1:
					inTown(town)
				case 2:
					if town > 0 && ask("close", `{"town":"town-%d"}`, town).Code == bus.CodeOK {
						mu.Lock()
						closed[town] = true
						mu.Unlock()
					}
				default:
					ask("save", `{"id":"%d","email":"e%d","town":"town-%d"}`, id, random.IntN(14), town)
				}
			}
		})
	}
	working.Wait()
	people, shut := 0, 0
	for town := range towns {
		there := inTown(town)
		people += len(there)
		if closed[town] {
			shut++
			if len(there) > 0 {
				t.Errorf("%v live in a closed town", there)
			}
		}
		for _, person := range there {
			var found Person
			if reply := ask("by-email", `{"email":%q}`, person.Email); json.Unmarshal(reply.Body, &found) != nil || found != person {
				t.Errorf("by email %s: %+v, want %+v", person.Email, reply, person)
			}
		}
	}
	t.Logf("%d people, %d towns closed, %+v", people, shut, host.Database.Calls())
	if keys := host.Database.Len("people"); keys != 3*people+shut {
		t.Errorf("%d keys for %d people and %d closed towns", keys, people, shut)
	}
}
