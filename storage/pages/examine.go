package pages

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/hotpair/hotpair/storage/format"
)

// Examine refuses a file that bolt would crash on: bolt maps the file into memory and believes what stands
// there. nested names the bucket that holds others; their leaves are not read. The error is format.ErrForeign, ErrDamaged or ErrVersion; fs.ErrNotExist when there is no file.
func Examine(path, nested string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", format.ErrForeign, path)
	}
	heads, known, version, err := ReadHeads(f)
	switch {
	case err != nil:
		return err
	case len(heads) == 0 && version != 0:
		return fmt.Errorf("%w: %s is a bolt file of version %d, this program knows %d", format.ErrVersion, path, version, boltVersion)
	case len(heads) == 0 && !known && info.Size() > 0 && !allZero(f):
		return fmt.Errorf("%w: %s is no hotpair database; move it away", format.ErrForeign, path)
	case len(heads) == 0:
		return Damaged(path, "both of its heads are damaged")
	}
	// Only the newest whole head counts: pages of the older one may already have been used again.
	h := Newest(heads)
	if h.Pages < 4 || h.Root >= h.Pages || h.Freelist >= h.Pages || h.Pages > 1<<40 {
		return Damaged(path, "its head names impossible pages")
	}
	if need := h.Pages * h.PageSize; uint64(info.Size()) < need {
		return Damaged(path, fmt.Sprintf("it has %d bytes and needs %d: it was truncated", info.Size(), need))
	}
	w := &walk{file: f, head: h, shallow: true, nested: nested}
	if _, err := w.run(context.Background()); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if len(w.faults) > 0 {
		return Damaged(path, w.faults[0].Error())
	}
	return nil
}

// allZero reports whether the beginning of a file is nothing but zeros: a file that was allocated and lost its content.
func allZero(f io.ReaderAt) bool {
	head := make([]byte, 64)
	n, _ := f.ReadAt(head, 0)
	for _, b := range head[:n] {
		if b != 0 {
			return false
		}
	}
	return true
}

// Damaged returns the error for a database that can't be used.
func Damaged(path, why string) error {
	return fmt.Errorf("%w: %s: %s; move it out of the data directory, and this host gets a snapshot from the other one",
		format.ErrDamaged, path, why)
}
