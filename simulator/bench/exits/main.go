// Command exits measures how long the kernel takes to end a host that is killed: until the ports of its main and its updater refuse. No
// takeover without a lease can begin before.
//
//	go run ./simulator/bench/exits -binary ./hotpair -keep simulator/bench/results
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// dialEach is how often a port is tried.
const dialEach = time.Millisecond

// options of a run.
type options struct{ terminals, trials int }

func main() {
	var o options
	flag.IntVar(&o.terminals, "terminals", 8, "terminals of the pair")
	flag.IntVar(&o.trials, "trials", 10, "how often a host is killed")
	subject.Measure("exits", func() map[string]string {
		return map[string]string{"terminals": strconv.Itoa(o.terminals), "trials": strconv.Itoa(o.trials)}
	}, o.measure)
}

func (o *options) measure(ctx context.Context, binary string, r *result.Result) (err error) {
	c, err := subject.Start(ctx, binary, o.terminals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	for trial := range o.trials {
		// The other host has little to do when its standby goes: what is measured is the end of one host.
		_, standby, err := c.Whole(ctx)
		if err != nil {
			return err
		}
		megabytes := 0.0
		for _, p := range c.Processes()["host "+standby] {
			megabytes += float64(proc.PSS(p.PID)) / 1e6
		}
		took, err := refusal(ctx, c, standby)
		if err != nil {
			return err
		}
		ms := float64(took) / float64(time.Millisecond)
		r.Add("standby killed", "its ports refuse", "ms", result.Less, ms)
		r.Add("standby killed", "memory of the host", "MB", result.None, megabytes)
		fmt.Printf("trial %2d  a host of %.0f MB is killed, its ports refuse after %.1f ms\n", trial+1, megabytes, ms)
		if err := c.Restart(ctx, standby); err != nil {
			return err
		}
	}
	return nil
}

// refusal kills a host and gives the time until nobody listens any more where its main and its updater did.
func refusal(ctx context.Context, c *subject.Cluster, host string) (time.Duration, error) {
	var ports []string
	for _, name := range []string{"LINK", "REPLICATION"} {
		address := c.File.Hosts[host].Env[config.Prefix+"_"+name]
		if address == "" {
			return 0, fmt.Errorf("host %s does not report %s_%s", host, config.Prefix, name)
		}
		ports = append(ports, address)
	}
	began := time.Now()
	if err := c.Signal(host, syscall.SIGKILL); err != nil {
		return 0, err
	}
	var dialer net.Dialer
	for _, address := range ports {
		for {
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if errors.Is(err, syscall.ECONNREFUSED) {
				break
			}
			if err == nil {
				_ = conn.Close() // it says nothing
			}
			if time.Since(began) > subject.ReadyWithin {
				return 0, fmt.Errorf("%s of host %s still exists, although the host was killed", address, host)
			}
			if err := pace.Rest(ctx, dialEach); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began), nil
}
