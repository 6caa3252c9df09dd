// Package tickets is the business process that sells seats: an example of what a service can do.
//
//	reserve {seat, customer, seconds} → {seat, state, customer, until}   for 600 seconds by default; again for longer
//	sell    {seat, customer}          → {seat, state, customer}          a seat that is free, or reserved for the customer
//	give    {seat, customer}          → {seat, state}                    ends a reservation early
//	look    {seat}                    → {seat, state, customer, until, released}
//	find    {customer, after}         → {seats, more}                    of the customer, in the order of their names
//	account {target}                  → {target}                         sets the target for accounting; "" for none
//
// A reservation expires automatically: it sets a timer, whose run frees the seat. Selling and giving back remove the
// timer, in the update that changes the seat, so no seat that is sold is ever freed.
//
// Boards at all terminals get a notice for each seat that is sold or free again: on the topics sold and released, each
// a Seat, in the update of the seat.
//
// Once account has named a target of the pair, each seat that is sold or free again is emitted to it, as an Entry, in
// the update of the seat. Entries of one seat arrive in order, each seat being a lane of its own.
//
// Seats are found by customer over separate keys, which are written in the same update as the seat, so find agrees with
// look. No seat is sold twice, because an update whose handler has read a seat takes effect only while the seat is
// unchanged.
package tickets

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/business"
)

// Name of the service.
const Name = "tickets"

const (
	// MaxName bounds the names of seats and customers, in bytes.
	MaxName = 64
	// reserved is for how long a seat is if the request does not say, longest the most it may say.
	reserved = 10 * time.Minute
	longest  = 24 * time.Hour
	// found bounds the seats of one answer.
	found = 200
)

// Keys: the seat, and the customer's seats.
const (
	seats = "seat/"
	owned = "of/"
	told  = "accounting" // the target
)

// Topics of the notices to boards.
const (
	TopicSold     = "sold"
	TopicReleased = "released"
)

// States of a seat. One that nobody ever asked for is free too.
const (
	Free     = "free"
	Reserved = "reserved"
	Sold     = "sold"
)

// Seat is the state of a seat.
type Seat struct {
	Seat     string     `json:"seat"`
	State    string     `json:"state"`
	Customer string     `json:"customer,omitempty"`
	Until    *time.Time `json:"until,omitempty"` // reserved
	// Released is how often a reservation has expired.
	Released int `json:"released,omitempty"`
}

// Request is the request of most operations.
type Request struct {
	Seat     string `json:"seat"`
	Customer string `json:"customer"`
}

// Reserve asks for a reservation.
type Reserve struct {
	Request
	Seconds int `json:"seconds"`
}

// Find asks which seats a customer has.
type Find struct {
	Customer string `json:"customer"`
	After    string `json:"after"` // the last seat already known
}

// Found is the answer to Find.
type Found struct {
	Seats []string `json:"seats"`
	More  bool     `json:"more"`
}

// Account sets the target for accounting.
type Account struct {
	Target string `json:"target"`
}

// Entry is an emission to accounting. The first one, without a seat, says that it begins.
type Entry struct {
	Event    string `json:"event"` // begun, sold, free
	Seat     string `json:"seat,omitempty"`
	Customer string `json:"customer,omitempty"`
}

// Service returns the service for business.Run.
func Service() business.Service {
	return business.Service{
		Name:        Name,
		Version:     "1.0.0",
		Description: "sells and reserves seats",
		Operations: map[string]business.Operation{
			"reserve": {Handler: business.Handle(reserve)},
			"sell":    {Handler: business.Handle(sell)},
			"give":    {Handler: business.Handle(give)},
			"release": {Handler: business.Handle(release)},
			"look":    {Handler: business.Handle(look), ReadOnly: true},
			"find":    {Handler: business.Handle(find), ReadOnly: true},
			"account": {Handler: business.Handle(account)},
		},
	}
}

func reserve(_ context.Context, tx *business.Tx, q Reserve) (any, error) {
	if q.Seconds < 0 || q.Seconds > int(longest.Seconds()) {
		return nil, business.Malformed("field \"seconds\" must be 1 to %d", int(longest.Seconds()))
	}
	d := time.Duration(q.Seconds) * time.Second
	if q.Seconds == 0 {
		d = reserved
	}
	s, err := forCustomer(tx, q.Request)
	switch {
	case err != nil:
		return nil, err
	case s.State == Sold:
		return nil, business.Conflict("seat %s is sold", s.Seat)
	}
	until := time.Now().Add(d).UTC().Truncate(time.Second)
	tx.After(q.Seat, d, business.Timer{Operation: "release", Body: Request{Seat: q.Seat}})
	return keep(tx, s, Reserved, q.Customer, &until)
}

func sell(_ context.Context, tx *business.Tx, q Request) (any, error) {
	s, err := forCustomer(tx, q)
	switch {
	case err != nil:
		return nil, err
	case s.State == Sold:
		return nil, business.Conflict("seat %s is sold", s.Seat)
	}
	tx.Cancel(q.Seat)
	tx.Notify(business.AllTerminals(), TopicSold, Seat{Seat: s.Seat, State: Sold})
	if err := tell(tx, Entry{"sold", q.Seat, q.Customer}); err != nil {
		return nil, err
	}
	return keep(tx, s, Sold, q.Customer, nil)
}

func give(_ context.Context, tx *business.Tx, q Request) (any, error) {
	s, err := forCustomer(tx, q)
	switch {
	case err != nil:
		return nil, err
	case s.State != Reserved:
		return nil, business.Conflict("seat %s is %s, not reserved", s.Seat, s.State)
	}
	tx.Cancel(q.Seat)
	if err := tell(tx, Entry{"free", q.Seat, s.Customer}); err != nil {
		return nil, err
	}
	return keep(tx, s, Free, "", nil)
}

// release is the run of a reservation's timer.
func release(_ context.Context, tx *business.Tx, q Request) (any, error) {
	if _, timer := tx.Due(); !timer {
		return nil, business.Malformed("a reservation expires automatically; to end it earlier use give")
	}
	s, err := read(tx, q.Seat)
	if err != nil {
		return nil, err
	}
	if s.State != Reserved {
		return s, nil // this run was begun twice, and has been done: its commit finds that out
	}
	s.Released++
	tx.Notify(business.AllTerminals(), TopicReleased, Seat{Seat: s.Seat, State: Free, Released: s.Released})
	if err := tell(tx, Entry{"free", q.Seat, s.Customer}); err != nil {
		return nil, err
	}
	return keep(tx, s, Free, "", nil)
}

func look(_ context.Context, tx *business.Tx, q Request) (any, error) { return read(tx, q.Seat) }

func find(_ context.Context, tx *business.Tx, q Find) (any, error) {
	if err := checkName("customer", q.Customer); err != nil {
		return nil, err
	}
	prefix, after := owned+q.Customer+"/", ""
	if q.After != "" {
		after = prefix + q.After
	}
	items, more, err := tx.Scan(prefix, after, found)
	if err != nil {
		return nil, err
	}
	answer := Found{Seats: []string{}, More: more}
	for _, it := range items {
		answer.Seats = append(answer.Seats, strings.TrimPrefix(it.Key, prefix))
	}
	return answer, nil
}

// account has accounting told at a target. One that does not exist is refused with the first entry, and nothing is changed then.
func account(_ context.Context, tx *business.Tx, q Account) (any, error) {
	if q.Target == "" {
		tx.Delete(told)
		return q, nil
	}
	if !bus.ValidName(q.Target) {
		return nil, business.Malformed("field \"target\" must be the name of a target: hotpair targets list shows them")
	}
	tx.Put(told, []byte(q.Target))
	return q, tell(tx, Entry{Event: "begun"})
}

// tell emits an entry, if a target is set.
func tell(tx *business.Tx, e Entry) error {
	to, err := tx.Get(told)
	if err == nil && to.Found {
		tx.Emit(string(to.Value), lane(e.Seat), e)
	}
	return err
}

// lane is that of a seat, whose name can have what no lane may have in its.
func lane(seat string) string {
	if outbox.ValidLane(seat) {
		return seat
	}
	return "~" + base64.RawURLEncoding.EncodeToString([]byte(seat))
}

// forCustomer reads a seat that a customer wants to have: it is free, or the customer's.
func forCustomer(tx *business.Tx, q Request) (Seat, error) {
	if err := checkName("customer", q.Customer); err != nil {
		return Seat{}, err
	}
	s, err := read(tx, q.Seat)
	if err == nil && s.State != Free && s.Customer != q.Customer {
		return s, business.Conflict("seat %s is %s", s.Seat, s.State)
	}
	return s, err
}

func read(tx *business.Tx, seat string) (Seat, error) {
	if err := checkName("seat", seat); err != nil {
		return Seat{}, err
	}
	items, err := tx.GetMany(seats+seat, told) // the target is read in the same round trip
	if err != nil || !items[0].Found {
		return Seat{Seat: seat, State: Free}, err
	}
	var s Seat
	if err := json.Unmarshal(items[0].Value, &s); err != nil {
		return Seat{}, fmt.Errorf("seat %s: %w", seat, err)
	}
	return s, nil
}

// keep writes a seat and its customer's key.
func keep(tx *business.Tx, s Seat, state, customer string, until *time.Time) (any, error) {
	if s.Customer != "" && s.Customer != customer {
		tx.Delete(owned + s.Customer + "/" + s.Seat)
	}
	if customer != "" {
		tx.Put(owned+customer+"/"+s.Seat, nil)
	}
	s.State, s.Customer, s.Until = state, customer, until
	value, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	tx.Put(seats+s.Seat, value)
	return s, nil
}

// checkName refuses what can't be part of a key.
func checkName(field, name string) error {
	if name == "" || len(name) > MaxName || strings.ContainsAny(name, "/\x00") {
		return business.Malformed("field %q must be a name of 1 to %d bytes without a slash", field, MaxName)
	}
	return nil
}
