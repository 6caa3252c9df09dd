package command

import (
	"cmp"
	"context"
	"encoding/json"
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
)

func (l look) sentence() string {
	if l.name == "" {
		return l.err.Error()
	}
	return l.name + ": " + l.err.Error()
}

// allDown says of each host why it gave no answer.
func allDown(looks []look) error {
	var all []error
	for _, l := range looks {
		if l.name == "" {
			all = append(all, l.err)
			continue
		}
		all = append(all, fmt.Errorf("%s: %w", l.name, l.err))
	}
	return errors.Join(all...)
}

const (
	// clusterFile and clusterPort are how a cluster on this machine is found: its file, and the default base of its
	// ports, by which the file that points to its directory is named.
	clusterFile = "cluster.json"
	clusterPort = 7800

	variableHTTP = config.Prefix + "_HTTP"

	// lookWithin is how long a host may take to say how it is.
	lookWithin = 2 * time.Second
	// lookMoment is what the others get once the host that serves has answered.
	lookMoment = 250 * time.Millisecond
)

// target is a host that a command may call.
type target struct {
	name  string // "" when not known
	url   string
	token string // of calls that change something; "" when it can't be had
}

// client calls the host.
func (t target) client() *operator.Client { return operator.NewClient(t.url).WithToken(t.token) }

// place says where to look for hosts: the first of these that is set counts.
type place struct {
	http string   // --http
	dir  string   // --dir
	env  []string // environment, NAME=value
	temp string   // where pointers to running clusters are
	host string   // --host: only this one
}

// find gives the hosts that a command may call, at least one. The error is ErrUsage.
func (p place) find() ([]target, error) {
	targets, err := p.all()
	if err != nil || p.host == "" {
		return targets, err
	}
	if len(targets) == 1 && targets[0].name == "" {
		return nil, fmt.Errorf("%w: --host chooses among the hosts of a cluster; %s is only one host", operator.ErrUsage, targets[0].url)
	}
	var names []string
	for _, t := range targets {
		if t.name == p.host {
			return []target{t}, nil
		}
		names = append(names, t.name)
	}
	return nil, fmt.Errorf("%w: there is no host %q; there are %s", operator.ErrUsage, p.host, strings.Join(names, ", "))
}

func (p place) all() ([]target, error) {
	switch {
	case p.http != "" && p.dir != "":
		return nil, fmt.Errorf("%w: --http and --dir both say where the host is; give one", operator.ErrUsage)
	case p.dir != "":
		return cluster(p.dir)
	}
	settings, err := config.Load[config.Operator](p.env)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	token := tokenOf(settings.HTTPToken.Reveal(), settings.Data)
	if p.http != "" {
		return one(p.http, "--http", token)
	}
	if slices.ContainsFunc(p.env, func(e string) bool {
		name, value, _ := strings.Cut(e, "=")
		return name == variableHTTP && strings.TrimSpace(value) != ""
	}) {
		return one(settings.HTTP, variableHTTP, token)
	}
	if dir := p.pointed(); dir != "" {
		return cluster(dir)
	}
	return one(settings.HTTP, "the default", token)
}

// tokenOf gives the token that was set, or else the one in the data directory of a host on this machine. "" when it
// can't be had: most calls need none, and the host says where it is to one that does.
func tokenOf(set, dir string) string {
	if set != "" || dir == "" {
		return set
	}
	token, err := operator.ReadToken(dir)
	if err != nil {
		return ""
	}
	return token
}

// one reads an address that was given as a URL or as host:port.
func one(address, source, token string) ([]target, error) {
	url := address
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") || strings.ContainsAny(url, " \t\n") {
		return nil, fmt.Errorf("%w: %s %q is no address like http://127.0.0.1:7704", operator.ErrUsage, source, address)
	}
	return []target{{url: url, token: token}}, nil
}

// cluster reads the hosts of cluster.json, in the order of their names.
func cluster(dir string) ([]target, error) {
	text, err := os.ReadFile(filepath.Join(dir, clusterFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s has no %s: is it the --dir of hotpair cluster?", operator.ErrUsage, dir, clusterFile)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	targets, err := decodeCluster(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s in %s: %w", operator.ErrUsage, clusterFile, dir, err)
	}
	return targets, nil
}

var errNoHosts = errors.New("it names no host with an http address")

func decodeCluster(text []byte) ([]target, error) {
	var file struct {
		Hosts map[string]struct {
			HTTP string            `json:"http"`
			Env  map[string]string `json:"env"`
		} `json:"hosts"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	var targets []target
	for name, host := range file.Hosts {
		token := tokenOf(host.Env[config.Prefix+"_HTTP_TOKEN"], host.Env[config.Prefix+"_DATA"])
		if found, err := one(host.HTTP, "http", token); err == nil && host.HTTP != "" {
			targets = append(targets, target{name: wording.Printable(name), url: found[0].url, token: token})
		}
	}
	if len(targets) == 0 {
		return nil, errNoHosts
	}
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.name, b.name) })
	return targets, nil
}

// pointed gives the directory of the cluster that runs on the default ports, or of the only one that runs; "" if there
// is none. Only pointers that belong to this user count: somebody else's could lead commands anywhere.
func (p place) pointed() string {
	folder := filepath.Join(p.temp, "hotpair-"+strconv.Itoa(os.Getuid()))
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
		content, err := os.ReadFile(name)
		dir := strings.TrimSpace(string(content))
		if err != nil || dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, clusterFile)); err != nil {
			continue // it ended without taking its pointer along
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

// look is what came of asking one host how it is.
type look struct {
	target
	status operator.Status
	err    error
}

// lookAt asks all hosts at the same time and gives the answers, the best one first: who may answer terminals, then who
// is active, then who answers at all. Once the host that serves has answered, the others get a moment only: a frozen one
// must not make people wait.
func lookAt(ctx context.Context, targets []target) []look {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	answers := make(chan look, len(targets))
	for _, t := range targets {
		go func() {
			status, err := t.client().Status(ctx)
			if t.name == "" && err == nil {
				t.name = wording.Printable(status.Host)
			}
			answers <- look{target: t, status: status, err: err}
		}()
	}
	looks := make([]look, 0, len(targets))
	for range targets {
		l := <-answers // within ctx, which every call obeys
		looks = append(looks, l)
		if l.rank() == 0 {
			hurry := time.AfterFunc(lookMoment, cancel)
			defer hurry.Stop()
		}
	}
	slices.SortFunc(looks, func(a, b look) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.name, b.name))
	})
	return looks
}

func (l look) rank() int {
	switch {
	case l.err != nil:
		return 3
	case l.status.Serves():
		return 0
	case l.status.Role == "active" || l.status.Role == "handover" || l.status.Role == "takeover":
		return 1
	}
	return 2
}

// lookAround is lookAt for a command: one host must answer, and of the others it is said why they don't, beside the screen, so
// that --json stays what it is.
func lookAround(ctx context.Context, c *cobra.Command, targets []target) ([]look, error) {
	looks := lookAt(ctx, targets)
	if looks[0].err != nil {
		return nil, allDown(looks)
	}
	for _, l := range looks[1:] {
		if l.err != nil {
			fmt.Fprintln(c.ErrOrStderr(), wording.Printable(l.sentence()))
		}
	}
	return looks, nil
}
