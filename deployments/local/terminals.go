package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/terminal"
	"github.com/hotpair/hotpair/services/terminal/web"
	"github.com/hotpair/hotpair/services/wires"
)

// Fleet runs agents of a cluster, thousands in one process, because so many terminals on one machine are only there
// to be served.
type Fleet struct {
	Dir       string // directory of the cluster; a bundle in it has the secret from which the terminals' keys derive
	Port      int    // first of the cluster's ports
	Terminals int
	Plain     bool   // no TLS
	Silent    bool   // no applications over HTTP
	Files     string // of a kiosk
	Each      int    // terminals per process, normally PartSize
	// Environ is that of the processes of further parts.
	Environ []string
	Part    int // 0: the first part, and a process for each further one; otherwise that part only
}

const (
	// startAtOnce bounds the agents that start concurrently: each must complete its handshake with its own server
	// within seconds, which thousands together on few cores could not.
	startAtOnce = 16
	// listenEvery is how often a starting agent is tried.
	listenEvery = 5 * time.Millisecond
)

// readTerminals reads a list of terminals that run elsewhere; none if there is no file. The error is ErrOption.
func readTerminals(file string) (list config.Terminals, err error) {
	if file == "" {
		return nil, nil
	}
	if err := list.Read(file); err != nil {
		return nil, fmt.Errorf("%w: --terminals-file %s: %w", ErrOption, file, err)
	}
	return list, nil
}

// kiosk checks that the files for the terminals exist, and makes the path absolute. The error is ErrOption.
func (o *Options) kiosk() error {
	if o.Files == "" {
		return nil
	}
	info, err := os.Stat(o.Files)
	if err == nil && !info.IsDir() {
		err = errors.New("is no folder")
	}
	if err == nil && (o.Silent || o.TerminalsFile != "") {
		err = errors.New("the terminals of the cluster do not serve HTTP")
	}
	if err == nil {
		o.Files, err = filepath.Abs(o.Files)
	}
	if err != nil {
		return fmt.Errorf("%w: --files %s: %w", ErrOption, o.Files, err)
	}
	return nil
}

// Run runs the agents until ctx ends or one of them fails.
func (f Fleet) Run(ctx context.Context, log *slog.Logger) error {
	if f.Each < 1 || f.Each > PartSize {
		return fmt.Errorf("%w: --each %d: give 1 to %d", ErrOption, f.Each, PartSize)
	}
	if f.Part > 0 {
		return f.runOwn(ctx, log)
	}
	parts := (f.Terminals + f.Each - 1) / f.Each
	for part := 1; part < parts; part++ {
		id := TerminalID(part * f.Each)
		if _, err := os.Stat(filepath.Join(f.folder(), id)); err == nil {
			return fmt.Errorf("%w: %s was run with another number of terminals per process, so the data of %s are elsewhere", ErrOption, f.Dir, id)
		}
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return f.runOwn(ctx, log) })
	for part := 1; part < parts; part++ {
		work.Go(func() error { return f.runApart(ctx, part) })
	}
	return work.Wait()
}

// runApart runs a further part in a separate process until ctx or that process ends.
func (f Fleet) runApart(ctx context.Context, part int) error {
	f.Part = part
	child, err := process.Start(process.Spec{Name: fmt.Sprintf("%s, part %d", terminals, part), Args: f.arguments(), Environ: f.Environ})
	if err != nil {
		return err
	}
	select {
	case <-child.Done():
		return fmt.Errorf("part %d of the terminals has ended: %s", part, child.Wait())
	case <-ctx.Done():
		_, err := child.Stop(stopPatience)
		return err
	}
}

// arguments start a process of this fleet.
func (f Fleet) arguments() []string {
	return []string{
		"cluster", "terminals", "--dir", f.Dir, "--port", strconv.Itoa(f.Port), "--terminals", strconv.Itoa(f.Terminals), "--each", strconv.Itoa(f.Each), "--part", strconv.Itoa(f.Part),
		"--plain=" + strconv.FormatBool(f.Plain), "--http=" + strconv.FormatBool(!f.Silent), "--files", f.Files,
	}
}

// folder holds the data of the part's agents.
func (f Fleet) folder() string {
	if f.Part == 0 {
		return filepath.Join(f.Dir, terminals)
	}
	return filepath.Join(f.Dir, terminals, fmt.Sprintf("part-%d", f.Part))
}

// runOwn runs the agents of this process's part.
func (f Fleet) runOwn(ctx context.Context, log *slog.Logger) (err error) {
	members, err := readMembers(f.Dir)
	if err != nil {
		return err
	}
	host := members[founding.BundleFile(HostA)] // what it holds makes keys and certificates of terminals
	var own *authority.Issuer
	if !f.Plain {
		if own, err = host.Issuer(); err != nil {
			return err
		}
	}
	p := ports{base: f.Port, terminals: f.Terminals, silent: f.Silent}
	// One flush of this machine's disk for all concurrent attaches: a terminal in the field has its own disk.
	disk, err := terminal.OpenDisk(f.folder())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	work, ctx := errgroup.WithContext(ctx)
	starting := make(chan struct{}, startAtOnce)
	for i := f.Part * f.Each; i < min((f.Part+1)*f.Each, f.Terminals); i++ {
		select {
		case starting <- struct{}{}:
		case <-ctx.Done():
			return work.Wait()
		}
		id := TerminalID(i)
		data := filepath.Join(f.folder(), id)
		if err := os.MkdirAll(data, 0o700); err != nil {
			return fmt.Errorf("directory of terminal %s: %w", id, err)
		}
		var hosts bus.Network
		if own != nil {
			proof, err := agent(own, id)
			if err != nil {
				return fmt.Errorf("certificate of terminal %s: %w", id, err)
			}
			hosts = wires.Agent(proof, log)
		}
		door := web.Config{Listen: p.http(i), Files: f.Files}
		if f.Silent {
			door.Listen = ""
		}
		work.Go(func() error {
			return terminal.New(terminal.Config{
				Hosts: hosts, HTTP: door,
				ID: id, Listen: p.terminal(i), Apps: p.application(i), Key: config.TerminalKey(host.Secret.Reveal(), id), Data: data, Disk: disk, Log: log,
			}).Run(ctx)
		})
		work.Go(func() error {
			defer func() { <-starting }()
			greets(ctx, p.application(i)) // its listener for hosts says nothing to unauthenticated peers
			return nil
		})
	}
	return work.Wait()
}

// greets returns once the server at an address says its first words, or ctx ends.
func greets(ctx context.Context, address string) {
	tick := time.NewTicker(listenEvery)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			end := context.AfterFunc(ctx, func() { conn.Close() })
			_, err = conn.Read(make([]byte, 1))
			end()
			conn.Close()
			if err == nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
