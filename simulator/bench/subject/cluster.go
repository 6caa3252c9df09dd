// Package subject has a pair run under measurement, by hotpair cluster as anybody would, and says what is measured and on what.
package subject

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/bench/proc"
)

// ErrNotReady says that a cluster did not become whole.
var ErrNotReady = errors.New("the cluster did not become ready")

const (
	// ReadyWithin is how long a cluster may take to become whole.
	ReadyWithin = 90 * time.Second
	// eachTerminal is added for each terminal: their agents start one after the other on few cores, and each does a handshake.
	eachTerminal = 40 * time.Millisecond
	stopWithin   = time.Minute
	askEvery     = 10 * time.Millisecond
)

// Cluster is a pair under measurement. It dies with this process.
type Cluster struct {
	Dir       string
	File      local.File
	Terminals int
	child     *process.Child
	lines     *os.File // what it prints
}

// Start returns when the pair is in sync and serves. Settings are HOTPAIR_ variables, as HOTPAIR_LEASE=1s.
func Start(ctx context.Context, binary string, terminals int, settings ...string) (*Cluster, error) {
	return launch(ctx, binary, terminals, nil, settings)
}

// launch starts a cluster with terminals of its own, or with those that elsewhere lists, which may put files into the directory before.
func launch(ctx context.Context, binary string, terminals int, elsewhere func(dir string) (list string, err error), settings []string) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-")
	if err != nil {
		return nil, fmt.Errorf("directory of the cluster: %w", err)
	}
	c, args := &Cluster{Dir: filepath.Join(dir, "cluster"), Terminals: terminals}, []string{"--terminals", strconv.Itoa(terminals)}
	if elsewhere != nil {
		file := filepath.Join(dir, "terminals")
		args = []string{"--terminals-file", file}
		var list string
		if list, err = elsewhere(c.Dir); err == nil {
			err = os.WriteFile(file, []byte(list), 0o600)
		}
	}
	if err == nil {
		err = c.start(ctx, binary, args, settings)
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, binary string, terminals, settings []string) error {
	lines, output, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("output of the cluster: %w", err)
	}
	c.lines = lines
	c.child, err = process.Start(process.Spec{
		Name: "cluster", Path: binary, Args: append([]string{"cluster", "--dir", c.Dir, "--port", "0"}, terminals...),
		Environ: append(os.Environ(), settings...), Group: true, Output: output,
	})
	// What it prints ends with it, so nobody else may hold the end that it writes to.
	if err := errors.Join(err, output.Close()); err != nil {
		return err
	}
	ready, last := make(chan struct{}), make(chan string, 1)
	go func() { // ends with the cluster, which holds the other end
		said := ""
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			if said = scanner.Text(); strings.HasPrefix(said, "ready:") {
				close(ready)
				ready = make(chan struct{}) // another one later wakes nobody
			}
		}
		last <- said
	}()
	wait := time.NewTimer(ReadyWithin + time.Duration(c.Terminals)*eachTerminal)
	defer wait.Stop()
	select {
	case <-ready:
		c.File, err = local.ReadFile(c.Dir)
		return err
	case said := <-last:
		return fmt.Errorf("%w: it ended: %s", ErrNotReady, said)
	case <-wait.C:
		if c.File, err = local.ReadFile(c.Dir); err != nil {
			return fmt.Errorf("%w: %w", ErrNotReady, err)
		}
		return fmt.Errorf("%w: %s", ErrNotReady, describe(c.Statuses(ctx)))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends the cluster and removes its data.
func (c *Cluster) Stop() error {
	var failed error
	if c.child != nil {
		if _, err := c.child.Stop(stopWithin); err != nil {
			failed = err
		}
	}
	if c.lines != nil {
		failed = errors.Join(failed, c.lines.Close())
	}
	return errors.Join(failed, os.RemoveAll(filepath.Dir(c.Dir)))
}

// Restart starts a host that was killed.
func (c *Cluster) Restart(ctx context.Context, host string) error {
	for {
		_, err := local.Send(ctx, c.Dir, local.Order{Do: local.Start, Host: host})
		if err == nil {
			c.File, err = local.ReadFile(c.Dir)
			return err
		}
		if !errors.Is(err, local.ErrState) {
			return err
		}
		// The cluster has not noticed yet that all processes of the host are gone.
		if err := pace.Rest(ctx, askEvery); err != nil {
			return err
		}
	}
}

// Signal signals every process of a host at once.
func (c *Cluster) Signal(host string, signal syscall.Signal) error {
	if err := syscall.Kill(-c.File.Hosts[host].PGID, signal); err != nil {
		return fmt.Errorf("%s to host %s: %w", signal, host, err)
	}
	return nil
}

// Unwatched has the cluster command hold still while f runs: it asks the hosts some times a second how they are, which is no
// part of what they cost.
func (c *Cluster) Unwatched(f func() error) (err error) {
	if err := c.child.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("hold the cluster command: %w", err)
	}
	defer func() { err = errors.Join(err, c.child.Signal(syscall.SIGCONT)) }()
	return f()
}

// Addresses are those of the terminals.
func (c *Cluster) Addresses() []string {
	var list []string
	for _, t := range c.File.Terminals {
		list = append(list, t.Address)
	}
	return list
}

// Status asks a host.
func (c *Cluster) Status(ctx context.Context, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.File.Hosts[host].Client().Status(ctx)
}

// Statuses are those of the hosts that answer.
func (c *Cluster) Statuses(ctx context.Context) map[string]operator.Status {
	found := map[string]operator.Status{}
	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := c.Status(ctx, host); err == nil {
			found[host] = s
		}
	}
	return found
}

// Whole waits until one host serves every terminal, both are in sync, and the other is ready to take over; it says which
// is which.
func (c *Cluster) Whole(ctx context.Context) (active, standby string, err error) {
	within, cancel := context.WithTimeout(ctx, 2*ReadyWithin+time.Duration(c.Terminals)*eachTerminal)
	defer cancel()
	for {
		found := c.Statuses(within)
		for _, hosts := range [][2]string{{local.HostA, local.HostB}, {local.HostB, local.HostA}} {
			a, b := found[hosts[0]], found[hosts[1]]
			if a.Role == "active" && a.Mode == "paired" && len(a.InSync) == 2 && a.Terminals.Attached == c.Terminals &&
				b.Role == "standby" && b.Mode == "paired" && b.Fit && b.Terminals.Warm == c.Terminals {
				return hosts[0], hosts[1], nil
			}
		}
		if pace.Rest(within, askEvery) != nil {
			if ctx.Err() != nil {
				return "", "", ctx.Err()
			}
			return "", "", fmt.Errorf("%w again: %s", ErrNotReady, describe(found))
		}
	}
}

func describe(found map[string]operator.Status) string {
	var parts []string
	for host, s := range found {
		parts = append(parts, fmt.Sprintf("%s is %s %s in sync %v fit %v %s%s, %d attached %d warm", host, s.Role, s.Mode, s.InSync, s.Fit, s.Unfit, s.WaitingFor, s.Terminals.Attached, s.Terminals.Warm))
	}
	return strings.Join(parts, "; ")
}

// Processes are all of the cluster, by whom they belong to.
func (c *Cluster) Processes() map[string][]proc.Process {
	list := map[string][]proc.Process{"clients": {{PID: os.Getpid(), Name: "bench"}}}
	for name, h := range c.File.Hosts {
		list["host "+name] = proc.Group(h.PGID)
	}
	list["witness"] = proc.Group(c.File.Witness.PGID)
	for _, p := range proc.Children(c.child.PID()) {
		if strings.HasPrefix(p.Name, "cluster terminals") {
			for _, part := range proc.Group(p.PID) {
				list["terminals"] = append(list["terminals"], proc.Process{PID: part.PID, Name: "agents"})
			}
		}
	}
	return list
}
