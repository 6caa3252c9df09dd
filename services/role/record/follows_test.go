package record

import (
	"errors"
	"math"
	"testing"
	"time"
)

// What no host writes, and what each of them does, of a record and of none.
func TestRecord_Follows(t *testing.T) {
	a, b := Member{Host: "a", Identity: "1"}, Member{Host: "b", Identity: "2"}
	was := Record{PairID: "p", WitnessID: "w", Version: 40, Epoch: 7, Active: a, InSync: []Member{a, b}, LongestLease: time.Second}
	none := Record{}
	for name, c := range map[string]struct {
		was  Record
		next func(*Record)
		ok   bool
	}{
		"the first record":               {none, func(r *Record) { r.Version, r.Epoch = 1, 0 }, true},
		"a change":                       {was, func(r *Record) {}, true},
		"a takeover":                     {was, func(r *Record) { r.Epoch, r.Active, r.InSync = 8, b, []Member{b} }, true},
		"filled again after it was lost": {none, func(r *Record) { r.Version, r.Epoch = 2_000_041, 1_000_007 }, true},
		"written back":                   {was, func(r *Record) { r.Version = 60 }, true},
		"the same version":               {was, func(r *Record) { r.Version = 40 }, false},
		"an older version":               {was, func(r *Record) { r.Version = 39 }, false},
		"the last version there is":      {was, func(r *Record) { r.Version = math.MaxUint64 }, false},
		"the last version, from none":    {none, func(r *Record) { r.Version = math.MaxUint64 }, false},
		"an older epoch":                 {was, func(r *Record) { r.Epoch = 6 }, false},
		"the last epoch there is":        {was, func(r *Record) { r.Epoch = math.MaxUint64 }, false},
		"another pair":                   {was, func(r *Record) { r.PairID = "q" }, false},
		"a set of a later version":       {was, func(r *Record) { r.SetVersion = 99 }, false},
		"a forced epoch to come":         {was, func(r *Record) { r.Forced = 8 }, false},
		"three hosts":                    {was, func(r *Record) { r.InSync = []Member{a, b, {Host: "c"}} }, false},
		"a lease of a century":           {was, func(r *Record) { r.LongestLease = 100 * 365 * 24 * time.Hour }, false},
		"a negative lease":               {was, func(r *Record) { r.LongestLease = -1 }, false},
		"a pause of a year":              {was, func(r *Record) { r.Pause.For = 365 * 24 * time.Hour }, false},
	} {
		next := was
		next.Version = was.Version + 1
		c.next(&next)
		if err := next.Follows(c.was); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrImpossible) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
