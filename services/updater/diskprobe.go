package updater

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/storage/position"
)

// diskProbe times small durable writes of a standby. An active times its appends; those to the journal of a standby are made
// by its server, for the other host, and how long they take there is not told apart from the way. It writes only while
// updates come: without them nobody waits for the disk, and an idle host shall not be woken.
type diskProbe struct {
	dir   string
	took  *bus.Histogram
	clock lease.Clock
	log   *slog.Logger
	sync  func(*os.File) error // tests have another

	file *os.File // without a name: a killed process leaves nothing
	end  position.Position
	over bool
}

func (u *updater) newDiskProbe() *diskProbe {
	return &diskProbe{dir: u.config.Data, took: &u.measured.probe, clock: u.clock, log: u.log,
		sync: func(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }}
}

// look makes one write if the journal, which ends at end now, has grown since the last look and this is a standby.
func (p *diskProbe) look(standby bool, end position.Position) {
	grown := end != p.end && !p.end.IsZero()
	p.end = end
	if !standby || !grown || p.over {
		return
	}
	if err := p.write(); err != nil {
		// It holds nothing, so its failure ends nothing; but a failed fsync is not tried again (R8).
		p.over = true
		p.log.Warn("how fast the disk writes is not measured any more", "error", err)
	}
}

func (p *diskProbe) write() error {
	if p.file == nil {
		file, err := os.CreateTemp(p.dir, "probe-*")
		if err != nil {
			return err
		}
		p.file = file
		if err := os.Remove(file.Name()); err != nil {
			return err
		}
		if err := p.store(); err != nil { // the first one also allocates
			return err
		}
	}
	began := p.clock()
	if err := p.store(); err != nil {
		return err
	}
	p.took.Observe(p.clock() - began)
	return nil
}

func (p *diskProbe) store() error {
	page := make([]byte, 4096)
	copy(page, time.Now().String()) // so that it is never what stands there
	if _, err := p.file.WriteAt(page, 0); err != nil {
		return err
	}
	if err := p.sync(p.file); err != nil {
		return fmt.Errorf("fsync: %w", err)
	}
	return nil
}

func (p *diskProbe) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
}
