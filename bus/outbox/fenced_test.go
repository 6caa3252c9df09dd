package outbox

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/commands"
)

func TestNotices_AFenceHasATimeAndNamedTerminals(t *testing.T) {
	for what, c := range map[string]struct {
		n    Notice
		says string
	}{
		"no fence":          {Notice{All: true}, ""},
		"fenced":            {Notice{To: []string{"t1"}, Fenced: true, Within: time.Second}, ""},
		"the longest":       {Notice{To: []string{"t1"}, Fenced: true, Within: commands.MaxWithin}, ""},
		"no time":           {Notice{To: []string{"t1"}, Fenced: true}, "it must be"},
		"negative":          {Notice{To: []string{"t1"}, Fenced: true, Within: -time.Second}, "it must be"},
		"too long":          {Notice{To: []string{"t1"}, Fenced: true, Within: commands.MaxWithin + 1}, "it must be"},
		"for all":           {Notice{All: true, Fenced: true, Within: time.Second}, "name the terminals"},
		"a time of nothing": {Notice{To: []string{"t1"}, Within: time.Second}, "is not fenced"},
	} {
		c.n.Topic = "open"
		err := (&Changes{Notices: []Notice{c.n}}).Validate(func(string) bool { return true })
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
