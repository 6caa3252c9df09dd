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
)

// cluster is a pair under measurement, run by `hotpair cluster` as anybody would.
type cluster struct {
	dir  string
	file local.File
	cmd  *exec.Cmd
}

var errNotReady = errors.New("the cluster did not become ready")

// startCluster returns when the pair is in sync and serves.
func startCluster(ctx context.Context, s settings, terminals int) (*cluster, error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: filepath.Join(dir, "cluster")}
	c.cmd = exec.Command(s.Binary, "cluster", "--dir", c.dir, "--port", "0", "--terminals", strconv.Itoa(terminals))
	c.cmd.Env = append(os.Environ(), "HOTPAIR_LEASE="+s.Lease.String())
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stderr = os.Stderr
	lines, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan bool, 1)
	go func() {
		scanner := bufio.NewScanner(lines)
		for scanner.Scan() {
			if strings.HasPrefix(scanner.Text(), "ready:") {
				ready <- true
			}
		}
		ready <- false
	}()
	select {
	case ok := <-ready:
		if ok {
			c.file, err = local.ReadFile(c.dir)
			return c, err
		}
	case <-time.After(time.Minute):
	case <-ctx.Done():
	}
	c.stop()
	return nil, errNotReady
}

func (c *cluster) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Wait()
	_ = os.RemoveAll(filepath.Dir(c.dir))
}

func (c *cluster) order(ctx context.Context, what, host string) error {
	_, err := local.Send(ctx, c.dir, local.Order{Do: what, Host: host})
	return err
}

func (c *cluster) status(ctx context.Context, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return operator.NewClient(c.file.Hosts[host].HTTP).Status(ctx)
}

// whole waits until one host serves, both are in sync, and says which is which.
func (c *cluster) whole(ctx context.Context) (active, standby string, err error) {
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		a, errA := c.status(ctx, local.HostA)
		b, errB := c.status(ctx, local.HostB)
		if errA == nil && errB == nil && a.Mode == "paired" && b.Mode == "paired" && len(a.InSync) == 2 {
			switch {
			case a.Role == "active" && b.Role == "standby" && b.Fit && b.Terminals.Warm == len(c.file.Terminals):
				return local.HostA, local.HostB, nil
			case b.Role == "active" && a.Role == "standby" && a.Fit && a.Terminals.Warm == len(c.file.Terminals):
				return local.HostB, local.HostA, nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "", "", fmt.Errorf("%w again within a minute", errNotReady)
}
