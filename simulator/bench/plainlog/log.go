// Package plainlog is a journal of plain files with the guarantees that the pair's journal gives by JetStream: the same messages, appended only
// where they are expected, flushed before they are acknowledged, chained, checked for their term, and read again after a crash up to the
// first one that is torn. It exists to tell what JetStream costs; nothing of the pair uses it.
package plainlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/storage"
)

var (
	// ErrExpected says that a message was sent for another place in the log than the next.
	ErrExpected = errors.New("not the next place in the log")
	// ErrDamaged says that a message before the last one can't be read.
	ErrDamaged = errors.New("log is damaged")
	// ErrTerm says that a sender has no right to append, or has it no more.
	ErrTerm = errors.New("not the term of this session")
	// ErrDead says that a write or flush has failed before: nothing is known of the file any more.
	ErrDead = errors.New("log has failed")
)

// Log is one host's file. It is not for use by several goroutines.
type Log struct {
	file *os.File
	tail *journal.Tail
	seq  uint64 // of the last message
	dead error
}

// sizeBytes is the length of a message before it.
const sizeBytes = 4

// Open reads a log from its beginning, which follows base, and drops a torn end. Error: ErrDamaged.
func Open(path string, base storage.Mark) (*Log, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{file: file, tail: journal.NewTail(base)}
	if err := l.read(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

func (l *Log) read() error {
	info, err := l.file.Stat()
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	in, end := bufio.NewReader(l.file), int64(0)
	for {
		raw, err := receive(in, info.Size()-end)
		if err != nil {
			break // torn
		}
		m, err := journal.Decode(raw)
		if err != nil {
			if end+sizeBytes+int64(len(raw)) == info.Size() {
				break // torn within
			}
			return fmt.Errorf("%w: message %d: %w", ErrDamaged, l.seq+1, err)
		}
		l.seq++
		if _, err := l.tail.Take(l.seq, m); err != nil {
			return fmt.Errorf("%w: message %d: %w", ErrDamaged, l.seq, err)
		}
		end += sizeBytes + int64(len(raw))
	}
	if err := l.file.Truncate(end); err != nil {
		return fmt.Errorf("drop torn end: %w", err)
	}
	if _, err := l.file.Seek(end, io.SeekStart); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	return l.file.Sync()
}

// receive reads one message of at most so many bytes with its length.
func receive(in io.Reader, most int64) ([]byte, error) {
	var size [sizeBytes]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n > min(most-sizeBytes, journal.MaxFrame) {
		return nil, io.ErrUnexpectedEOF
	}
	raw := make([]byte, n)
	_, err := io.ReadFull(in, raw)
	return raw, err
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Seq is the number of the last message.
func (l *Log) Seq() uint64 { return l.seq }

// Tail is what the log says.
func (l *Log) Tail() *journal.Tail { return l.tail }

// Append makes bytes durable behind the message expected. Errors: ErrExpected, ErrDead.
func (l *Log) Append(expected uint64, raw []byte) error {
	if l.dead != nil {
		return fmt.Errorf("%w: %w", ErrDead, l.dead)
	}
	if expected != l.seq {
		return fmt.Errorf("%w: behind %d, the log ends at %d", ErrExpected, expected, l.seq)
	}
	text := make([]byte, 0, sizeBytes+len(raw))
	text = append(binary.BigEndian.AppendUint32(text, uint32(len(raw))), raw...)
	if _, l.dead = l.file.Write(text); l.dead == nil {
		l.dead = l.file.Sync()
	}
	if l.dead != nil {
		return fmt.Errorf("%w: %w", ErrDead, l.dead)
	}
	l.seq++
	return nil
}

// Own makes a frame of this host's own durable, and notes it.
func (l *Log) Own(f *journal.Frame, entries []storage.Stored, raw []byte) error {
	if err := l.Append(l.seq, raw); err != nil {
		return err
	}
	return l.tail.Own(l.seq, f, entries)
}

// Serve takes frames of one term from a connection until it ends, and acknowledges each that is durable. took is told of it then.
func (l *Log) Serve(conn net.Conn, term journal.Term, took func()) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		var expected [8]byte
		if _, err := io.ReadFull(in, expected[:]); err != nil {
			return err
		}
		raw, err := receive(in, sizeBytes+journal.MaxFrame)
		if err != nil {
			return err
		}
		m, err := journal.Decode(raw)
		switch {
		case err != nil:
			return err
		case m.Frame == nil || m.Frame.Term != term || term.Before(l.tail.Fence().Term):
			return fmt.Errorf("%w: %v", ErrTerm, term)
		}
		if err := l.Append(binary.BigEndian.Uint64(expected[:]), raw); err != nil {
			return err
		}
		if _, err := l.tail.Take(l.seq, m); err != nil {
			return err
		}
		if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, l.seq)); err != nil {
			return err
		}
		took()
	}
}

// Peer is the other host's log.
type Peer struct {
	conn net.Conn
	seq  uint64
}

// NewPeer sends over a connection to who serves a log that ends at seq.
func NewPeer(conn net.Conn, seq uint64) *Peer { return &Peer{conn, seq} }

// Send returns when a message is durable at the other host.
func (p *Peer) Send(raw []byte) error {
	text := make([]byte, 0, 8+sizeBytes+len(raw))
	text = binary.BigEndian.AppendUint64(text, p.seq)
	text = append(binary.BigEndian.AppendUint32(text, uint32(len(raw))), raw...)
	if _, err := p.conn.Write(text); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	var acked [8]byte
	if _, err := io.ReadFull(p.conn, acked[:]); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	p.seq = binary.BigEndian.Uint64(acked[:])
	return nil
}
