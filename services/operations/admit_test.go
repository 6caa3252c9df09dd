package operations

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

type barred string // the host that has a key which was replaced

func (b barred) Admit(host string) bool { return host == string(b) }

type telling struct {
	Main
	told []bus.Event
}

func (m *telling) Tell(e bus.Event) { m.told = append(m.told, e) }

// Whose key was replaced once and comes back is let in at the witness by an operator, and the log has who said so.
func TestAdmit_AKeyThatWasReplaced(t *testing.T) {
	main := &telling{}
	o := &Operations{Config: Config{Keys: barred("b"), Main: main, Machine: still{view: role.View{Record: role.Record{Epoch: 7, Active: role.Member{Host: "a"}}}}}}
	done, err := o.admit(t.Context(), operator.Caller{}, operator.AdmitRequest{Who: "b"})
	if err != nil || done.Active != "a" || done.Epoch != 7 {
		t.Errorf("%+v, %v", done, err)
	}
	if len(main.told) != 1 || main.told[0].Kind != bus.EventOperator || !strings.Contains(main.told[0].Text, "readmits the replaced key of b") {
		t.Errorf("%+v", main.told)
	}
}
