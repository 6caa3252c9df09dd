package e2e_test

import (
	"strings"
	"testing"
)

// TestSwitchover_NotWithoutTheWitness: a planned switchover while the witness is down ended the service until it was back. It is refused,
// requests are answered meanwhile, and it is done once the witness answers.
func TestSwitchover_NotWithoutTheWitness(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3"})
	before, _ := c.mustActive()
	c.order("kill", "witness")
	out, err := c.hotpair("switchover", "--dir", c.Dir)
	if err == nil || !strings.Contains(out, "start the witness") {
		t.Errorf("without the witness: %v\n%s", err, out)
	}
	c.put("alone", 5)
	if now, _ := c.mustActive(); now != before {
		t.Errorf("%s serves, not %s", now, before)
	}
	c.order("start", "witness")
	c.Await(healWithin, "the witness is back", func() bool {
		s, err := c.Status(before)
		return err == nil && s.Witness.Reachable
	})
	if out, err := c.hotpair("switchover", "--dir", c.Dir); err != nil {
		t.Errorf("with it: %v\n%s", err, out)
	}
	c.Await(healWithin, "the other host serves", func() bool { now, _ := c.active(); return now != "" && now != before })
}
