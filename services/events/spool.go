package events

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
)

const (
	// spoolFile is the name of the spool in the data directory.
	spoolFile = "events.spool"
	// spoolBytes is the size from which the file is rewritten with only the events still needed.
	spoolBytes = 4 << 20
	// spoolRead bounds how much of a file is read, and spoolLine one line: the file may be damaged.
	spoolRead = 16 << 20
	spoolLine = 64 << 10
)

// spool is the file with the events that are not in the pair's log yet, so that they survive this main: one line for
// each, with a checksum. It may hold events that the log has already; the log ignores those. It is for one goroutine.
//
// Lines are written at once and flushed to the disk by sync: a killed process loses none, a power loss perhaps those
// of the last moments.
type spool struct {
	path  string
	file  *os.File
	size  int64
	dirty bool
}

// openSpool opens the spool of a data directory and reads it. damaged counts unreadable lines; the last one is
// incomplete when its writer was killed.
func openSpool(dir, host string) (s *spool, left []bus.Event, damaged int, err error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, nil, 0, fmt.Errorf("event spool: %w", err)
	}
	path := filepath.Join(dir, spoolFile)
	old, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, nil, 0, fmt.Errorf("event spool: %w", err)
	default:
		left, damaged, err = readSpool(old, host)
		if err = errors.Join(err, old.Close()); err != nil {
			return nil, nil, 0, fmt.Errorf("event spool: %w", err)
		}
	}
	s = &spool{path: path}
	// An incomplete line would spoil the one written after it.
	return s, left, damaged, s.rewrite(left)
}

// readSpool reads the events of a host. The error is the reader's.
func readSpool(from io.Reader, host string) (left []bus.Event, damaged int, err error) {
	r := bufio.NewReaderSize(io.LimitReader(from, spoolRead), spoolLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			if len(line) > 0 {
				damaged++
			}
			return left, damaged, nil
		case errors.Is(err, bufio.ErrBufferFull):
			damaged++
			if err := skipLine(r); err != nil {
				return left, damaged, ignoreEOF(err)
			}
			continue
		case err != nil:
			return left, damaged, err
		}
		e, ok := decodeSpoolLine(line[:len(line)-1])
		if !ok || e.Host != host || len(left) == pendingEvents {
			damaged++
			continue
		}
		left = append(left, e)
	}
}

func skipLine(r *bufio.Reader) error {
	for {
		if _, err := r.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// encodeSpoolLine returns a line: checksum, space, JSON, end of line.
func encodeSpoolLine(e bus.Event) []byte {
	text := bus.EncodeJSON(e)
	line := make([]byte, 0, len(text)+10)
	line = fmt.Appendf(line, "%08x ", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
	return append(append(line, text...), '\n')
}

func spoolLines(list []bus.Event) (text []byte) {
	for _, e := range list {
		text = append(text, encodeSpoolLine(e)...)
	}
	return text
}

// decodeSpoolLine reads a line without its end.
func decodeSpoolLine(line []byte) (e bus.Event, ok bool) {
	sum, text, found := bytes.Cut(line, []byte(" "))
	if !found || len(sum) != 8 {
		return e, false
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || uint32(want) != crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) {
		return e, false
	}
	if json.Unmarshal(text, &e) != nil || e.Check() != nil {
		return bus.Event{}, false
	}
	return e, true
}

// append writes events after the others.
func (s *spool) append(list []bus.Event) error {
	n, err := s.file.Write(spoolLines(list))
	s.size += int64(n)
	s.dirty = true
	if err != nil {
		return fmt.Errorf("event spool: %w", err)
	}
	return nil
}

// full reports whether the file should be rewritten.
func (s *spool) full() bool { return s.size > spoolBytes }

// clear empties the file: the log has everything.
func (s *spool) clear() error {
	if s.size == 0 {
		return nil
	}
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("event spool: %w", err)
	}
	s.size, s.dirty = 0, false
	return nil
}

// sync flushes what was written to the disk.
func (s *spool) sync() error {
	if !s.dirty {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("event spool: %w", err)
	}
	s.dirty = false
	return nil
}

// rewrite replaces the file by one with only these events.
func (s *spool) rewrite(list []bus.Event) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("event spool: %w", err)
		}
	}()
	text := spoolLines(list)
	if err := durable.Write(s.path, text); err != nil {
		return err
	}
	file, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	before := s.file
	*s = spool{path: s.path, file: file, size: int64(len(text))}
	if before != nil {
		return before.Close()
	}
	return nil
}

func (s *spool) close() error { return s.file.Close() }
