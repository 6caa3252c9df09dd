package storage

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
)

// Numbers of bolt's file format.
const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	pageHeader     = 16
	metaSize       = 64
	metaSummed     = 56 // bytes of the head that its checksum covers
	flagBranch     = 0x01
	flagLeaf       = 0x02
	flagFreelist   = 0x10
	freelistLong   = 0xFFFF // a count that says: the number of free pages is the first element
	flagLeafBucket = 0x01
)

// boltHead is one of the two heads ("meta pages") of a bolt file.
type boltHead struct {
	pageSize, root, freelist, pages, txid uint64
}

// parseHead reads a head from its page. known says that it is a head of bolt at all, valid that it is whole.
func parseHead(page []byte) (h boltHead, known bool, version uint32, valid bool) {
	if len(page) < pageHeader+metaSize {
		return h, false, 0, false
	}
	m := page[pageHeader:]
	if binary.NativeEndian.Uint32(m) != boltMagic {
		return h, false, 0, false
	}
	version = binary.NativeEndian.Uint32(m[4:])
	h = boltHead{
		pageSize: uint64(binary.NativeEndian.Uint32(m[8:])),
		root:     binary.NativeEndian.Uint64(m[16:]),
		freelist: binary.NativeEndian.Uint64(m[32:]),
		pages:    binary.NativeEndian.Uint64(m[40:]),
		txid:     binary.NativeEndian.Uint64(m[48:]),
	}
	sum := fnv.New64a()
	sum.Write(m[:metaSummed])
	return h, true, version, sum.Sum64() == binary.NativeEndian.Uint64(m[metaSummed:])
}

// readHeads gives the valid heads of a bolt file.
func readHeads(f io.ReaderAt) (heads []boltHead, known bool, version uint32, err error) {
	page := make([]byte, os.Getpagesize())
	for i := range int64(2) {
		n, err := f.ReadAt(page, i*int64(len(page)))
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, 0, err
		}
		h, k, v, valid := parseHead(page[:n])
		known = known || k
		if k && v != boltVersion {
			version = v
			valid = false
		}
		if valid && h.pageSize == uint64(len(page)) {
			heads = append(heads, h)
		}
	}
	return heads, known, version, nil
}

// examineDatabase refuses a file that bolt would crash on: bolt maps the file into memory and believes what stands
// there. The error is ErrForeign, ErrDamaged or ErrVersion; fs.ErrNotExist when there is no file.
func examineDatabase(path string) error {
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
		return fmt.Errorf("%w: %s is not a regular file", ErrForeign, path)
	}
	heads, known, version, err := readHeads(f)
	switch {
	case err != nil:
		return err
	case len(heads) == 0 && version != 0:
		return fmt.Errorf("%w: %s is a bolt file of version %d, this program knows %d", ErrVersion, path, version, boltVersion)
	case len(heads) == 0 && !known && info.Size() > 0 && !allZero(f):
		return fmt.Errorf("%w: %s is no hotpair database; move it away", ErrForeign, path)
	case len(heads) == 0:
		return damaged(path, "neither of its two heads is whole")
	}
	// Only the newest whole head counts: pages of the older one may already have been used again.
	h := newest(heads)
	if h.pages < 4 || h.root >= h.pages || h.freelist >= h.pages || h.pages > 1<<40 {
		return damaged(path, "its head names pages that can't be")
	}
	if need := h.pages * h.pageSize; uint64(info.Size()) < need {
		return damaged(path, fmt.Sprintf("it has %d bytes and needs %d: it was truncated", info.Size(), need))
	}
	w := &pageWalk{file: f, head: h, shallow: true}
	if _, err := w.run(context.Background()); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if len(w.faults) > 0 {
		return damaged(path, w.faults[0].Error())
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

// newest gives the head of the last transaction.
func newest(heads []boltHead) boltHead {
	return slices.MaxFunc(heads, func(a, b boltHead) int { return cmp.Compare(a.txid, b.txid) })
}

// readFreelist gives the free pages that a head names, all of them: bolt itself loses the last one of a list of
// 65,535 or more when it reads it.
func readFreelist(f io.ReaderAt, h boltHead) ([]uint64, error) {
	page := make([]byte, pageHeader)
	if _, err := f.ReadAt(page, int64(h.freelist*h.pageSize)); err != nil {
		return nil, fmt.Errorf("the list of free pages can't be read: %w", err)
	}
	flags, count := binary.NativeEndian.Uint16(page[8:]), uint64(binary.NativeEndian.Uint16(page[10:]))
	overflow := uint64(binary.NativeEndian.Uint32(page[12:]))
	if flags != flagFreelist || h.freelist+overflow >= h.pages {
		return nil, errors.New("the list of free pages is not where its head says")
	}
	whole := make([]byte, (overflow+1)*h.pageSize)
	if _, err := f.ReadAt(whole, int64(h.freelist*h.pageSize)); err != nil {
		return nil, fmt.Errorf("the list of free pages can't be read: %w", err)
	}
	ids := whole[pageHeader:]
	if count == freelistLong {
		count = binary.NativeEndian.Uint64(ids)
		ids = ids[8:]
		if count < freelistLong {
			return nil, errors.New("the list of free pages has an impossible length")
		}
	}
	if count > uint64(len(ids)/8) {
		return nil, errors.New("the list of free pages is longer than its pages")
	}
	free := make([]uint64, count)
	for i := range free {
		free[i] = binary.NativeEndian.Uint64(ids[8*i:])
		if free[i] < 2 || free[i] >= h.pages {
			return nil, errors.New("the list of free pages names a page that can't be")
		}
	}
	return free, nil
}

// damaged makes the error for a database that can't be used.
func damaged(path, why string) error {
	return fmt.Errorf("%w: %s: %s; keep it aside, remove it from the data directory, and let this host copy from the other one",
		ErrDamaged, path, why)
}
