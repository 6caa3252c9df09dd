package dev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/deployments/ask"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

// ErrOption says that the options can't be satisfied.
var ErrOption = errors.New("wrong option")

// errQuit ends everything at the user's request.
var errQuit = errors.New("quit")

const (
	// readyWithin is how long a service may take to become ready on a host before that is reported: an interpreter on
	// a busy machine takes seconds.
	readyWithin = time.Minute
	// lease of the hosts by default: on a machine that compiles, a host may stall longer than in a rack.
	lease = "1s"
)

// Options of hotpair dev.
type Options struct {
	Folders   []string  // folders of the services; none for the current one
	Dir       string    // directory for the pair's data; "" for a temporary one
	Port      int       // first of all ports; 0 picks free ones
	Terminals int       // of the pair
	Files     string    // of a kiosk, which the terminals serve over HTTP; "": a built-in page
	In        io.Reader // requests, one per line; nil: none
	Typed     bool      // a person types them: there is a prompt, and the end of In ends everything
	Out       io.Writer
	Binary    string   // hotpair; "" for the running binary
	Environ   []string // source of the hosts' HOTPAIR_ settings; nil for this process's own
}

// dev is one run.
type dev struct {
	options  Options
	services []folder.Service
	screen   *screen
	dir      string // of the pair
	quit     context.CancelCauseFunc
	starts   sync.Mutex // one service is restarted at a time
}

// Run runs the pair until ctx ends or the user quits, and ends every process. Errors: ErrOption, folder.ErrNone,
// folder.ErrInvalid, ErrTooMany, ErrBuild, and those of a cluster.
func Run(ctx context.Context, o Options) error {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	d := &dev{options: o, screen: &screen{to: o.Out}}
	if o.Typed {
		d.screen.prompt = "> "
	}
	if err := d.readFolders(); err != nil {
		return err
	}
	trees := make([]tree, len(d.services))
	for i, s := range d.services {
		var err error
		if trees[i], err = look(s); err != nil {
			return err
		}
	}
	for _, s := range d.services {
		if err := build(ctx, s); err != nil {
			return err
		}
	}
	return d.run(ctx, trees)
}

// readFolders reads the descriptions of the folders, and refuses two services with one name.
func (d *dev) readFolders() error {
	folders := d.options.Folders
	if len(folders) == 0 {
		folders = []string{"."}
	}
	for _, f := range folders {
		s, err := folder.Read(f)
		if err != nil {
			return err
		}
		if at := slices.IndexFunc(d.services, func(other folder.Service) bool { return other.Name == s.Name }); at >= 0 {
			return fmt.Errorf("%w: %s and %s both contain a service %s: rename one of them in %s", ErrOption, d.services[at].Dir, s.Dir, s.Name, folder.File)
		}
		d.services = append(d.services, s)
	}
	return nil
}

func (d *dev) has(service string) bool {
	return slices.ContainsFunc(d.services, func(s folder.Service) bool { return s.Name == service })
}

// environ is that of the cluster: the folders' services in addition to the configured ones, and readable logs.
func (d *dev) environ() ([]string, error) {
	var list []string
	var environ []string
	for _, entry := range d.options.Environ {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case config.Prefix + "_BUSINESS":
			list = append(list, value)
		case config.Prefix + "_LOG_FORMAT":
		default:
			environ = append(environ, entry)
		}
	}
	for _, s := range d.services {
		var set config.Services
		if err := set.Decode(strings.Join(list, ",")); err == nil && slices.ContainsFunc(set, func(other config.Service) bool { return other.Name == s.Name }) {
			return nil, fmt.Errorf("%w: HOTPAIR_BUSINESS has a service %s, and so does %s: remove it from HOTPAIR_BUSINESS, or rename this one in %s",
				ErrOption, s.Name, s.Dir, folder.File)
		}
		list = append(list, s.Name+"="+s.Program())
	}
	if !slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, config.Prefix+"_LEASE=") }) {
		environ = append(environ, config.Prefix+"_LEASE="+lease)
	}
	return append(environ, config.Prefix+"_BUSINESS="+strings.Join(list, ","), config.Prefix+"_LOG_FORMAT=json"), nil
}

// run runs the cluster and everything around it.
func (d *dev) run(ctx context.Context, trees []tree) (err error) {
	environ, err := d.environ()
	if err != nil {
		return err
	}
	d.dir = d.options.Dir
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "hotpair-dev-"); err != nil {
			return fmt.Errorf("temporary directory: %w", err)
		}
		defer func() {
			if logs, _ := filepath.Glob(filepath.Join(d.dir, "*.log")); err != nil && len(logs) > 0 {
				d.screen.line("the directory is kept, for its logs: " + d.dir)
				return
			}
			err = errors.Join(err, os.RemoveAll(d.dir))
		}()
	}
	ctx, d.quit = context.WithCancelCause(ctx)
	defer d.quit(nil)
	cluster, err := local.New(local.Options{
		Dir: d.dir, Port: d.options.Port, Terminals: d.options.Terminals, Files: d.options.Files, JSON: true, Binary: d.options.Binary, Environ: environ,
		Screen: &clusterScreen{screen: d.screen, ending: func() bool { return ctx.Err() != nil }},
	})
	if err != nil {
		return err
	}
	for _, s := range d.services {
		d.screen.line("starting a pair with " + s.Name + " from " + s.Dir)
	}
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(ctx) }()
	var beside sync.WaitGroup
	defer beside.Wait()
	besides, stop := context.WithCancel(ctx)
	defer stop()
	for _, host := range []string{local.HostA, local.HostB} {
		beside.Go(func() { d.follow(besides, host) })
	}
	select {
	case <-cluster.Ready():
	case err := <-ended:
		return err
	}
	beside.Go(func() { d.serve(besides, trees) })
	defer context.AfterFunc(ctx, func() { d.screen.line("stopping; Ctrl-C again stops at once") })()
	err = <-ended
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errQuit) && !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// serve does what needs a running pair.
func (d *dev) serve(ctx context.Context, trees []tree) {
	served := d.awaitServices(ctx)
	told := newNotices(d.screen)
	clients, err := d.clients(ctx, told)
	for _, c := range clients {
		defer c.Close()
	}
	if err != nil {
		if ctx.Err() == nil {
			d.quit(err)
		}
		return
	}
	client := clients[0]
	if err := d.hello(ctx, client, served); err != nil && ctx.Err() == nil {
		d.screen.line(err.Error())
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { told.run(ctx) })
	for i, s := range d.services {
		watching.Go(func() {
			watch(ctx, s, lookEvery, trees[i], func(file string) { d.change(ctx, s, file) }, func(err error) { d.screen.line(err.Error()) })
		})
	}
	if d.options.In != nil {
		go d.read(ctx, client) // ends with its input: a blocked read can't be interrupted
	}
	<-ctx.Done()
}

// clients are applications at the terminals, which receive notices; the first one makes requests, too. They are
// returned even with an error.
func (d *dev) clients(ctx context.Context, told *notices) (list []*ask.Client, err error) {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		return nil, err
	}
	for i, t := range file.Terminals[:min(len(file.Terminals), 1+mostHeard)] {
		hear := told.first
		if i > 0 {
			hear = func(subject string, data []byte) { told.other(t.ID, subject, data) }
		}
		client, err := ask.Dial(ctx, t.Address, true)
		if err == nil {
			list = append(list, client)
			err = client.Subscribe("notice.>", hear)
		}
		switch {
		case err != nil && i == 0:
			return list, err
		case err != nil && ctx.Err() == nil:
			d.screen.line("what terminal " + t.ID + " is told is not shown: " + err.Error())
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the pair has no terminal")
	}
	return list, nil
}

// hello says what runs, and what can be done.
func (d *dev) hello(ctx context.Context, client *ask.Client, served bool) error {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		return err
	}
	active, err := d.active(ctx, file)
	if err != nil {
		return err
	}
	var names []string
	for _, s := range d.services {
		names = append(names, s.Name)
	}
	what := strings.Join(names, ", ") + " on hosts a and b,"
	if !served {
		what = "the pair, but not " + strings.Join(names, ", ") + " yet:"
	}
	d.screen.line(fmt.Sprintf("ready: %s active=%s console=%s/ apps=%s http=%s directory=%s", what, active, file.Hosts[active].HTTP, file.Terminals[0].Address, file.Terminals[0].HTTP, d.dir))
	first := cmp.Or(d.first(ctx, client), d.services[0].Name+".operation")
	d.screen.line(`a changed file restarts its service; type a request for terminal ` + file.Terminals[0].ID + ` as OPERATION {"field":"value"}; list shows the operations (` + first + ", …), help shows more")
	return nil
}

// first is an operation of the first service, as an example.
func (d *dev) first(ctx context.Context, client *ask.Client) string {
	list, err := d.operations(ctx, client, d.services[0].Name)
	if err != nil || len(list) == 0 {
		return ""
	}
	return string(list[0])
}

// sorted are the names of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// logOf is the log of a host.
func (d *dev) logOf(host string) string { return filepath.Join(d.dir, "host-"+host+".log") }
