package load

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// longestReserved bounds a reservation, in seconds: short, so that many end while faults come.
	longestReserved = 3
	// restsBetween is how many thinking pauses a client of the hall makes between two reservations.
	restsBetween = 10
)

// hallService sells the seats.
const hallService = "tickets"

// reservation is a seat that was reserved once, with the expected effect of its timer.
type reservation struct {
	seat string
	made time.Time
	ends int // how often it expires: 1, or 0 if it was given back before
	// given: it was given back before; sold: it was sold, perhaps after its reservation had expired.
	given, sold bool
	released    int // how often it has expired, as read back
}

// driveHall reserves seats for a moment, each once, gives some back and sells some.
func (w *Load) driveHall(c *client, random *rand.Rand) {
	for n := 0; w.working.Load(); n++ {
		seat := fmt.Sprintf("%s-%d", c.name, n)
		body := map[string]any{"seat": seat, "customer": c.name}
		if w.hallAsks(c, "reserve", map[string]any{"seat": seat, "customer": c.name, "seconds": 1 + random.IntN(longestReserved)}) != bus.CodeOK {
			continue
		}
		r := reservation{seat: seat, made: time.Now(), ends: 1}
		what := random.IntN(3)
		for range restsBetween {
			w.think(random)
		}
		switch what {
		case 0:
			switch w.hallAsks(c, "give", body) {
			case bus.CodeOK:
				r.ends, r.given = 0, true
			case bus.CodeConflict: // it has ended already
			default:
				continue // unknown
			}
		case 1:
			if w.hallAsks(c, "sell", body) != bus.CodeOK {
				continue
			}
			r.sold = true
		}
		w.mu.Lock()
		w.reservations = append(w.reservations, r)
		w.mu.Unlock()
	}
}

// hallAsks asks for a change of a seat until its outcome is known, and returns the code: -1 if it stays unknown.
func (w *Load) hallAsks(c *client, operation string, body any) int {
	r := request{service: hallService, operation: operation, body: body, id: c.newID()}
	a := c.do(w.settling, r)
	w.settled(r, a)
	switch {
	case a.outcome != definite:
		return -1
	case a.code != bus.CodeOK && (operation != "give" || a.code != bus.CodeConflict):
		w.wrong("%s %v: %d %s", operation, body, a.code, a.message)
		return -1
	}
	return a.code
}

// readHall reads every seat until its reservation has ended as expected: expired once, or not at all.
func (w *Load) readHall(ctx context.Context, c *client) int {
	for i := range w.reservations {
		r := &w.reservations[i]
		for {
			a := c.do(ctx, request{service: hallService, operation: "look", body: map[string]any{"seat": r.seat}, reads: true})
			var s struct {
				State    string `json:"state"`
				Released int    `json:"released"`
			}
			if a.outcome != definite || a.code != bus.CodeOK || json.Unmarshal(a.body, &s) != nil {
				w.wrong("seat %s can't be read back: %d %s", r.seat, a.code, a.message)
				return len(w.reservations)
			}
			if s.Released > r.ends {
				w.findings.Doubled = append(w.findings.Doubled, fmt.Sprintf("the reservation of seat %s expired %d times instead of %d", r.seat, s.Released, r.ends))
				break
			}
			if r.released = s.Released; r.sold && s.State == "sold" || !r.sold && s.State == "free" && s.Released == r.ends {
				break
			}
			select {
			case <-time.After(again):
				continue
			case <-ctx.Done():
			}
			w.findings.Lost = append(w.findings.Lost, fmt.Sprintf("the reservation of seat %s, made at %s, did not expire: it is %s, released %d times",
				r.seat, r.made.UTC().Format(time.RFC3339Nano), s.State, s.Released))
			return len(w.reservations)
		}
	}
	return len(w.reservations)
}
