package main

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

var errNotReady = errors.New("the cluster did not become ready")

const (
	readyWithin = 90 * time.Second
	// eachTerminal is added for each terminal: their agents start one after the other on few cores.
	eachTerminal = 40 * time.Millisecond
	stopWithin   = time.Minute
	askEvery     = 10 * time.Millisecond
)

// cluster is a pair under measurement, run by `hotpair cluster` as anybody would. It dies with this process.
type cluster struct {
	dir       string
	file      local.File
	child     *process.Child
	lines     *os.File // what it prints
	terminals int
}

// startCluster returns when the pair is in sync and serves. Settings are HOTPAIR_ variables, as HOTPAIR_LEASE=1s.
func startCluster(ctx context.Context, binary string, terminals int, settings ...string) (*cluster, error) {
	return launch(ctx, binary, terminals, "", settings)
}

// launch starts a cluster with terminals of its own, or with those of a list.
func launch(ctx context.Context, binary string, terminals int, list string, settings []string) (*cluster, error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-")
	if err != nil {
		return nil, fmt.Errorf("directory of the cluster: %w", err)
	}
	c, args := &cluster{dir: filepath.Join(dir, "cluster"), terminals: terminals}, []string{"--terminals", strconv.Itoa(terminals)}
	if list != "" {
		file := filepath.Join(dir, "terminals")
		args = []string{"--terminals-file", file}
		err = os.WriteFile(file, []byte(list), 0o600)
	}
	if err == nil {
		err = c.start(ctx, binary, args, settings)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) start(ctx context.Context, binary string, terminals, settings []string) error {
	lines, output, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("output of the cluster: %w", err)
	}
	defer output.Close()
	c.lines = lines
	c.child, err = process.Start(process.Spec{
		Name: "cluster", Path: binary, Args: append([]string{"cluster", "--dir", c.dir, "--port", "0"}, terminals...),
		Environ: append(os.Environ(), settings...), Group: true, Output: output,
	})
	if err != nil {
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
	wait := time.NewTimer(readyWithin + time.Duration(c.terminals)*eachTerminal)
	defer wait.Stop()
	select {
	case <-ready:
		c.file, err = local.ReadFile(c.dir)
		return err
	case said := <-last:
		return fmt.Errorf("%w: it ended: %s", errNotReady, said)
	case <-wait.C:
		if c.file, err = local.ReadFile(c.dir); err != nil {
			return fmt.Errorf("%w: %w", errNotReady, err)
		}
		return fmt.Errorf("%w: %s", errNotReady, describe(c.statuses(ctx)))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the cluster and removes its data.
func (c *cluster) stop() error {
	var failed error
	if c.child != nil {
		if _, err := c.child.Stop(stopWithin); err != nil {
			failed = err
		}
	}
	if c.lines != nil {
		failed = errors.Join(failed, c.lines.Close())
	}
	return errors.Join(failed, os.RemoveAll(filepath.Dir(c.dir)))
}

// restart starts a host that was killed.
func (c *cluster) restart(ctx context.Context, host string) error {
	for {
		_, err := local.Send(ctx, c.dir, local.Order{Do: local.Start, Host: host})
		if err == nil {
			c.file, err = local.ReadFile(c.dir)
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

// signal signals every process of a host at once.
func (c *cluster) signal(host string, signal syscall.Signal) error {
	if err := syscall.Kill(-c.file.Hosts[host].PGID, signal); err != nil {
		return fmt.Errorf("%s to host %s: %w", signal, host, err)
	}
	return nil
}

// unwatched has the cluster command hold still while f runs: it asks the hosts some times a second how they are, which is no
// part of what they cost.
func (c *cluster) unwatched(f func() error) (err error) {
	if err := c.child.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("hold the cluster command: %w", err)
	}
	defer func() { err = errors.Join(err, c.child.Signal(syscall.SIGCONT)) }()
	return f()
}

// addresses are those of the terminals.
func (c *cluster) addresses() []string {
	var list []string
	for _, t := range c.file.Terminals {
		list = append(list, t.Address)
	}
	return list
}

func (c *cluster) status(ctx context.Context, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.file.Hosts[host].Client().Status(ctx)
}

// statuses are those of the hosts that answer.
func (c *cluster) statuses(ctx context.Context) map[string]operator.Status {
	found := map[string]operator.Status{}
	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := c.status(ctx, host); err == nil {
			found[host] = s
		}
	}
	return found
}

// whole waits until one host serves every terminal, both are in sync, and the other is ready to take over; it says which
// is which.
func (c *cluster) whole(ctx context.Context) (active, standby string, err error) {
	within, cancel := context.WithTimeout(ctx, 2*readyWithin)
	defer cancel()
	for {
		found := c.statuses(within)
		for _, hosts := range [][2]string{{local.HostA, local.HostB}, {local.HostB, local.HostA}} {
			a, b := found[hosts[0]], found[hosts[1]]
			if a.Role == "active" && a.Mode == "paired" && len(a.InSync) == 2 && a.Terminals.Attached == c.terminals &&
				b.Role == "standby" && b.Mode == "paired" && b.Fit && b.Terminals.Warm == c.terminals {
				return hosts[0], hosts[1], nil
			}
		}
		if pace.Rest(within, askEvery) != nil {
			if ctx.Err() != nil {
				return "", "", ctx.Err()
			}
			return "", "", fmt.Errorf("%w again: %s", errNotReady, describe(found))
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

// processes are all of the cluster, by whom they belong to.
func (c *cluster) processes() map[string][]proc.Process {
	list := map[string][]proc.Process{"clients": {{PID: os.Getpid(), Name: "bench"}}}
	for name, h := range c.file.Hosts {
		list["host "+name] = proc.Group(h.PGID)
	}
	list["witness"] = proc.Group(c.file.Witness.PGID)
	for _, p := range proc.Children(c.child.PID()) {
		if strings.HasPrefix(p.Name, "cluster terminals") {
			list["terminals"] = []proc.Process{{PID: p.PID, Name: "agents"}}
		}
	}
	return list
}
