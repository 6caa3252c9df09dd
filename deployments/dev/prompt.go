package dev

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/ask"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
)

// help lists the commands.
const help = `  OPERATION [BODY]           a request, such as: add {"name":"a"}
  SERVICE.OPERATION [BODY]   of any service
  list                       show all operations
  kill [a|b]                 kill all processes of a host at once (default: the active one)
  start [a|b]                start a host (default: the one that is down)
  status                     show the state of hosts and services
  quit                       stop everything, like Ctrl-C`

// line is what was typed.
type line struct {
	word, rest string
}

func parseLine(text string) line {
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	return line{word, strings.TrimSpace(rest)}
}

// readLine reads a line of at most most bytes. A longer line is skipped, and too reports it.
func readLine(r *bufio.Reader, most int) (text string, too bool, err error) {
	var all []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(all)+len(part) <= most {
			all = append(all, part...)
		} else {
			too = true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(all), too, err
		}
	}
}

// read handles the typed lines until the input ends.
func (d *dev) read(ctx context.Context, client *ask.Client) {
	in := bufio.NewReader(d.options.In)
	for ctx.Err() == nil {
		d.screen.ask()
		text, too, err := readLine(in, ask.MaxBody+1024)
		d.screen.told()
		if too {
			d.screen.line(fmt.Sprintf("line longer than %d bytes, the limit of a request", ask.MaxBody))
		} else if l := parseLine(text); l.word != "" && ctx.Err() == nil {
			d.typed(ctx, client, l)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && !d.options.Typed:
			return // the input was a pipe: the pair keeps running
		default:
			d.quit(errQuit)
			return
		}
	}
}

// typed executes a line.
func (d *dev) typed(ctx context.Context, client *ask.Client, l line) {
	var err error
	switch {
	case strings.HasPrefix(l.rest, "{"):
		err = d.request(ctx, client, l)
	case l.word == "help" || l.word == "?":
		d.screen.line(help)
	case l.word == "quit" || l.word == "exit":
		d.quit(errQuit)
	case l.word == "list":
		err = d.list(ctx, client)
	case l.word == "status":
		err = d.status(ctx)
	case l.word == local.Kill || l.word == local.Start:
		err = d.order(ctx, l.word, l.rest)
	default:
		err = d.request(ctx, client, l)
	}
	if err != nil && ctx.Err() == nil {
		d.screen.line(printable(err.Error()))
	}
}

// request makes a request, by default of the first service.
func (d *dev) request(ctx context.Context, client *ask.Client, l line) error {
	what := l.word
	if !strings.Contains(what, ".") {
		what = d.services[0].Name + "." + what
	}
	q, err := ask.Parse(what, []byte(l.rest))
	if err != nil {
		return fmt.Errorf("%w; help shows the commands", err)
	}
	a, err := client.Ask(ctx, q)
	if err != nil || a.Code != 0 {
		return &ask.Failure{Question: q, Answer: a, Err: err}
	}
	d.screen.line(printable(strings.TrimRight(string(a.Body), "\n")))
	if a.Took > time.Second {
		d.screen.line("(it took " + a.Took.Round(time.Millisecond).String() + ")")
	}
	return nil
}

// list shows the operations of all services.
func (d *dev) list(ctx context.Context, client *ask.Client) error {
	for _, s := range d.services {
		list, err := d.operations(ctx, client, s.Name)
		if err != nil {
			return err
		}
		for _, operation := range list {
			d.screen.line("  " + printable(string(operation)))
		}
	}
	return nil
}

// operations returns the operations of a service as the active host knows them: a terminal learns of changes some
// seconds later. If that host does not answer, the terminal is asked.
func (d *dev) operations(ctx context.Context, client *ask.Client, service string) ([]ask.Operation, error) {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		return nil, err
	}
	active, err := d.active(ctx, file)
	if err != nil {
		return client.Discover(ctx, service)
	}
	within, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	known, err := operator.CallServices.Ask(within, file.Hosts[active].Client(), operator.None{})
	if err != nil {
		return client.Discover(ctx, service)
	}
	var list []ask.Operation
	for _, s := range known.Services {
		if s.Service != service || s.Host != active {
			continue
		}
		for _, operation := range s.Operations {
			list = append(list, ask.Operation(service+"."+operation))
		}
	}
	if len(list) == 0 {
		return client.Discover(ctx, service)
	}
	return list, nil
}

// status shows the pair and its services.
func (d *dev) status(ctx context.Context) error {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		return err
	}
	for _, host := range []string{local.HostA, local.HostB} {
		s, err := status(ctx, file, host)
		if err != nil {
			d.screen.line("  host " + host + " does not answer")
			continue
		}
		text := fmt.Sprintf("  host %s is %s, %s", host, s.Role, s.Mode)
		for _, name := range sorted(s.Processes) {
			if service, ok := strings.CutPrefix(name, bus.ProcessBusiness+"."); ok {
				text += fmt.Sprintf("; %s %s", service, s.Processes[name].State)
				if reason := s.Processes[name].Reason; reason != "" && s.Processes[name].State != "ready" {
					text += " (" + reason + ")"
				}
			}
		}
		d.screen.line(printable(text))
	}
	return nil
}

// order sends the cluster an order: by default for the active host, or the one that is down.
func (d *dev) order(ctx context.Context, do, host string) error {
	file, err := local.ReadFile(d.dir)
	if err != nil {
		return err
	}
	if host == "" && do == local.Kill {
		if host, err = d.active(ctx, file); err != nil {
			return err
		}
	}
	for _, name := range []string{local.HostA, local.HostB} {
		if host == "" && file.Hosts[name].PGID == 0 {
			host = name
		}
	}
	if host == "" {
		return errors.New("both hosts run")
	}
	_, err = local.Send(ctx, d.dir, local.Order{Do: do, Host: host})
	return err
}
