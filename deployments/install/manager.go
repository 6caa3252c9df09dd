package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
)

// Manager is the service manager of a machine: systemd, by its command. The zero Manager means none.
type Manager struct{ Command string }

// TheManager is systemd where it runs.
func TheManager() Manager {
	if info, err := os.Stat("/run/systemd/system"); err != nil || !info.IsDir() {
		return Manager{}
	}
	path, err := exec.LookPath("systemctl")
	if err != nil {
		return Manager{}
	}
	return Manager{path}
}

// Runs reports whether there is one.
func (m Manager) Runs() bool { return m.Command != "" }

// do runs systemctl.
func (m Manager) do(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, m.Command, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// unitFolders are where packages put units.
var unitFolders = []string{"/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system"}

// unitFile is where a unit is written that no package installed.
func (p Place) unitFile() string { return filepath.Join("/etc/systemd/system", p.Unit) }

func (p Place) unitIsThere() bool {
	return slices.ContainsFunc(append(unitFolders[:len(unitFolders):len(unitFolders)], filepath.Dir(p.unitFile())), func(dir string) bool {
		_, err := os.Stat(p.on(filepath.Join(dir, p.Unit)))
		return err == nil
	})
}

// start enables and starts the unit, or returns how to start it by hand, and checks which members are missing.
func (j Joiner) start(ctx context.Context, start, unit bool, done *Joined) error {
	if j.Place.Root == "" || j.Manager.Runs() {
		done.Start = "hotpair run"
	}
	if j.Manager.Runs() && start {
		steps := [][]string{{"enable", j.Place.Unit}, {"start", j.Place.Unit}}
		if unit {
			steps = append([][]string{{"daemon-reload"}}, steps...)
		}
		for _, args := range steps {
			if err := j.Manager.do(ctx, args...); err != nil {
				return fmt.Errorf("it has joined, but does not start: %w; see journalctl -u %s, then run hotpair join again", err, j.Place.Unit)
			}
			if j.Progress != nil {
				j.Progress(strings.Join(args, " "))
			}
		}
		done.Started, done.Start = true, ""
	} else if j.Manager.Runs() {
		done.Start = "systemctl enable --now " + j.Place.Unit
	}
	if j.Place.Root == "" {
		done.Missing = missing(ctx, j.Bundle.Name.Role, j.Bundle.Setting)
	}
	return nil
}

// answerWithin is how long another machine may take to accept a connection.
const answerWithin = 2 * time.Second

// missing returns which other members can't be reached.
func missing(ctx context.Context, role identity.Role, setting func(string) string) []string {
	if role != identity.RoleHost {
		return nil
	}
	others := []struct{ address, sentence string }{
		{setting("PEER_LINK"), "the other host does not answer at %s: join it, or open that port in the firewall"},
		{setting("WITNESS"), "the witness does not answer at %s: join it, or open that port in the firewall"},
	}
	said := make([]string, len(others))
	var asking sync.WaitGroup
	for i, o := range others {
		if o.address == "" || o.address == config.NoWitness {
			continue
		}
		asking.Go(func() {
			conn, err := (&net.Dialer{Timeout: answerWithin}).DialContext(ctx, "tcp", o.address)
			if err == nil {
				err = errors.Join(err, conn.Close())
			}
			if err != nil {
				said[i] = fmt.Sprintf(o.sentence, o.address)
			}
		})
	}
	asking.Wait()
	return slices.DeleteFunc(said, func(s string) bool { return s == "" })
}
