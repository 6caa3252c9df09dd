// Package boltfile opens the bolt files of an agent. bolt trusts the content of its file; this package checks files
// first, so that the agent survives a terminal's disk that was damaged anywhere.
package boltfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/storage/pages"
)

const (
	// quarantined is added to the name of a file that is quarantined, and a number when there is one already; mostQuarantined bounds it.
	quarantined     = ".quarantined"
	mostQuarantined = 1000
	// lockWithin bounds the wait for another program to close a file.
	lockWithin = time.Second
)

var (
	// ErrDamaged says that the content of a file is invalid.
	ErrDamaged = errors.New("file is damaged")
	// ErrInUse says that another program has the file open.
	ErrInUse = errors.New("file is open in another program")
)

// Examine checks a file before bolt opens it. doubt: its last transaction may be missing, because one of its two meta
// pages was torn.
func Examine(path string) (doubt bool, err error) {
	if err := pages.Examine(path, ""); err != nil {
		return false, err
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	heads, _, _, err := pages.ReadHeads(file)
	if err != nil {
		return false, err
	}
	_, err = pages.Walk(context.Background(), file, pages.Newest(heads)) // it is small; bolt would follow a bad leaf anywhere
	return len(heads) < 2, err
}

// IsDamage distinguishes a damaged file from a fault of the machine.
func IsDamage(err error) bool {
	var system *fs.PathError
	switch {
	case err == nil, errors.Is(err, ErrInUse):
		return false
	case errors.As(err, &system):
		return durable.Lost(err) // a part of it
	}
	return true
}

// Quarantine renames a file to a unique name and returns that name.
func Quarantine(path string) (name string, err error) {
	for n := range mostQuarantined {
		to := path + quarantined
		if n > 0 {
			to = fmt.Sprintf("%s-%d", to, n+1)
		}
		if _, err := os.Lstat(to); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return filepath.Base(to), durable.Rename(path, to)
	}
	return "", fmt.Errorf("%d files are quarantined already (%s…); inspect and remove them", mostQuarantined, path+quarantined)
}

// Quarantined lists the quarantined files that still exist.
func Quarantined(path string) (names []string, err error) {
	files, err := os.ReadDir(filepath.Dir(path))
	for _, f := range files {
		if strings.HasPrefix(f.Name(), filepath.Base(path)+quarantined) {
			names = append(names, f.Name())
		}
	}
	return names, err
}

// begins is the size of a file that bolt creates, in pages.
const begins = 4

// tryRoom reports whether there is room for a new file. bolt leaves a file open that it can't create.
func tryRoom(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(make([]byte, begins*os.Getpagesize())); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	return errors.Join(f.Truncate(0), f.Close())
}

// Open opens a file and creates it if it is absent.
func Open(path string) (db *bolt.DB, err error) {
	if err := tryRoom(path); err != nil {
		return nil, err
	}
	err = Guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWithin})
		return err
	})
	if errors.Is(err, bolt.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	return db, err
}

// Make creates an absent file, complete under a temporary name before it is renamed, so that a file without its first
// content is always damage. first, if not nil, writes that content.
func Make(path string, first func(*bolt.Tx) error) (*bolt.DB, error) {
	making := durable.Making(path)
	if err := os.Remove(making); err != nil && !errors.Is(err, fs.ErrNotExist) { // an attempt without room
		return nil, err
	}
	db, err := Open(making)
	if err != nil {
		return nil, err
	}
	if first != nil {
		err = db.Update(first)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	if err := durable.Rename(making, path); err != nil {
		return nil, err
	}
	return Open(path)
}

// Guard turns the effects of a damaged file on bolt (a panic, or a fault beyond the mapped file) into ErrDamaged.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return f()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal adds a checksum of data and its key to data, as bolt has none.
func Seal(key, data []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, data)
	return binary.BigEndian.AppendUint32(bytes.Clone(data), sum)
}

// Unseal checks and removes the checksum that Seal added.
func Unseal(key, value []byte) ([]byte, error) {
	if len(value) < 4 {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(value))
	}
	data, sum := value[:len(value)-4], binary.BigEndian.Uint32(value[len(value)-4:])
	if crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, data) != sum {
		return nil, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	return data, nil
}
