package pages

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hotpair/hotpair/storage/format"
)

const (
	elementSize  = 16 // of a key's entry in a page, leaf and branch alike
	bucketHeader = 16 // of a sub-bucket's value: its first page and its sequence
	deepest      = 64 // levels; a tree so deep is a circle
	faultsMost   = 20 // more are not told apart
)

// Walk visits all pages that a head leads to, and returns the number of those that are neither used nor free: they are
// lost to bolt, which is a waste and no damage. The error is format.ErrDamaged, joined from what was found (at most 20
// things), or ctx's.
func Walk(ctx context.Context, file io.ReaderAt, head Head) (lost int, err error) {
	w := &walk{file: file, head: head}
	if lost, err = w.run(ctx); err == nil {
		err = errors.Join(w.faults...)
	}
	return lost, err
}

// walk goes through the pages of a bolt file as the file has them, believing nothing. bolt has a check of its own,
// which believes every length and offset, panics in a goroutine of its own where nobody can catch it, and may not run
// beside a writer.
//
// A shallow walk does not read the leaves of the large buckets. It sees a hundredth of the file, and all that could
// send bolt in circles, which nothing stops; a bad leaf only makes it panic.
type walk struct {
	file    io.ReaderAt
	head    Head
	shallow bool
	nested  string // the bucket that is itself full of buckets
	owner   []bool // pages that something leads to, or that are free
	faults  []error
}

// fault notes what is wrong.
func (w *walk) fault(text string, args ...any) {
	if len(w.faults) < faultsMost {
		w.faults = append(w.faults, fmt.Errorf("%w: "+text, append([]any{format.ErrDamaged}, args...)...))
	}
}

// run walks everything and gives the number of pages that are neither used nor free: they are lost to bolt, which is a
// waste and no damage (bolt forgets the last page of a long list of free ones when it opens a file).
func (w *walk) run(ctx context.Context) (lost int, err error) {
	w.owner = make([]bool, w.head.Pages)
	w.owner[0], w.owner[1] = true, true
	free, err := ReadFree(w.file, w.head)
	if err != nil {
		w.fault("%v", err)
		return 0, nil
	}
	listPages := uint64(1)
	header := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(header, int64(w.head.Freelist*w.head.PageSize)); err != nil {
		return 0, err
	}
	listPages += uint64(binary.NativeEndian.Uint32(header[12:]))
	for i := range listPages {
		w.own(w.head.Freelist + i)
	}
	for _, id := range free {
		w.own(id)
	}
	if err := w.tree(ctx, w.head.Root, branchOf{holds: holdsBuckets}); err != nil {
		return 0, err
	}
	for _, owned := range w.owner {
		if !owned {
			lost++
		}
	}
	return lost, nil
}

// own notes that something leads to a page.
func (w *walk) own(id uint64) bool {
	switch {
	case id < 2 || id >= w.head.Pages:
		w.fault("page %d is out of bounds", id)
		return false
	case w.owner[id]:
		w.fault("page %d is used twice, or used and free", id)
		return false
	}
	w.owner[id] = true
	return true
}

// holds says what a bucket holds, which decides how a shallow walk continues.
type holds int

const (
	holdsKeys holds = iota
	holdsBuckets
	holdsSpaces // the bucket of the data, itself full of buckets
)

// branchOf says where in a tree a page lies. Its keys must lie in [from, upto); nil is no bound.
type branchOf struct {
	depth      int
	from, upto []byte
	holds      holds
}

// header reads the beginning of a page.
func (w *walk) header(id uint64) (flags uint16, overflow uint64, err error) {
	header := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(header, int64(id*w.head.PageSize)); err != nil {
		return 0, 0, fmt.Errorf("page %d: %w", id, err)
	}
	overflow = uint64(binary.NativeEndian.Uint32(header[12:]))
	if binary.NativeEndian.Uint64(header) != id || id+overflow >= w.head.Pages {
		w.fault("page %d does not match its header", id)
		return 0, 0, nil
	}
	return binary.NativeEndian.Uint16(header[8:]), overflow, nil
}

// tree walks the pages from one on.
func (w *walk) tree(ctx context.Context, id uint64, at branchOf) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if at.depth > deepest {
		w.fault("page %d is deeper than %d levels", id, deepest)
		return nil
	}
	if !w.own(id) {
		return nil
	}
	flags, overflow, err := w.header(id)
	if err != nil || flags == 0 {
		return err
	}
	for i := range overflow {
		if !w.own(id + 1 + i) {
			return nil
		}
	}
	if w.shallow && flags == flagLeaf && at.holds == holdsKeys {
		return nil
	}
	page := make([]byte, (overflow+1)*w.head.PageSize)
	if _, err := w.file.ReadAt(page, int64(id*w.head.PageSize)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return w.page(ctx, id, page, at)
}

// page walks one page, or one bucket that is small enough to lie within its parent's page.
func (w *walk) page(ctx context.Context, id uint64, page []byte, at branchOf) error {
	flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	elements := page[pageHeader:]
	if count*elementSize > len(elements) {
		w.fault("page %d names %d keys but has no room for them", id, count)
		return nil
	}
	if flags != flagLeaf && flags != flagBranch || flags == flagBranch && count == 0 {
		w.fault("page %d has the impossible type %#x", id, flags)
		return nil
	}
	if count == 0 && len(bytes.Trim(elements, "\x00")) > 0 {
		w.fault("page %d names no keys but has some", id)
		return nil
	}
	keys, values := make([][]byte, count), make([][]byte, count)
	next := count * elementSize // bolt writes keys and values one after the other, right behind the last entry
	for i := range count {
		var ok bool
		var begin int
		keys[i], values[i], begin, ok = element(flags, elements[i*elementSize:])
		if !ok {
			w.fault("key %d of page %d is out of bounds", i, id)
			return nil
		}
		if i*elementSize+begin != next {
			w.fault("key %d of page %d overlaps the one before it", i, id)
			return nil
		}
		next += len(keys[i]) + len(values[i])
		if len(keys[i]) == 0 || i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 ||
			at.from != nil && bytes.Compare(keys[i], at.from) < 0 || at.upto != nil && bytes.Compare(keys[i], at.upto) >= 0 {
			w.fault("key %d of page %d is out of order", i, id)
			return nil
		}
	}
	leaves := false
	if flags == flagBranch {
		var err error
		if leaves, err = w.aboveLeaves(elements, at); err != nil {
			return err
		}
	}
	for i := range count {
		var err error
		switch {
		case leaves:
			w.own(binary.NativeEndian.Uint64(elements[i*elementSize+8:]))
		case flags == flagBranch:
			below := branchOf{depth: at.depth + 1, from: keys[i], upto: at.upto, holds: at.holds}
			if i+1 < count {
				below.upto = keys[i+1]
			}
			err = w.tree(ctx, binary.NativeEndian.Uint64(elements[i*elementSize+8:]), below)
		case binary.NativeEndian.Uint32(elements[i*elementSize:])&flagLeafBucket != 0:
			below := branchOf{depth: at.depth + 1}
			if at.holds == holdsBuckets && string(keys[i]) == w.nested {
				below.holds = holdsSpaces
			}
			err = w.bucket(ctx, id, values[i], below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// element finds key and value of an element, and where they begin, which counts from its own place.
func element(flags uint16, element []byte) (key, value []byte, begin int, ok bool) {
	var at, size, valueSize uint64
	if flags == flagLeaf {
		at = uint64(binary.NativeEndian.Uint32(element[4:]))
		size = uint64(binary.NativeEndian.Uint32(element[8:]))
		valueSize = uint64(binary.NativeEndian.Uint32(element[12:]))
	} else {
		at = uint64(binary.NativeEndian.Uint32(element))
		size = uint64(binary.NativeEndian.Uint32(element[4:]))
	}
	if at < elementSize || at+size+valueSize > uint64(len(element)) {
		return nil, nil, 0, false
	}
	return element[at : at+size], element[at+size : at+size+valueSize], int(at), true
}

// aboveLeaves reports whether a shallow walk ends below a branch: what its first child is, all are, for all leaves of a
// tree are equally deep.
func (w *walk) aboveLeaves(elements []byte, at branchOf) (bool, error) {
	first := binary.NativeEndian.Uint64(elements[8:])
	if !w.shallow || at.holds != holdsKeys || first >= w.head.Pages {
		return false, nil
	}
	flags, _, err := w.header(first)
	return flags == flagLeaf, err
}

// bucket walks a sub-bucket.
func (w *walk) bucket(ctx context.Context, id uint64, value []byte, at branchOf) error {
	if len(value) < bucketHeader {
		w.fault("a bucket in page %d has %d bytes", id, len(value))
		return nil
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return w.tree(ctx, root, at)
	}
	if at.depth > deepest || len(value) < bucketHeader+pageHeader {
		w.fault("a bucket in page %d has %d bytes", id, len(value))
		return nil
	}
	return w.page(ctx, id, value[bucketHeader:], at)
}
