package local

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// stopTelling stops a group, and reports at once what is awaited, and every second the progress of reading back.
func (c *Cluster) stopTelling(ctx context.Context, name string, patience time.Duration) error {
	g := c.groups[name]
	if _, _, err := g.running(); err != nil {
		return err
	}
	what := "stopping " + title(name)
	if name == load {
		what = "stopping the load, which reads back everything acknowledged"
	}
	c.screen.event("stopping", what+" (at most "+patience.String()+"; Ctrl-C again stops at once)")
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop(ctx, patience) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := ""; ; {
		select {
		case err := <-stopped:
			return err
		case <-tick.C:
			lines := strings.Split(tail(g.command.log), "\n")
			if last := lines[len(lines)-1]; name == load && last != said {
				said = last
				c.screen.event("stopping", "load: "+last)
			}
		}
	}
}

// do performs one order.
func (c *Cluster) do(ctx context.Context, o Order) error {
	g := c.groups[o.Host]
	if !validHost(o.Host) || g == nil {
		return fmt.Errorf("%w: host %q: give %s", ErrOption, o.Host, strings.Join(OrderHosts(), ", "))
	}
	lock := c.ordering[o.Host]
	if !lock.TryLock() {
		return fmt.Errorf("%w: another order to %s is still running", ErrState, o.Host)
	}
	defer lock.Unlock()
	var err error
	done := o.Do
	switch o.Do {
	case Kill:
		err, done = g.kill(ctx), "killed"
	case Stop:
		err, done = g.stop(ctx, stopPatience), "stopped"
	case Start:
		err, done = c.startGroup(o.Host), "started"
	case Freeze:
		err, done = g.freeze(ctx), "frozen"
	case Thaw:
		err, done = g.thaw(), "thawed"
	default:
		err = fmt.Errorf("%w: order %q: give %s", ErrOption, o.Do, strings.Join(Orders(), ", "))
	}
	if err != nil {
		return err
	}
	c.screen.event("order", title(o.Host)+" "+done)
	return c.writeFile()
}

// title is the name of a process tree on the screen.
func title(name string) string {
	if name == HostA || name == HostB {
		return "host " + name
	}
	return name
}
