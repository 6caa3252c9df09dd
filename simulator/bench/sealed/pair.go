package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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
	"github.com/hotpair/hotpair/simulator/bench/standin"
)

// errNotReady says that a pair did not become whole.
var errNotReady = errors.New("the pair did not become whole")

const (
	readyWithin = 2 * time.Minute
	// eachTerminal is added for each terminal.
	eachTerminal = 40 * time.Millisecond
	stopWithin   = time.Minute
	askEvery     = 10 * time.Millisecond
)

// measured is a cluster with stand-ins for its terminals.
type measured struct {
	dir       string
	terminals int
	fleet     *standin.Fleet
	child     *process.Child
	lines     *os.File
	file      local.File
}

// start starts one and returns when it is whole.
func start(ctx context.Context, binary string, terminals int, sealed bool) (*measured, error) {
	dir, err := os.MkdirTemp("", "hotpair-sealed-")
	if err != nil {
		return nil, err
	}
	m := &measured{dir: filepath.Join(dir, "cluster"), terminals: terminals}
	if err := m.begin(ctx, binary, sealed); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	return m, nil
}

func (m *measured) begin(ctx context.Context, binary string, sealed bool) error {
	ids := make([]string, m.terminals)
	for i := range ids {
		ids[i] = local.TerminalID(i)
	}
	var err error
	if sealed {
		issuer, bad := local.NewRoot(m.dir)
		if bad != nil {
			return bad
		}
		m.fleet, err = standin.OpenSealed(ids, issuer)
	} else {
		m.fleet, err = standin.Open(ids)
	}
	if err != nil {
		return err
	}
	list := filepath.Join(filepath.Dir(m.dir), "terminals")
	if err := os.WriteFile(list, []byte(m.fleet.List()), 0o600); err != nil {
		return err
	}
	lines, output, err := os.Pipe()
	if err != nil {
		return err
	}
	defer output.Close()
	m.lines = lines
	m.child, err = process.Start(process.Spec{
		Name: "cluster", Path: binary, Args: []string{"cluster", "--dir", m.dir, "--port", "0", "--terminals-file", list, "--plain=" + strconv.FormatBool(!sealed)},
		Environ: os.Environ(), Group: true, Output: output,
	})
	if err != nil {
		return err
	}
	ready, ended := make(chan struct{}), make(chan string, 1)
	go func() { // ends with the cluster
		said, waiting := "", ready
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			if said = scanner.Text(); strings.HasPrefix(said, "ready:") && waiting != nil {
				close(waiting)
				waiting = nil
			}
		}
		ended <- said
	}()
	late := time.NewTimer(readyWithin + time.Duration(m.terminals)*eachTerminal)
	defer late.Stop()
	select {
	case <-ready:
	case said := <-ended:
		return fmt.Errorf("%w: it ended: %s", errNotReady, said)
	case <-late.C:
		return fmt.Errorf("%w in time", errNotReady)
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.file, err = local.ReadFile(m.dir); err != nil {
		return err
	}
	active, _, err := m.whole(ctx)
	if err != nil {
		return err
	}
	if s, err := m.status(ctx, active); err != nil || s.Wires.TLS != sealed {
		return fmt.Errorf("%w: TLS is %t (%w)", errNotReady, s.Wires.TLS, err)
	}
	return nil
}

// stop ends it and removes its data.
func (m *measured) stop() error {
	var failed []error
	if m.child != nil {
		_, err := m.child.Stop(stopWithin)
		failed = append(failed, err)
	}
	if m.lines != nil {
		failed = append(failed, m.lines.Close())
	}
	if m.fleet != nil {
		failed = append(failed, m.fleet.Close())
	}
	return errors.Join(append(failed, os.RemoveAll(filepath.Dir(m.dir)))...)
}

func (m *measured) status(ctx context.Context, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return m.file.Hosts[host].Client().Status(ctx)
}

// whole waits until one host serves every terminal, both are in sync, and the other one could take over at once; it says which is which.
func (m *measured) whole(ctx context.Context) (active, standby string, err error) {
	within, cancel := context.WithTimeout(ctx, readyWithin+time.Duration(m.terminals)*eachTerminal)
	defer cancel()
	for {
		for _, hosts := range [][2]string{{local.HostA, local.HostB}, {local.HostB, local.HostA}} {
			a, errA := m.status(within, hosts[0])
			b, errB := m.status(within, hosts[1])
			if errors.Join(errA, errB) == nil && a.Role == "active" && a.Mode == "paired" && len(a.InSync) == 2 && a.Terminals.Attached == m.terminals &&
				b.Role == "standby" && b.Mode == "paired" && b.Fit && b.Terminals.Warm == m.terminals {
				return hosts[0], hosts[1], nil
			}
		}
		if pace.Rest(within, askEvery) != nil {
			return "", "", errors.Join(ctx.Err(), errNotReady)
		}
	}
}

// kill kills every process of a host at once.
func (m *measured) kill(host string) error {
	return syscall.Kill(-m.file.Hosts[host].PGID, syscall.SIGKILL)
}

// restart starts a host that was killed, once the cluster has noticed.
func (m *measured) restart(ctx context.Context, host string) error {
	for {
		_, err := local.Send(ctx, m.dir, local.Order{Do: local.Start, Host: host})
		if err == nil {
			m.file, err = local.ReadFile(m.dir)
		}
		if err == nil || !errors.Is(err, local.ErrState) {
			return err
		}
		if err := pace.Rest(ctx, askEvery); err != nil {
			return err
		}
	}
}

// processes are those of both hosts, by host.
func (m *measured) processes() map[string][]proc.Process {
	return map[string][]proc.Process{local.HostA: proc.Group(m.file.Hosts[local.HostA].PGID), local.HostB: proc.Group(m.file.Hosts[local.HostB].PGID)}
}

// version is what the binary says of itself.
func version(ctx context.Context, binary string) string {
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0])
}
