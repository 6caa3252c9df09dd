package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/rights"
)

const (
	// maxFile bounds each of the three files.
	maxFile = 256 << 10
	// every is how often they are checked. They are read in full: they are small, and no date or inode shows a change
	// as reliably.
	every = 2 * time.Second
)

// Paths are the files of HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA.
type Paths struct {
	// Certificate is this process's certificate, followed by those between it and the root.
	Certificate string
	// Key is its private key, readable by its owner only.
	Key string
	// Roots are the authorities of the pair.
	Roots string
	// Kept is the file with a copy of the last good files, readable by its owner only; "" for none. Keep: this Files
	// writes it. It is used at a start while the files are unusable.
	Kept string
	Keep bool
}

// Files is a Source of files that others write: an authority's agent, cert-manager, a person. Unusable files change
// nothing: the last good ones stay in use, and State says what is wrong. The three may be replaced one after the
// other; until they fit, that is a fault too.
type Files struct {
	paths  Paths
	now    func() time.Time
	logger *slog.Logger

	loading sync.Mutex // one Load at a time
	pinned  Name       // the zero Name: any
	seen    [3]string  // content of the last read
	kept    string     // content of the copy, as far as known

	mu      sync.Mutex
	current *Credentials
	loaded  time.Time
	fault   error
	since   time.Time
	copied  bool  // current is the copy
	unkept  error // why there is no copy of current
}

// NewFiles returns a Files. Nothing is read before Load or Run. now is time.Now if nil.
func NewFiles(paths Paths, now func() time.Time, logger *slog.Logger) *Files {
	if now == nil {
		now = time.Now
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Files{paths: paths, now: now, logger: logger}
}

// Pin accepts only certificates of this name from now on: a process does not change its identity while it runs.
func (f *Files) Pin(n Name) {
	f.loading.Lock()
	defer f.loading.Unlock()
	f.pinned = n
}

// Run checks the files repeatedly until ctx ends, and returns its cause. turned is called when the roots have changed
// since the last check: peers that the previous roots let in may not be let in by the new ones.
func (f *Files) Run(ctx context.Context, turned func()) error {
	before, _ := f.Current()
	for {
		_ = f.Load() // State and the log show it
		f.keep()
		if now, err := f.Current(); err == nil {
			if before != nil && !now.BelievesAs(before) {
				turned()
			}
			before = now
		}
		if err := pace.Rest(ctx, pace.Next(every)); err != nil {
			return err
		}
	}
}

// Load checks the files now. The error says why they are unusable; it wraps ErrCredentials.
func (f *Files) Load() error {
	f.loading.Lock()
	defer f.loading.Unlock()
	seen, err := f.read()
	if err == nil {
		f.mu.Lock()
		same := f.current != nil && seen == f.seen && f.fault == nil
		f.mu.Unlock()
		if same {
			return nil
		}
	}
	var next *Credentials
	if err == nil {
		next, err = f.parse(seen)
	}
	f.seen = seen
	f.set(next, err)
	return err
}

func (f *Files) set(next *Credentials, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if err != nil {
		if f.fault == nil {
			f.since = now
		}
		if f.fault == nil || f.fault.Error() != err.Error() {
			f.logger.Error("new certificate files are unusable; the previous ones stay in use", "error", err, "last_good", f.current != nil)
		}
		f.fault = err
		return
	}
	f.current, f.loaded, f.fault, f.since, f.copied = next, now, nil, time.Time{}, false
	f.logger.Info("certificate files read", "name", next.Self.Name.String(), "key", next.Self.Fingerprint.String(), "until", next.Self.NotAfter)
}

func (f *Files) read() (seen [3]string, err error) {
	for i, file := range []struct {
		path, variable string
		private        bool
	}{{f.paths.Certificate, "HOTPAIR_TLS_CERT", false}, {f.paths.Key, "HOTPAIR_TLS_KEY", true}, {f.paths.Roots, "HOTPAIR_TLS_CA", false}} {
		content, err := readFile(file.path, file.private)
		if err != nil {
			return seen, fmt.Errorf("%w: %s: %w", ErrCredentials, file.variable, err)
		}
		seen[i] = string(content)
	}
	return seen, nil
}

// ErrReadable says that others could read a private key.
var ErrReadable = errors.New("the private key is accessible to others")

// ReadPrivate reads a file with a key, which must be readable by its owner only. The error may be ErrReadable.
func ReadPrivate(path string) ([]byte, error) { return readFile(path, true) }

// readFile reads a file of at most maxFile bytes; a private one must be readable by its owner only.
func readFile(path string, private bool) ([]byte, error) {
	file, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if private {
		whom, err := rights.Beyond(file, false)
		if err != nil {
			return nil, err
		}
		if whom != "" {
			return nil, fmt.Errorf("%w: %s %s; only its owner may have access: run %s, and if others may have read it, make a new key", ErrReadable, path, whom, rights.Remedy(path))
		}
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s: %w: more than %d bytes", path, regular.ErrTooLarge, maxFile)
	}
	return content, err
}

func (f *Files) parse(seen [3]string) (*Credentials, error) {
	shown, err := ParseCertificates([]byte(seen[0]))
	if err != nil {
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_CERT: %s: %w", ErrCredentials, f.paths.Certificate, err)
	}
	key, err := ParseKey([]byte(seen[1]))
	if err != nil {
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_KEY: %s: %w", ErrCredentials, f.paths.Key, err)
	}
	roots, err := ParseCertificates([]byte(seen[2]))
	if err != nil {
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_CA: %s: %w", ErrCredentials, f.paths.Roots, err)
	}
	c, err := NewCredentials(shown, key, roots)
	if err == nil && f.pinned != (Name{}) && c.Self.Name != f.pinned {
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_CERT: %s holds the certificate of %s, but this process is %s: a process changes its identity only when it restarts",
			ErrCredentials, f.paths.Certificate, c.Self.Name, f.pinned)
	}
	return c, err
}

// Current implements Source.
func (f *Files) Current() (*Credentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.current != nil:
		return f.current, nil
	case f.fault != nil:
		return nil, f.fault
	}
	return nil, fmt.Errorf("%w: the files have not been read yet", ErrCredentials)
}

// State returns the state of the files.
func (f *Files) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := StateOf(f.current, f.loaded, f.now())
	if f.fault != nil {
		s.Fault, s.FaultSince, s.Copied = f.fault.Error(), f.since, f.copied
	}
	if f.unkept != nil {
		s.Unkept = f.unkept.Error()
	}
	return s
}
