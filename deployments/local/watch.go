package local

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// slowStart is the time without a ready pair after which the screen says what is awaited.
const slowStart = 10 * time.Second

// watch shows events: that the pair is ready, then every change. It ends with ctx, or, before the pair is ready, with
// ErrEnded when a process ended without an order.
func (c *Cluster) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var polling sync.WaitGroup
	defer polling.Wait()
	defer cancel()
	heard := make(chan news)
	for name, host := range c.hosts {
		polling.Go(func() { poll(ctx, name, "http://"+host.HTTP, heard) })
	}
	pair := newPair(c.options.Terminals)
	slow := time.NewTicker(slowStart)
	defer slow.Stop()
	ready := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case name := <-c.ends:
			if err := c.noteEnd(name, ready); err != nil {
				return err
			}
		case n := <-heard:
			before := pair
			pair = pair.with(n)
			c.screen.setActive(pair.active())
			if ready {
				for _, line := range changes(before, pair) {
					c.screen.event("pair", line)
				}
				continue
			}
			if !pair.ready() {
				continue
			}
			ready = true
			apps, web := c.applications()
			c.screen.show("ready", pair.readyLine(c.hosts[HostA].HTTP, c.hosts[HostB].HTTP, c.dir.path, apps, web))
			if c.options.Load != "" {
				if err := c.startGroup(load); err != nil {
					return err
				}
			}
			close(c.ready)
		case <-slow.C:
			if !ready {
				c.screen.event("waiting", "not ready yet: "+pair.describe()+"; logs are in "+c.dir.path)
			}
		}
	}
}

// noteEnd handles the end of a group's leader. An ordered one is not reported.
func (c *Cluster) noteEnd(name string, ready bool) error {
	if err := c.writeFile(); err != nil {
		return err
	}
	state := c.groups[name].state()
	if state.asked || state.pgid != 0 {
		return nil
	}
	reason := "ended"
	if state.exit != nil {
		reason = state.exit.String()
	}
	log := c.groups[name].command.log
	if !ready {
		return fmt.Errorf("%s %w (%s); last lines of %s:\n%s", title(name), ErrEnded, reason, log, tail(log))
	}
	advice := ", see " + log
	if validHost(name) {
		advice = fmt.Sprintf("; start it with hotpair cluster start %s --dir %s", name, c.dir.path)
	}
	c.screen.event("ended", title(name)+" "+reason+advice)
	return nil
}

// tail returns the last lines of a log.
func tail(path string) string {
	const lines, bytes = 10, 8 << 10
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	text = text[max(0, len(text)-bytes):]
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
