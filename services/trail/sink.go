package trail

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/config"
)

// syslogSocket is where the syslog of a machine listens.
const syslogSocket = "/dev/log"

// errTooLong says that an entry is longer than its receiver accepts.
var errTooLong = errors.New("the entry is too long")

// writeWithin bounds one write where the kernel supports it: a pipe, a socket. A hanging disk blocks only the
// goroutine that writes.
const writeWithin = time.Second

// sink is the destination of entries. It is for one goroutine.
type sink interface {
	// write writes one complete line. After an error the same line must be written again, before any other, unless the
	// error is errTooLong.
	write(line []byte) error
	close()
}

func sinkOf(to string) sink {
	switch path, socket := strings.CutPrefix(to, config.Syslog+":"); {
	case to == "":
		return nil
	case to == config.Syslog:
		return &syslogSink{path: syslogSocket}
	case socket:
		return &syslogSink{path: path}
	}
	return &fileSink{path: to}
}

// Check opens the destination of a trail, and returns why it can never be written. A fault that may pass is no error:
// a full disk, a pipe without a reader, a syslog that starts.
func Check(to string) error {
	f, is := sinkOf(to).(*fileSink)
	if !is {
		return nil
	}
	err := f.open()
	f.close()
	for never, remedy := range map[error]string{
		syscall.ENOENT:       "make its directory first",
		syscall.ENOTDIR:      "make its directory first",
		syscall.EISDIR:       "write a file in it, as " + filepath.Join(to, "audit.jsonl"),
		syscall.EACCES:       "let the user of hotpair write there",
		syscall.EPERM:        "let the user of hotpair write there",
		syscall.EROFS:        "it is mounted read-only, or the unit keeps hotpair from it (ReadWritePaths=, LogsDirectory=)",
		syscall.ELOOP:        "name the file itself",
		syscall.ENAMETOOLONG: "choose a shorter one",
	} {
		if errors.Is(err, never) {
			return fmt.Errorf("the audit trail can't be written (HOTPAIR_AUDIT_TRAIL): %w: %s", err, remedy)
		}
	}
	return nil
}

// fileSink appends to a file or a pipe.
type fileSink struct {
	path string
	file *os.File
	is   os.FileInfo // of what is open
	done int         // bytes of the present line already written
}

func (f *fileSink) write(line []byte) error {
	if f.file != nil && !f.stands() {
		f.close()
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	_ = f.file.SetWriteDeadline(time.Now().Add(writeWithin)) // a regular file has none
	n, err := f.file.Write(line[f.done:])
	f.done += n
	if err == nil {
		f.done = 0
		return nil
	}
	if !f.is.Mode().IsRegular() && !errors.Is(err, os.ErrDeadlineExceeded) {
		f.close() // the reader of the pipe is gone
	}
	return err
}

// stands reports whether the path still leads to the open file.
func (f *fileSink) stands() bool {
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(f.is, now)
}

// open opens or creates the file. An unfinished line of an earlier main is terminated.
func (f *fileSink) open() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return err
	}
	is, err := file.Stat()
	if err == nil && is.Mode().IsRegular() && f.unfinished(is.Size()) {
		_, err = file.WriteString("\n")
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	f.file, f.is, f.done = file, is, 0
	return nil
}

// unfinished reports whether the file ends in the middle of a line, as far as it can be read.
func (f *fileSink) unfinished(size int64) bool {
	if size == 0 {
		return false
	}
	file, err := os.Open(f.path)
	if err != nil {
		return false
	}
	defer file.Close()
	last := []byte{'\n'}
	_, err = file.ReadAt(last, size-1)
	return err == nil && last[0] != '\n'
}

func (f *fileSink) close() {
	if f.file != nil {
		_ = f.file.Close() // the kernel has all writes; durability is not promised
	}
	f.file, f.is, f.done = nil, nil, 0
}

// syslogSink writes to the datagram socket of a syslog, in the format of the C library's syslog.
type syslogSink struct {
	path string
	conn *net.UnixConn
}

const (
	// facility is authpriv: security, not for everybody's eyes. The severities are warning and notice.
	facility = 10 << 3
	warning  = 4
	notice   = 5
)

func (s *syslogSink) write(line []byte) error {
	if s.conn == nil {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.path, Net: "unixgram"})
		if err != nil {
			return err
		}
		s.conn = conn
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeWithin)) // of an open socket
	_, err := s.conn.Write(s.framed(line, time.Now()))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EMSGSIZE):
		return fmt.Errorf("%w: %w", errTooLong, err)
	}
	s.close()
	return err
}

// framed returns a line as a datagram.
func (s *syslogSink) framed(line []byte, now time.Time) []byte {
	severity := notice
	for _, word := range []string{`"kind":"refused"`, `"kind":"trail"`, `"state":"raised"`} {
		if strings.Contains(string(line), word) {
			severity = warning
		}
	}
	return fmt.Appendf(nil, "<%d>%s hotpair[%d]: %s", facility|severity, now.Format(time.Stamp), os.Getpid(), strings.TrimSuffix(string(line), "\n"))
}

func (s *syslogSink) close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.conn = nil
}

// machine returns an address without its port.
func machine(from string) string {
	if host, _, err := net.SplitHostPort(from); err == nil {
		return host
	}
	return from
}
