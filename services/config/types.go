package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hotpair/hotpair/services/regular"
)

// hidden stands for a secret wherever one would be shown.
const hidden = "(hidden)"

// Secret is a value that no log, error or printed struct shows. Only Reveal returns it.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret; an empty one stays empty, so that a missing secret can be seen.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from JSON and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Decode reads a secret from a variable.
func (s *Secret) Decode(value string) error {
	*s = Secret(value)
	return nil
}

// LogFormat is the form of log lines.
type LogFormat string

// The forms of log lines.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Decode reads a LogFormat; its error says what is wrong and what to write instead.
func (f *LogFormat) Decode(value string) error {
	switch LogFormat(value) {
	case LogText, LogJSON:
		*f = LogFormat(value)
		return nil
	}
	return errors.New("is neither text nor json")
}

// Bytes is an amount of memory or disk in bytes.
type Bytes int64

var byteUnits = []struct {
	name string
	size Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// Decode reads a whole number of bytes, or one with KiB, MiB or GiB.
func (b *Bytes) Decode(value string) error {
	for _, unit := range byteUnits {
		digits, found := strings.CutSuffix(value, unit.name)
		if !found {
			continue
		}
		number, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil {
			return errors.New("is not a number of bytes")
		}
		if number > math.MaxInt64/int64(unit.size) || number < math.MinInt64/int64(unit.size) {
			return errors.New("is too large")
		}
		*b = Bytes(number) * unit.size
		return nil
	}
	return nil
}

// String writes the amount with the largest unit that divides it, so that Decode reads the same again.
func (b Bytes) String() string {
	for _, unit := range byteUnits {
		if b != 0 && b%unit.size == 0 && unit.name != "B" {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Names are a list of distinct names.
type Names []string

// Decode reads names separated by commas.
func (n *Names) Decode(value string) error {
	*n = nil
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if name == "" || slices.Contains(*n, name) {
			return fmt.Errorf("lists %q twice, or contains an empty entry", name)
		}
		*n = append(*n, name)
	}
	return nil
}

// String writes what Decode reads.
func (n Names) String() string { return strings.Join(n, ",") }

// Has reports whether a name is among them.
func (n Names) Has(name string) bool { return slices.Contains(n, name) }

// TerminalAddress is one terminal that a host dials.
type TerminalAddress struct {
	ID  string // [A-Za-z0-9_-]{1,64}
	URL string // nats://host:port
}

// Terminals are the terminals of a pair, each id once.
type Terminals []TerminalAddress

// Decode reads id=nats://host:port, separated by commas. Its error names the entry.
func (t *Terminals) Decode(value string) error {
	var list Terminals
	seen := map[string]bool{}
	for _, entry := range entries(value) {
		id, address, _ := strings.Cut(entry, "=")
		if !isTerminalID(id) {
			return fmt.Errorf("has an entry %q whose id is not 1 to 64 letters, digits, hyphens or underscores", entry)
		}
		if seen[id] {
			return fmt.Errorf("has terminal %s twice", id)
		}
		seen[id] = true
		host, found := strings.CutPrefix(address, "nats://")
		if !found {
			return fmt.Errorf("has an entry %q that is not id=nats://host:port", entry)
		}
		if problem := dialProblem(host); problem != "" {
			return fmt.Errorf("has an entry %q whose address %s", entry, problem)
		}
		list = append(list, TerminalAddress{ID: id, URL: address})
	}
	*t = list
	return nil
}

// maxTerminalsFile bounds a file of terminals, in bytes: far above what one host can dial.
const maxTerminalsFile = 16 << 20

// fill reads the terminals from the file, if one is set.
func (t *Terminals) fill(c *checker, file string) {
	const variable = "TERMINALS_FILE"
	if file == "" {
		return
	}
	if len(*t) > 0 {
		c.fault(variable, file, "is set and "+Prefix+"_TERMINALS too", "unset one of the two")
		return
	}
	if err := t.Read(file); err != nil {
		c.fault(variable, file, err.Error(), "use a file of id=nats://host:port entries, separated by commas or one per line")
	}
}

// Read is Decode for a file, in which line ends separate entries too. Its error says what is wrong with the file.
func (t *Terminals) Read(file string) error {
	text, problem := readRegular(file, maxTerminalsFile)
	if problem != "" {
		return errors.New(problem)
	}
	return t.Decode(strings.NewReplacer("\r", ",", "\n", ",").Replace(text))
}

// readRegular reads a regular file of at most so many bytes, or says what is wrong with it.
func readRegular(path string, most int64) (text, problem string) {
	all, err := regular.Read(path, most)
	switch {
	case errors.Is(err, regular.ErrNotRegular):
		return "", "is not a file"
	case errors.Is(err, regular.ErrTooLarge):
		return "", fmt.Sprintf("is larger than %d bytes", most)
	case err != nil:
		return "", "can't be read (" + err.Error() + ")"
	}
	return string(all), ""
}

// String is what Decode reads.
func (t Terminals) String() string {
	parts := make([]string, len(t))
	for i, terminal := range t {
		parts[i] = terminal.ID + "=" + terminal.URL
	}
	return strings.Join(parts, ",")
}

// Service is one business process: built in, or with its own program if Path is not empty.
type Service struct {
	Name string // [a-z0-9-]{1,32}
	Path string // absolute path, or ""
}

// Services are the business processes of a host, each name once.
type Services []Service

// builtIn are the business processes that are part of the binary.
var builtIn = []string{"kv", "ledger", "sequence", "tickets"}

// reserved are the users of the bus that are not business processes; a service with that name would share their
// rights.
var reserved = []string{"main", "updater", "terminal-if", "backup", "supervisor", "peer", "operator"}

// Decode reads name or name=/path, separated by commas. Its error names the entry.
func (s *Services) Decode(value string) error {
	var list Services
	seen := map[string]bool{}
	for _, entry := range entries(value) {
		name, path, foreign := strings.Cut(entry, "=")
		switch {
		case !isName(name):
			return fmt.Errorf("has an entry %q whose name is not 1 to 32 lower-case letters, digits or hyphens", entry)
		case slices.Contains(reserved, name):
			return fmt.Errorf("has a service named %s, a name that hotpair uses itself", name)
		case seen[name]:
			return fmt.Errorf("has service %s twice", name)
		case foreign && !filepath.IsAbs(path):
			return fmt.Errorf("has an entry %q whose path is not absolute", entry)
		case !foreign && !slices.Contains(builtIn, name):
			return fmt.Errorf("has a service %s that is not built in (%s)", name, strings.Join(builtIn, ", "))
		}
		seen[name] = true
		list = append(list, Service{Name: name, Path: path})
	}
	*s = list
	return nil
}

// String is what Decode reads.
func (s Services) String() string {
	parts := make([]string, len(s))
	for i, service := range s {
		parts[i] = service.Name
		if service.Path != "" {
			parts[i] += "=" + service.Path
		}
	}
	return strings.Join(parts, ",")
}

// entries splits a list at its commas; spaces around entries and empty entries do not count.
func entries(value string) []string {
	var list []string
	for _, entry := range strings.Split(value, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}

// isName reports whether a text is a name of a host or service: they become parts of subjects, file names and bus
// users.
func isName(name string) bool {
	return matches(name, 32, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' })
}

func isTerminalID(id string) bool {
	return matches(id, 64, func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	})
}

func matches(text string, most int, allowed func(rune) bool) bool {
	return text != "" && len(text) <= most && strings.IndexFunc(text, func(r rune) bool { return !allowed(r) }) < 0
}

// listenProblem says why an address can't be listened on, or "".
func listenProblem(address string) string {
	host, port, err := net.SplitHostPort(address)
	if strings.Contains(host, "%") {
		return "has a zone (%), which other machines can't use: give a name or an address that is not link-local"
	}
	if err != nil || !isAddress(host) {
		return "is not host:port"
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "has no port from 1 to 65535"
	}
	return ""
}

// isAddress reports whether a text may precede the port: nothing, an IP address or the name of a machine.
func isAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	return matches(host, 253, func(r rune) bool { return isTerminalID(string(r)) || r == '.' })
}

// dialProblem says why an address can't be dialled, or "".
func dialProblem(address string) string {
	if problem := listenProblem(address); problem != "" {
		return problem
	}
	if host, _, _ := net.SplitHostPort(address); host == "" {
		return "has no host before its port"
	}
	return ""
}
