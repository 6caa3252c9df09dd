package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
)

// idleResult is what a host costs that has nothing to do.
type idleResult struct {
	Active  hostCost `json:"active"`
	Standby hostCost `json:"standby"`
}

type hostCost struct {
	PSS       int64              `json:"pss_bytes"` // of all processes
	CPU       float64            `json:"cpu"`       // cores
	Processes map[string]int64   `json:"processes_pss_bytes"`
	Cores     map[string]float64 `json:"processes_cpu"`
}

func measureIdle(ctx context.Context, s settings, out io.Writer) (*idleResult, error) {
	c, err := startCluster(ctx, s, s.Terminals)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if _, _, err := c.whole(ctx); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second) // what a start leaves behind is not idleness
	costs := map[string]*hostCost{}
	before := map[int]float64{}
	hosts := []string{local.HostA, local.HostB}
	for _, h := range hosts {
		for _, pid := range c.processes(h) {
			before[pid] = cpuOf(pid)
		}
	}
	time.Sleep(10 * time.Second) // the stretch that is measured
	for _, h := range hosts {
		cost := &hostCost{Processes: map[string]int64{}, Cores: map[string]float64{}}
		for _, pid := range c.processes(h) {
			name := nameOf(pid)
			pss, cores := pssOf(pid), (cpuOf(pid)-before[pid])/10
			cost.PSS += pss
			cost.CPU += cores
			cost.Processes[name] += pss
			cost.Cores[name] += cores
		}
		costs[h] = cost
		fmt.Fprintf(out, "host %s: %.0f MB, %.1f %% of a core\n", h, float64(cost.PSS)/1e6, cost.CPU*100)
		for name, pss := range cost.Processes {
			fmt.Fprintf(out, "  %-20s %6.1f MB %6.1f %%\n", name, float64(pss)/1e6, cost.Cores[name]*100)
		}
	}
	return &idleResult{Active: *costs[local.HostA], Standby: *costs[local.HostB]}, nil
}

func nameOf(pid int) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return "?"
	}
	args := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	return strings.Join(args[min(1, len(args)):], " ")
}

// pssOf is the proportional share of a process's memory: what is shared counts once for all who share it.
func pssOf(pid int) int64 {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		if rest, ok := strings.CutPrefix(scanner.Text(), "Pss:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}
