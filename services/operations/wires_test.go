package operations

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/wires"
)

func TestDoctor_ExaminesTheWires(t *testing.T) {
	now := time.Now()
	pair := identitytest.NewPair(t, "p")
	paths := pair.Write(t.TempDir(), identity.Host("p", "a"))
	own := identity.NewFiles(paths, nil, nil)
	if err := own.Load(); err != nil {
		t.Fatal(err)
	}
	fresh := wires.Seen{TLS: true, Certificate: own.State()}
	with := func(change func(*wires.Seen)) wires.Seen { s := fresh; change(&s); return s }
	for what, c := range map[string]struct {
		wires  wires.Seen
		damage func() error
		check  string // whose level is not good; "": all is well
		says   string
	}{
		"on one machine": {wires: wires.Seen{}},
		"insecure":       {wires: wires.Seen{Insecure: true}, check: "wires", says: "HOTPAIR_INSECURE is set"},
		"moving":         {wires: with(func(s *wires.Seen) { s.Optional = true }), check: "wires", says: "HOTPAIR_TLS_OPTIONAL"},
		"all well":       {wires: fresh},
		"due":            {wires: with(func(s *wires.Seen) { s.Certificate.Age = identity.Due }), check: "certificate", says: "until 20"},
		"over":           {wires: with(func(s *wires.Seen) { s.Certificate.Age = identity.Over }), check: "certificate", says: "until 20"},
		"no copy":        {wires: with(func(s *wires.Seen) { s.Certificate.Unkept = "read-only file system" }), check: "certificate copy", says: "read-only"},
		"a root ends": {wires: with(func(s *wires.Seen) {
			s.Certificate.Roots = []identity.Root{{Name: "CN=old", NotAfter: now.AddDate(0, 1, 0)}}
		}), check: "root", says: "CN=old ends on"},
		"a peer's is over": {wires: with(func(s *wires.Seen) { s.Peers = []wires.OtherEnd{{Name: "spiffe://p/witness", Age: identity.Over}} }), check: "peers", says: "spiffe://p/witness until"},
		"a clock in doubt": {wires: with(func(s *wires.Seen) { s.Doubt = "it jumped by 1h" }), check: "clock", says: "it jumped by 1h"},
		"refused long ago": {wires: with(func(s *wires.Seen) {
			s.Doors = []door.Stats{{Door: "link", Refused: map[string]uint64{"x": 1}, Last: []door.Refusal{{At: now.Add(-2 * time.Hour)}}}}
		})},
		"refused just now": {wires: with(func(s *wires.Seen) {
			s.Doors = []door.Stats{{Door: "link", Refused: map[string]uint64{"identity-pair": 3, "door-crowded": 1}, Last: []door.Refusal{{At: now, From: "10.0.0.9", Sentence: "of another pair"}}}}
		}), check: "link", says: "refused: door-crowded 1, identity-pair 3; last from 10.0.0.9"},
		"others read the key": {wires: fresh, damage: func() error { return os.Chmod(paths.Key, 0o644) }, check: "certificate files", says: "chmod 600 " + paths.Key},
		"the key is gone":     {wires: fresh, damage: func() error { return os.Remove(paths.Key) }, check: "certificate files", says: "HOTPAIR_TLS_KEY"},
	} {
		t.Run(what, func(t *testing.T) {
			if c.damage != nil {
				content, err := os.ReadFile(paths.Key)
				if err == nil {
					err = c.damage()
				}
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					_ = os.Remove(paths.Key)
					if err := os.WriteFile(paths.Key, content, 0o600); err != nil {
						t.Fatal(err)
					}
				}()
			}
			o := &Operations{Config: Config{Host: config.Host{TLS: config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}}}}
			f := &findings{host: "a"}
			o.examineWires(f, c.wires, now)
			var wrong []operator.Finding
			for _, x := range f.list {
				if x.Level != operator.Good.String() {
					wrong = append(wrong, x)
				}
			}
			if c.check == "" {
				if len(wrong) > 0 {
					t.Errorf("%+v", wrong)
				}
				return
			}
			if len(wrong) != 1 || wrong[0].Check != c.check || !strings.Contains(wrong[0].Value, c.says) || wrong[0].Remedy == "" {
				t.Errorf("%+v, want %s: %q", wrong, c.check, c.says)
			}
		})
	}
}
