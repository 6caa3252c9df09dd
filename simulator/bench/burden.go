package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/hotpair/hotpair/services/process"
)

// commandBurn is how bench starts itself as a burden of the machine.
const commandBurn = "burn"

// Kinds of burden.
const (
	burnProcessor  = "processor"
	burnSyncedDisk = "synced"     // each write is flushed before the next, as dd with oflag=dsync does
	burnLargeDisk  = "sequential" // large writes as fast as the page cache takes them, then one flush
)

const (
	syncedBlock = 64 << 10
	syncedFile  = 16 << 20
	largeBlock  = 4 << 20
	largeFile   = 256 << 20
)

// burden is a load of the machine by processes of their own.
type burden struct {
	dir      string
	children []*process.Child
}

// newBurden starts processes that burn processor time, and others that write: half of them flush each write.
func newBurden(burners, disks int) (*burden, error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-burden-")
	if err != nil {
		return nil, fmt.Errorf("burden: %w", err)
	}
	b := &burden{dir: dir}
	for i := range burners + disks {
		args := []string{commandBurn, burnProcessor}
		if disk := i - burners; disk >= 0 {
			kind := burnSyncedDisk
			if disk%2 == 1 {
				kind = burnLargeDisk
			}
			args = []string{commandBurn, kind, filepath.Join(dir, strconv.Itoa(i))}
		}
		child, err := process.Start(process.Spec{Name: commandBurn, Path: "/proc/self/exe", Args: args, Environ: []string{"GOMAXPROCS=1"}, Group: true})
		if err != nil {
			return nil, errors.Join(err, b.end())
		}
		b.children = append(b.children, child)
	}
	return b, nil
}

// end takes the burden away.
func (b *burden) end() error {
	var failed []error
	for _, child := range b.children {
		failed = append(failed, child.Kill())
	}
	for _, child := range b.children {
		child.Wait()
	}
	return errors.Join(append(failed, os.RemoveAll(b.dir))...)
}

// burn is one process of the burden. It ends with ctx, or with its parent.
func burn(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == burnProcessor:
		for n := 0; ; n++ {
			if n&(1<<20-1) == 0 && ctx.Err() != nil {
				return nil
			}
		}
	case len(args) == 2 && args[0] == burnSyncedDisk:
		return write(ctx, args[1], syscall.O_DSYNC, syncedBlock, syncedFile)
	case len(args) == 2 && args[0] == burnLargeDisk:
		return write(ctx, args[1], 0, largeBlock, largeFile)
	}
	return fmt.Errorf("%w: burn %s, %s or %s", errUsage, burnProcessor, burnSyncedDisk, burnLargeDisk)
}

// write fills a file again and again, with a flush at each end.
func write(ctx context.Context, path string, flags int, block, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
	if err != nil {
		return fmt.Errorf("burden: %w", err)
	}
	defer f.Close()
	data := make([]byte, block)
	for n := int64(1); ctx.Err() == nil; n++ {
		for i := int64(0); i < block; i += 512 {
			data[i] = byte(n) // no two writes alike
		}
		if _, err := f.WriteAt(data, (n-1)*block%size); err != nil {
			return fmt.Errorf("burden: %w", err)
		}
		if n*block%size == 0 {
			if err := f.Sync(); err != nil {
				return fmt.Errorf("burden: %w", err)
			}
		}
	}
	return nil
}
