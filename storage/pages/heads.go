package pages

import (
	"cmp"
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

// Head is one of the two heads ("meta pages") of a bolt file: the number of its transaction, of the pages that there were then,
// and where the tree and the list of free pages begin.
type Head struct {
	PageSize, Root, Freelist, Pages, Transaction uint64
}

// parseHead reads a head from its page. known says that it is a head of bolt at all, valid that it is whole.
func parseHead(page []byte) (h Head, known bool, version uint32, valid bool) {
	if len(page) < pageHeader+metaSize {
		return h, false, 0, false
	}
	m := page[pageHeader:]
	if binary.NativeEndian.Uint32(m) != boltMagic {
		return h, false, 0, false
	}
	version = binary.NativeEndian.Uint32(m[4:])
	h = Head{
		PageSize:    uint64(binary.NativeEndian.Uint32(m[8:])),
		Root:        binary.NativeEndian.Uint64(m[16:]),
		Freelist:    binary.NativeEndian.Uint64(m[32:]),
		Pages:       binary.NativeEndian.Uint64(m[40:]),
		Transaction: binary.NativeEndian.Uint64(m[48:]),
	}
	sum := fnv.New64a()
	sum.Write(m[:metaSummed])
	return h, true, version, sum.Sum64() == binary.NativeEndian.Uint64(m[metaSummed:])
}

// ReadHeads returns the valid heads of a bolt file.
func ReadHeads(f io.ReaderAt) (heads []Head, known bool, version uint32, err error) {
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
		if valid && h.PageSize == uint64(len(page)) {
			heads = append(heads, h)
		}
	}
	return heads, known, version, nil
}

// Newest returns the head of the last transaction.
func Newest(heads []Head) Head {
	return slices.MaxFunc(heads, func(a, b Head) int { return cmp.Compare(a.Transaction, b.Transaction) })
}

// ReadFree returns all free pages that a head names: bolt itself loses the last one of a list of
// 65,535 or more when it reads it.
func ReadFree(f io.ReaderAt, h Head) ([]uint64, error) {
	page := make([]byte, pageHeader)
	if _, err := f.ReadAt(page, int64(h.Freelist*h.PageSize)); err != nil {
		return nil, fmt.Errorf("the list of free pages can't be read: %w", err)
	}
	flags, count := binary.NativeEndian.Uint16(page[8:]), uint64(binary.NativeEndian.Uint16(page[10:]))
	overflow := uint64(binary.NativeEndian.Uint32(page[12:]))
	if flags != flagFreelist || h.Freelist+overflow >= h.Pages {
		return nil, errors.New("the list of free pages is not where its head says")
	}
	whole := make([]byte, (overflow+1)*h.PageSize)
	if _, err := f.ReadAt(whole, int64(h.Freelist*h.PageSize)); err != nil {
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
		if free[i] < 2 || free[i] >= h.Pages {
			return nil, errors.New("the list of free pages names an impossible page")
		}
	}
	return free, nil
}
