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
	// every is how often they are looked at. They are read whole: three small files, and no date or inode says as surely that they changed.
	every = 2 * time.Second
)

// Paths are the files of HOTPAIR_TLS_CERT, HOTPAIR_TLS_KEY and HOTPAIR_TLS_CA.
type Paths struct {
	// Certificate is the own one, and behind it those between it and the root.
	Certificate string
	// Key is the own private key, readable by its owner only.
	Key string
	// Roots are the authorities of the pair.
	Roots string
	// Kept is where a copy of the last good ones is, readable by its owner only; "" is nowhere. Keep: this Files writes it. It serves a start
	// while the files can't be used.
	Kept string
	Keep bool
}

// Files is a Source of files that somebody else writes: an authority's agent, cert-manager, a person. What can't be used changes nothing: the
// last good ones stay, and State says what is wrong. The three may be replaced one after the other; until they fit, that is a fault too.
type Files struct {
	paths  Paths
	now    func() time.Time
	logger *slog.Logger

	loading sync.Mutex // one Load at a time
	pinned  Name       // the zero Name: any
	seen    [3]string  // what the last one read
	kept    string     // what the copy holds, as far as it is known

	mu      sync.Mutex
	current *Credentials
	loaded  time.Time
	fault   error
	since   time.Time
	copied  bool  // current is the copy
	unkept  error // why there is no copy of current
}

// NewFiles makes one. Nothing is read before Load or Run. now is time.Now when nil.
func NewFiles(paths Paths, now func() time.Time, logger *slog.Logger) *Files {
	if now == nil {
		now = time.Now
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Files{paths: paths, now: now, logger: logger}
}

// Pin has only certificates of this name taken from now on: who a process is does not change while it runs.
func (f *Files) Pin(n Name) {
	f.loading.Lock()
	defer f.loading.Unlock()
	f.pinned = n
}

// Run looks at the files again and again until ctx ends, whose cause it gives. turned is called when other roots are believed than at the
// look before: who was let in by those may not be let in by these.
func (f *Files) Run(ctx context.Context, turned func()) error {
	before, _ := f.Current()
	for {
		_ = f.Load() // State has it, and the log
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

// Load looks at the files now. The error says why they can't be used; it wraps ErrCredentials.
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
			f.logger.Error("new certificate files can't be used", "error", err, "last_good", f.current != nil)
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
var ErrReadable = errors.New("others can read the private key")

// ReadPrivate reads a file with a key in it, which must be readable by its owner only. The error may be ErrReadable.
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
			return nil, fmt.Errorf("%w: %s %s; only its owner may have access: %s, and if others had, it needs a new key", ErrReadable, path, whom, rights.Remedy(path))
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
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_CERT: %s holds the certificate of %s, and this is %s: who a process is changes only with its start",
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

// State is what is known of the files.
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
