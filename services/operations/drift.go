package operations

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// driftAgain is the pause before another host that did not answer is asked again for its settings.
	driftAgain = 5 * time.Second
	// driftNamed is how many settings an alarm names.
	driftNamed = 3
	// driftShown bounds a value that it shows, in bytes.
	driftShown = 60
)

// drift is the difference between the hosts' settings. "In sync" is about data only: a standby with other services,
// other terminals or a shorter retention would show it only at the takeover. Settings change with a restart, so each
// run of the other main is asked once.
type drift struct {
	mu     sync.Mutex
	run    uint64 // of the other main whose settings are known
	asking bool
	next   time.Duration
	text   string // what differs; "" when nothing does
}

// watchDrift compares both hosts' settings once for each run of the other main, and raises the alarm while they
// differ: on the host that serves, or on both while none does.
func (o *Operations) watchDrift() {
	v, now, d := o.Machine.View(), o.Clock(), &o.drift
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.Lives && v.HasPeer && v.Peer.Incarnation != d.run && !d.asking && now >= d.next {
		d.asking, d.next = true, now+driftAgain
		o.Group.Go(func() { o.askDrift(v) })
	}
	if d.text != "" && (v.Serving || !v.Lives || !v.Peer.Serving) {
		o.Alarms.Raise(alarms.SettingsDiffer, d.text)
		return
	}
	o.Alarms.Clear(alarms.SettingsDiffer)
}

func (o *Operations) askDrift(v role.View) {
	ctx, cancel := context.WithTimeout(o.ctx, driftAgain)
	defer cancel()
	told, err := registry.Other(ctx, o.registry, operator.PartSettings, operator.Caller{}, operator.None{})
	d := &o.drift
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asking = false
	if err != nil {
		return
	}
	d.run = v.Peer.Incarnation
	own := config.HostSettings{Host: o.Host.Host, Settings: o.Host.Shown()}
	told.Host = v.Peer.Host
	d.text = driftSentence(config.Join(o.Host.Host, []config.HostSettings{own, told}))
}

// driftSentence names the settings that differ although they should be equal; "" when there are none.
func driftSentence(p config.PairSettings) string {
	n := p.Differing()
	if n == 0 {
		return ""
	}
	var list []string
	for _, s := range p.Settings[:min(n, driftNamed)] { // those that differ come first
		var values []string
		for _, h := range p.Hosts {
			value := s.Hosts[h.Host].Value
			if len(value) > driftShown {
				value = strings.ToValidUTF8(value[:driftShown], "") + "…"
			}
			if value == "" {
				value = "nothing"
			}
			values = append(values, value+" on "+h.Host)
		}
		list = append(list, s.Name+" is "+strings.Join(values, " and "))
	}
	text := "settings that should be the same on both hosts differ: " + strings.Join(list, "; ")
	if n > driftNamed {
		text += fmt.Sprintf("; and %d more", n-driftNamed)
	}
	return text
}
