package rights

import (
	"slices"
	"testing"
)

// What a system's list of access says is judged alike on all: who beside the owner could come to what a file holds.
func TestOthers_AreWhoCouldComeToASecret(t *testing.T) {
	const self, owner, somebody = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-1002"
	const users, everyone = "S-1-5-32-545", "S-1-1-0"
	of := func(sid string, mask uint32) entry {
		return entry{sid: sid, known: true, allow: true, mask: mask, here: true}
	}
	for name, c := range map[string]struct {
		list []entry
		want []string
	}{
		"nobody at all":         {nil, nil},
		"who can't be kept out": {[]entry{of(sidSystem, genericAll), of(sidAdministrators, 0x1f01ff), of(owner, 0x1f01ff), of(self, fileRead), of(sidOwnerRights, fileRead)}, nil},
		"users may read":        {[]entry{of(sidSystem, 0x1f01ff), of(users, 0x1200a9)}, []string{users}},
		"everybody may write":   {[]entry{of(everyone, fileWrite)}, []string{everyone}},
		"may append":            {[]entry{of(somebody, fileAppend)}, []string{somebody}},
		"may change the list":   {[]entry{of(somebody, changeList)}, []string{somebody}},
		"may take it over":      {[]entry{of(somebody, changeOwner)}, []string{somebody}},
		"any right":             {[]entry{of(somebody, anything)}, []string{somebody}},
		"generic reading":       {[]entry{of(somebody, genericRead)}, []string{somebody}},
		"generic writing":       {[]entry{of(somebody, genericWrite)}, []string{somebody}},
		"sees its size only":    {[]entry{of(users, 0x80)}, nil},
		"handed down only":      {[]entry{{sid: users, known: true, allow: true, mask: fileRead}}, nil},
		"denied":                {[]entry{{sid: users, known: true, mask: fileRead, here: true}}, nil},
		"a service of its own":  {[]entry{of("S-1-5-80-1-2-3-4-5", 0x1f01ff)}, nil},
		"all services":          {[]entry{of(sidAllServices, fileRead)}, []string{sidAllServices}},
		"what can't be read":    {[]entry{{here: true}}, []string{"an unreadable entry"}},
	} {
		if got := others(c.list, owner, self); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
