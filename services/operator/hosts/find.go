// Package hosts finds the hosts that a command may call, and the best of those that answer.
package hosts

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/strictjson"
)

func (l Look) Sentence() string {
	if l.Name == "" {
		return l.Err.Error()
	}
	return l.Name + ": " + l.Err.Error()
}

// AllDown joins the reasons why no host answered.
func AllDown(looks []Look) error {
	var all []error
	for _, l := range looks {
		if l.Name == "" {
			all = append(all, l.Err)
			continue
		}
		all = append(all, fmt.Errorf("%s: %w", l.Name, l.Err))
	}
	return errors.Join(all...)
}

const (
	// ClusterFile is the file of a cluster on this machine, clusterPort its default base port, which names the file
	// that points to the cluster's directory.
	ClusterFile = "cluster.json"
	clusterPort = 7800
	// maxFile bounds the files read, in bytes: a cluster names each of its terminals, perhaps thousands.
	maxFile = 64 << 20

	variableHTTP = config.Prefix + "_HTTP"

	// Within bounds the status call to a host.
	Within = 2 * time.Second
	// Moment is how long to wait for the others once the active has answered.
	Moment = 250 * time.Millisecond
)

// Target is a host that a command may call.
type Target struct {
	Name  string // "" when not known
	URL   string
	Token string // "" when there is none, or none is needed
	// Reason is sent with calls that change something.
	Reason string
	Roots  *x509.CertPool // trusted over https; nil: the system's
}

// Client returns a client for the host.
func (t Target) Client() *operator.Client {
	c := operator.NewClient(t.URL).WithToken(t.Token).WithReason(t.Reason)
	if t.Roots != nil {
		c.WithRoots(t.Roots)
	}
	return c
}

// Place says where to look for hosts: the first field that is set counts.
type Place struct {
	HTTP string   // --http
	Dir  string   // --dir
	Env  []string // environment, NAME=value
	Temp string   // where pointers to running clusters are
	Unit string   // environment file of the host on this machine, as its unit reads it; "" is none
	Host string   // --host: only this one

	TokenFile string // --token-file
	Reason    string // --reason
	CA        string // --ca
}

// Find returns the hosts that a command may call, at least one. The error is ErrUsage.
func (p Place) Find() ([]Target, error) {
	targets, err := p.all()
	if err != nil {
		return nil, err
	}
	roots, err := p.roots()
	for i := range targets {
		targets[i].Reason, targets[i].Roots = p.Reason, roots
	}
	if err != nil || p.Host == "" {
		return targets, err
	}
	if len(targets) == 1 && targets[0].Name == "" {
		return nil, fmt.Errorf("%w: --host chooses among the hosts of a cluster; %s is only one host", operator.ErrUsage, targets[0].URL)
	}
	var names []string
	for _, t := range targets {
		if t.Name == p.Host {
			return []Target{t}, nil
		}
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("%w: there is no host %q; there are %s", operator.ErrUsage, p.Host, strings.Join(names, ", "))
}

func (p Place) all() ([]Target, error) {
	switch {
	case p.HTTP != "" && p.Dir != "":
		return nil, fmt.Errorf("%w: give only one of --http and --dir", operator.ErrUsage)
	case p.Dir != "":
		return cluster(p.Dir)
	}
	settings, err := config.Load[config.Operator](p.Env)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	token, err := p.token(settings)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	if p.HTTP != "" {
		return p.one(p.HTTP, "--http", token)
	}
	if p.isSet(variableHTTP) {
		return p.one(settings.HTTP, variableHTTP, token)
	}
	if path := socketOf(settings); path != "" {
		return []Target{{URL: operator.SocketURL + path, Token: token}}, nil
	}
	if dir := p.pointed(); dir != "" {
		return cluster(dir)
	}
	unit := p.unit()
	if path := cmp.Or(socketOf(unit), p.standard()); path != "" {
		return []Target{{URL: operator.SocketURL + path, Token: token}}, nil
	}
	if unit.Data != "" {
		return p.one(unit.HTTP, "HTTP in "+p.Unit, cmp.Or(token, unit.HTTPToken.Reveal()))
	}
	return p.one(settings.HTTP, "the default", token)
}

// token returns the token for hosts that are asked over HTTP.
func (p Place) token(settings config.Operator) (string, error) {
	if p.TokenFile != "" {
		return ReadToken(p.TokenFile)
	}
	return cmp.Or(settings.Token.Reveal(), settings.HTTPToken.Reveal()), nil
}

// roots reads the certificates to trust over https; nil is the system's.
func (p Place) roots() (*x509.CertPool, error) {
	if p.CA == "" {
		return nil, nil
	}
	text, err := regular.Read(p.CA, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%w: --ca: %w", operator.ErrUsage, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: --ca: %s holds no certificate in PEM", operator.ErrUsage, p.CA)
	}
	return roots, nil
}

func (p Place) isSet(variable string) bool {
	return slices.ContainsFunc(p.Env, func(e string) bool {
		name, value, _ := strings.Cut(e, "=")
		return name == variable && strings.TrimSpace(value) != ""
	})
}

// socketOf returns the unix socket of a host on this machine, "" when this user can't connect to it.
func socketOf(o config.Operator) string {
	if o.Data == "" && o.HTTPSocket == "" {
		return ""
	}
	path := operator.SocketIn(o.Data, o.HTTPSocket)
	if syscall.Access(path, accessReadWrite) != nil {
		return ""
	}
	if path, err := filepath.Abs(path); err == nil {
		return path
	}
	return ""
}

// accessReadWrite asks whether a socket may be connected to.
const accessReadWrite = 4 | 2

// standard returns the socket of a host with the shipped unit: most users can't read the unit's environment file.
func (p Place) standard() string {
	if p.Unit == "" {
		return ""
	}
	return socketOf(config.Operator{Data: standardData})
}

// standardData is the data directory in the shipped units.
const standardData = "/var/lib/hotpair"

// UnitFile is the environment file that the unit of a host reads.
const UnitFile = "/etc/hotpair/host.env"

// joinedFile is what hotpair join writes beside it, and the unit reads before it: from the directory of UnitFile.
const joinedFile = "joined/host.env"

// unit reads the address from the environment file of this machine's host; nothing when it can't be read, as by most
// users.
func (p Place) unit() (found config.Operator) {
	environ := p.unitLines(func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return slices.Contains([]string{"DATA", "HTTP", "HTTP_SOCKET", "HTTP_TOKEN", "HTTP_TOKEN_FILE"}, strings.TrimPrefix(name, config.Prefix+"_"))
	})
	found, _ = config.Load[config.Operator](environ) // the host itself reports a fault in the file
	return found
}

// cluster reads the hosts of cluster.json, in the order of their names.
func cluster(dir string) ([]Target, error) {
	text, err := regular.Read(filepath.Join(dir, ClusterFile), maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s has no %s: is it the --dir of hotpair cluster?", operator.ErrUsage, dir, ClusterFile)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	targets, err := decodeCluster(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s in %s: %w", operator.ErrUsage, ClusterFile, dir, err)
	}
	return targets, nil
}

var errNoHosts = errors.New("the file names no host with an http address")

func decodeCluster(text []byte) ([]Target, error) {
	var file struct {
		Hosts map[string]struct {
			HTTP string            `json:"http"`
			Env  map[string]string `json:"env"`
		} `json:"hosts"`
	}
	if err := strictjson.DecodeMessage(text, &file); err != nil {
		return nil, err
	}
	var targets []Target
	for name, host := range file.Hosts {
		token := host.Env[config.Prefix+"_HTTP_TOKEN"]
		at := config.Operator{Data: host.Env[config.Prefix+"_DATA"], Console: config.Console{HTTPSocket: host.Env[config.Prefix+"_HTTP_SOCKET"]}}
		if path := socketOf(at); path != "" {
			targets = append(targets, Target{Name: wording.Printable(name), URL: operator.SocketURL + path, Token: token})
		} else if found, err := (Place{}).one(host.HTTP, "http", token); err == nil && host.HTTP != "" {
			targets = append(targets, Target{Name: wording.Printable(name), URL: found[0].URL, Token: token})
		}
	}
	if len(targets) == 0 {
		return nil, errNoHosts
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return targets, nil
}

// pointed returns the directory of the cluster that runs on the default ports, or of the only one that runs; "" if
// there is none. Only pointers owned by this user count: another user's could lead commands anywhere.
func (p Place) pointed() string {
	folder := filepath.Join(p.Temp, "hotpair-"+strconv.Itoa(os.Getuid()))
	info, err := os.Lstat(folder)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return ""
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() {
		return ""
	}
	names, err := filepath.Glob(filepath.Join(folder, "cluster-*"))
	if err != nil {
		return ""
	}
	var dirs []string
	for _, name := range names {
		content, err := regular.Read(name, maxFile)
		dir := strings.TrimSpace(string(content))
		if err != nil || dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, ClusterFile)); err != nil {
			continue // it ended without removing its pointer
		}
		if filepath.Base(name) == "cluster-"+strconv.Itoa(clusterPort) {
			return dir
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) == 1 {
		return dirs[0]
	}
	return ""
}

// Look is the outcome of a status call to one host.
type Look struct {
	Target
	Status operator.Status
	Err    error
}

// LookAt asks all hosts concurrently and returns the answers, the best one first: a host that may answer terminals,
// then an active one, then any that answers. Once the serving host has answered, the others get only Moment: a frozen
// host must not make people wait.
func LookAt(ctx context.Context, targets []Target) []Look {
	ctx, cancel := context.WithTimeout(ctx, Within)
	defer cancel()
	answers := make(chan Look, len(targets))
	for _, t := range targets {
		go func() {
			status, err := t.Client().Status(ctx)
			if t.Name == "" && err == nil {
				t.Name = wording.Printable(status.Host)
			}
			answers <- Look{Target: t, Status: status, Err: err}
		}()
	}
	looks := make([]Look, 0, len(targets))
	for range targets {
		l := <-answers // within ctx, which every call obeys
		looks = append(looks, l)
		if l.rank() == 0 {
			hurry := time.AfterFunc(Moment, cancel)
			defer hurry.Stop()
		}
	}
	slices.SortFunc(looks, func(a, b Look) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.Name, b.Name))
	})
	return looks
}

func (l Look) rank() int {
	switch {
	case l.Err != nil:
		return 3
	case l.Status.Serves():
		return 0
	case l.Status.Role == "active" || l.Status.Role == "handover" || l.Status.Role == "takeover":
		return 1
	}
	return 2
}

// LookAround is LookAt for a command: one host must answer, and why others don't is printed to standard error, so that
// it does not mix with --json.
func LookAround(ctx context.Context, c *cobra.Command, targets []Target) ([]Look, error) {
	looks := LookAt(ctx, targets)
	if looks[0].Err != nil {
		return nil, AllDown(looks)
	}
	for _, l := range looks[1:] {
		if l.Err != nil {
			fmt.Fprintln(c.ErrOrStderr(), wording.Printable(l.Sentence()))
		}
	}
	return looks, nil
}
