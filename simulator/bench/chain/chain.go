// Package chain measures what the shape of a request's path costs by itself: the same processes and connections as
// in a pair, the same batches, two flushed copies with group commit, and nothing else. No ids, no checks, no
// epochs, no database, no journal that could be read again: plain files instead. A pair can't be faster than this without
// another shape, so a rate stands between this one and that of package limit, which has no shape at all.
//
//	client ─ agent ─ relay ─ bus ─ business ─ bus ─ keeper ─ copy
package chain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/bench/proc"
)

// Command is how a program that measures starts itself as one process of a chain: with this argument first, then Run's.
const Command = "chain-process"

// ErrStart says that a process of the chain did not get ready.
var ErrStart = errors.New("start chain")

const (
	readyWithin = time.Minute
	stopWithin  = 10 * time.Second
)

// Chain is a running chain.
type Chain struct {
	addresses []string
	children  []*process.Child
	outputs   []*os.File
}

// Shape is where the bus of a chain is.
type Shape string

// The shapes of a chain.
const (
	// Apart: a process of its own, as main.
	Apart Shape = "apart"
	// InKeeper: in the keeper, which talks to it without a socket.
	InKeeper Shape = "in keeper"
	// InBoth: one in the keeper for what is kept, one in the relay for requests.
	InBoth Shape = "in both"
)

// Start starts the processes, in the order in which they need each other, with so many agents in one of them. record is the
// size of what is kept for each request, in bytes.
func Start(ctx context.Context, shape Shape, agents, record int, dir string) (*Chain, error) {
	c := &Chain{}
	said := map[string]string{roleBus: ownBus}
	requests := func() string {
		if shape == InBoth {
			return ownBus
		}
		return said[roleKeeper]
	}
	for _, next := range []struct {
		role string
		args func() []string
	}{
		{roleCopy, func() []string { return []string{dir} }},
		{roleBus, func() []string { return nil }},
		{roleKeeper, func() []string { return []string{said[roleBus], said[roleCopy], dir, strconv.Itoa(record)} }},
		{roleAgents, func() []string { return []string{strconv.Itoa(agents)} }},
		{roleRelay, func() []string { return append([]string{requests()}, strings.Fields(said[roleAgents])...) }},
		{roleBusiness, func() []string { return []string{said[roleKeeper], said[roleRelay]} }},
	} {
		if next.role == roleBus && shape != Apart {
			continue
		}
		line, err := c.start(ctx, next.role, next.args())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrStart, next.role, err), c.Stop())
		}
		said[next.role] = line
	}
	c.addresses = strings.Fields(said[roleAgents])
	return c, nil
}

// start starts one process and gives the line that it says when it is ready.
func (c *Chain) start(ctx context.Context, role string, args []string) (string, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer write.Close()
	c.outputs = append(c.outputs, read)
	child, err := process.Start(process.Spec{
		Name: role, Path: "/proc/self/exe", Args: append([]string{Command, role}, args...), Environ: os.Environ(),
		Slack: process.Patient, Output: write,
	})
	if err != nil {
		return "", err
	}
	c.children = append(c.children, child)
	line := make(chan string, 1)
	go func() { // ends with the line, or with the process
		text, _ := bufio.NewReader(read).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	wait := time.NewTimer(readyWithin)
	defer wait.Stop()
	select {
	case text := <-line:
		if !strings.HasPrefix(text, readyWord) {
			return "", fmt.Errorf("it said %q", text)
		}
		return strings.TrimSpace(strings.TrimPrefix(text, readyWord)), nil
	case <-wait.C:
		return "", context.DeadlineExceeded
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Addresses are those at which clients find the agents.
func (c *Chain) Addresses() []string { return c.addresses }

// Processes are all of the chain, for measuring what they use.
func (c *Chain) Processes() (list []proc.Process) {
	for _, child := range c.children {
		list = append(list, proc.Process{PID: child.PID(), Name: "chain"})
	}
	return list
}

// Stop ends the processes.
func (c *Chain) Stop() error {
	var failed []error
	for i := len(c.children) - 1; i >= 0; i-- {
		_, err := c.children[i].Stop(stopWithin)
		failed = append(failed, err)
	}
	for _, output := range c.outputs {
		failed = append(failed, output.Close())
	}
	return errors.Join(failed...)
}
