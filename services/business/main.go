package business

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/launch"
	"github.com/hotpair/hotpair/services/process"
)

// ErrByHand says that the program was not started by a host, which sets its environment.
var ErrByHand = errors.New("a service must be started by a host")

// Main is the main function of a program with one service or several: the host that starts it says which to run. It
// does not return. The exit code is 0 after a signal to end, 1 after a fault, and 2 if it was started wrongly.
//
//	func main() { business.Main(counter()) }
func Main(services ...Service) {
	process.SetSlack()
	ctx, stop := process.Context(context.Background())
	code := program{services, os.Args, os.Environ(), os.Stdout, os.Stderr}.run(ctx)
	stop()
	os.Exit(code)
}

// Launch runs a business process with the settings of its environment, until ctx ends. prepare may be nil: it is
// called before the service starts, and the function that it returns after the service has ended.
func Launch(ctx context.Context, stderr io.Writer, services []Service, prepare func() (end func())) error {
	name := bus.ProcessBusiness
	if len(services) == 1 {
		name += "." + services[0].Name
	}
	return launch.Process[config.Business, *config.Business]{
		Name: name, Host: func(c config.Business) string { return c.Host }, Stderr: stderr, Older: true,
		Run: func(ctx context.Context, c config.Business, log *slog.Logger, _ io.Writer) error {
			service, err := wanted(c.BusUser, services)
			if err != nil {
				return err
			}
			if prepare != nil {
				defer prepare()()
			}
			return Run(ctx, c, service, log)
		},
	}.Do(ctx)
}

// wanted is the service that a host has started this program for.
func wanted(user string, services []Service) (Service, error) {
	name := strings.TrimPrefix(user, bus.ProcessBusiness+".")
	i := slices.IndexFunc(services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, fmt.Errorf("%w: the host started this program as %q, but it is %s: use that name in HOTPAIR_BUSINESS", ErrService, name, names(services))
	}
	return services[i], nil
}

// names are those of services, for people.
func names(services []Service) string {
	var all []string
	for _, s := range services {
		all = append(all, s.Name)
	}
	return strings.Join(all, " or ")
}

// program is a program that is a service.
type program struct {
	services       []Service
	args, environ  []string
	stdout, stderr io.Writer
}

// run returns the exit code.
func (p program) run(ctx context.Context) int {
	asked := ""
	if len(p.args) > 1 {
		asked = p.args[1]
	}
	err := p.check()
	switch {
	case err != nil:
		process.SayLastWords(p.environ, err)
	case slices.Contains([]string{"help", "--help", "-help", "-h"}, asked):
		fmt.Fprint(p.stdout, p.help())
		return launch.Done
	case slices.Contains([]string{"version", "--version", "-version"}, asked):
		fmt.Fprint(p.stdout, p.version())
		return launch.Done
	case asked != "":
		err = fmt.Errorf("unknown argument %q; only --help and --version are allowed", asked)
		fmt.Fprintf(p.stderr, "%s: %v\n", names(p.services), err)
		return launch.Usage
	case !p.started():
		fmt.Fprintf(p.stderr, "%s: %v, which sets HOTPAIR_BUS_URL.\n\n%s", names(p.services), ErrByHand, p.usage())
		return launch.Usage
	default:
		err = Launch(ctx, p.stderr, p.services, nil)
	}
	var told *launch.Told
	switch {
	case err == nil:
		return launch.Done
	case !errors.As(err, &told):
		fmt.Fprintf(p.stderr, "%s: %v\n", names(p.services), err)
	}
	if errors.Is(err, config.ErrInvalid) {
		return launch.Usage
	}
	return launch.Failed
}

// check refuses services that can't be registered, whichever is run: their author learns it at the first start.
func (p program) check() error {
	if len(p.services) == 0 {
		return fmt.Errorf("%w: business.Main needs at least one service", ErrService)
	}
	for i, s := range p.services {
		if err := s.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(p.services[:i], func(o Service) bool { return o.Name == s.Name }) {
			return fmt.Errorf("%w: business.Main has two services of the name %s", ErrService, s.Name)
		}
	}
	return nil
}

// started reports whether the environment has any setting of a host. Missing ones are then reported by name.
func (p program) started() bool {
	return slices.ContainsFunc(p.environ, func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return value != "" && slices.Contains([]string{"HOTPAIR_BUS_URL", "HOTPAIR_BUS_USER", "HOTPAIR_PARENT_PID"}, name)
	})
}

// help says what this program is.
func (p program) help() string {
	var b strings.Builder
	for _, s := range p.services {
		fmt.Fprintf(&b, "%s %s: a service of hotpair", s.Name, s.Version)
		if s.Description != "" {
			fmt.Fprintf(&b, ", which %s", s.Description)
		}
		b.WriteString("\n")
		for _, name := range s.names() {
			only := ""
			if s.Operations[name].ReadOnly {
				only = "  (reads only)"
			}
			fmt.Fprintf(&b, "  %s.%s%s\n", s.Name, name, only)
		}
		b.WriteString("\n")
	}
	return b.String() + p.usage()
}

// ways says how this program is started.
func (p program) usage() string {
	path, err := os.Executable()
	if err != nil {
		path = "/path/to/" + p.services[0].Name
	}
	var entries []string
	for _, s := range p.services {
		entries = append(entries, s.Name+"="+path)
	}
	set := "HOTPAIR_BUSINESS=" + strings.Join(entries, ",")
	return fmt.Sprintf(`To try it on this machine, with a pair and a terminal:
  %s hotpair cluster

To run it on a pair, copy it to both hosts and set in the environment of both:
  %s
Hosts start the program and restart it when it ends.
`, set, set)
}

// version returns the versions of this program, its services and its toolchain.
func (p program) version() string {
	var b strings.Builder
	for _, s := range p.services {
		fmt.Fprintf(&b, "%s %s, %s %s/%s\n", s.Name, s.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	}
	return b.String()
}
