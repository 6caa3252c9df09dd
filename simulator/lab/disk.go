package lab

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/hotpair/hotpair/services/pace"
)

// Disk is a directory that behaves like a faulty disk: it fills up, fails to make writes durable, or is slow. It is a
// file system of this process (FUSE) in front of a real directory. A dying process does not lose its writes.
type Disk struct {
	path   string
	behind string
	server *fuse.Server
	faults diskFaults
}

type diskFaults struct {
	full     atomic.Bool
	failSync atomic.Bool
	slow     atomic.Int64 // nanoseconds
	harmed   atomic.Int64 // calls that met a fault
}

// NewDisk mounts the directory behind at the directory at. Errors: ErrUnavailable, without FUSE.
func NewDisk(behind, at string) (*Disk, error) {
	d := &Disk{path: at, behind: behind}
	root := &diskNode{LoopbackNode: fs.LoopbackNode{RootData: &fs.LoopbackRoot{Path: behind}}, faults: &d.faults}
	root.RootData.RootNode = root
	var err error
	// Mounted without a helper program, which root may do.
	if d.server, err = fs.Mount(at, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "hotpair-lab"}}); err != nil {
		return nil, fmt.Errorf("%w: disk at %s: %w", ErrUnavailable, at, err)
	}
	return d, nil
}

// Path is the mount point. This process itself must not map files of it into memory, as bolt does: a page fault stops
// a thread without the Go runtime knowing, and the runtime may then wait for it while it waits for the disk.
func (d *Disk) Path() string { return d.path }

// Behind is the real directory, for this process.
func (d *Disk) Behind() string { return d.behind }

// Fill makes every write fail with "no space left on device", while full.
func (d *Disk) Fill(full bool) { d.faults.full.Store(full) }

// FailSync makes every fsync fail with an I/O error.
func (d *Disk) FailSync(fail bool) { d.faults.failSync.Store(fail) }

// Slow makes every fsync take longer by a duration; 0 is as fast as the directory behind.
func (d *Disk) Slow(by time.Duration) { d.faults.slow.Store(int64(by)) }

// Harmed counts the calls that met a fault.
func (d *Disk) Harmed() int64 { return d.faults.harmed.Load() }

// Repair ends every fault.
func (d *Disk) Repair() {
	d.Fill(false)
	d.FailSync(false)
	d.Slow(0)
}

// Close unmounts. No process may use the disk any more.
func (d *Disk) Close() error {
	d.Repair()
	if err := d.server.Unmount(); err != nil {
		return fmt.Errorf("unmount %s: %w", d.path, errors.Join(err, syscall.Unmount(d.path, syscall.MNT_DETACH)))
	}
	return nil
}

// diskNode is a file or directory.
type diskNode struct {
	fs.LoopbackNode
	faults *diskFaults
}

// WrapChild implements fs.NodeWrapChilder: entries below are faulty too.
func (n *diskNode) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &diskNode{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, faults: n.faults}
}

// Open implements fs.NodeOpener.
func (n *diskNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, used, errno := n.LoopbackNode.Open(ctx, flags)
	return n.wrap(h, errno), used, errno
}

// Create implements fs.NodeCreater.
func (n *diskNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if n.faults.full.Load() {
		n.faults.harmed.Add(1)
		return nil, nil, 0, syscall.ENOSPC
	}
	inode, h, used, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, n.wrap(h, errno), used, errno
}

func (n *diskNode) wrap(h fs.FileHandle, errno syscall.Errno) fs.FileHandle {
	if loopback, ok := h.(*fs.LoopbackFile); ok && errno == 0 {
		return &diskFile{LoopbackFile: loopback, faults: n.faults}
	}
	return h
}

// diskFile is an open file.
type diskFile struct {
	*fs.LoopbackFile
	faults *diskFaults
}

// Write implements fs.FileWriter.
func (f *diskFile) Write(ctx context.Context, data []byte, offset int64) (uint32, syscall.Errno) {
	if f.faults.full.Load() {
		f.faults.harmed.Add(1)
		return 0, syscall.ENOSPC
	}
	return f.LoopbackFile.Write(ctx, data, offset)
}

// Allocate implements fs.FileAllocater.
func (f *diskFile) Allocate(ctx context.Context, offset, size uint64, mode uint32) syscall.Errno {
	if f.faults.full.Load() {
		f.faults.harmed.Add(1)
		return syscall.ENOSPC
	}
	return f.LoopbackFile.Allocate(ctx, offset, size, mode)
}

// Fsync implements fs.FileFsyncer.
func (f *diskFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if by := time.Duration(f.faults.slow.Load()); by > 0 {
		f.faults.harmed.Add(1)
		_ = pace.Rest(ctx, by)
	}
	if f.faults.failSync.Load() {
		f.faults.harmed.Add(1)
		return syscall.EIO
	}
	return f.LoopbackFile.Fsync(ctx, flags)
}

// PassthroughFd implements fs.FilePassthroughFder: the kernel must not bypass this process.
func (f *diskFile) PassthroughFd() (int, bool) { return 0, false }
