package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
)

// agent is where the agent of this machine listens for applications unless it is set otherwise.
const agent = "nats://127.0.0.1:4222"

// options of the command.
type options struct {
	terminal, dir, id, key, lane string
	timeout                      time.Duration
	json, queue                  bool
}

// Command returns "hotpair request".
func Command() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "request SERVICE.OPERATION [BODY|-]",
		Short: "Send a request through a terminal, like an application, and print the answer",
		Long: `Send a request through a terminal, like an application, and print the answer.

BODY is JSON, {} if omitted, and read from standard input if it is -. The request goes through the
first terminal of the cluster that runs on the default ports of this machine (hotpair cluster,
hotpair dev), or of the cluster that --dir names; otherwise through the agent of this machine
(` + agent + `), or the terminal that --terminal names. It waits through takeovers, up to --timeout.

A request takes effect once for each --id. Without --id it gets a new one, which is printed when
the outcome is unknown.

With --queue the terminal keeps the request on its disk until a host has executed it, once for each
--key. The answer is the request's id in the queue.

Exit codes: 0 done; 1 the answer is an error; 2 the request is malformed, and was not sent; 3 nothing
was done, send it again; 4 the outcome is unknown, send it again with the same --id.`,
		Example: `  hotpair request kv.put '{"key":"colour","value":"blue"}'
  hotpair request kv.get '{"key":"colour"}' --json
  hotpair request tickets.sell - < seat.json
  hotpair request ledger.transfer --queue --key order-18 - < transfer.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("%w: give SERVICE.OPERATION and optionally a BODY in quotes, not %d words", ErrQuestion, len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var body []byte
			if len(args) == 2 {
				body = []byte(args[1])
			}
			if len(args) == 2 && args[1] == "-" {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), MaxBody+1))
				if err != nil {
					return fmt.Errorf("%w: standard input: %w", ErrQuestion, err)
				}
				body = text
			}
			return o.ask(cmd.Context(), cmd.OutOrStdout(), args[0], body)
		},
	}
	f := c.Flags()
	f.StringVar(&o.terminal, "terminal", "", "the terminal: an address (nats://host:port), or an id of the cluster (t2)")
	f.StringVar(&o.dir, "dir", "", "directory of the cluster (default: the cluster on the default ports)")
	f.StringVar(&o.id, "id", "", "id of the request: a time, a slash and any text, or a UUID of version 7")
	f.BoolVar(&o.queue, "queue", false, "queue the request at the terminal")
	f.StringVar(&o.key, "key", "", "with --queue: a request with the same key is queued once")
	f.StringVar(&o.lane, "lane", "", "with --queue: requests of one lane are executed in order")
	f.DurationVar(&o.timeout, "timeout", DefaultTimeout, "how long to wait for the answer")
	f.BoolVar(&o.json, "json", false, "print JSON: the answer with its code, id and time")
	return c
}

// ask makes the request and prints the answer.
func (o options) ask(ctx context.Context, out io.Writer, what string, body []byte) error {
	q, err := Parse(what, body)
	if err != nil {
		return fmt.Errorf("%w\nNothing was sent. A shell removes quotes and braces unless the body is in single quotes: '{\"seat\":\"12A\"}'", err)
	}
	q.ID, q.Timeout = o.id, o.timeout
	q.Queue, q.Key, q.Lane = o.queue, o.key, o.lane
	if o.timeout <= 0 {
		return fmt.Errorf("%w: --timeout %s: want a duration, such as 30s", ErrQuestion, o.timeout)
	}
	a, err := o.answer(ctx, q)
	if errors.Is(err, ErrQuestion) || errors.Is(err, local.ErrOption) {
		return err
	}
	var failed error
	if err != nil || a.Code != 0 {
		failed = &Failure{Question: q, Answer: a, Err: err}
	}
	if o.json {
		return errors.Join(a.print(out, err), failed)
	}
	if failed != nil {
		return failed
	}
	_, err = fmt.Fprintf(out, "%s\n", strings.TrimRight(string(a.Body), "\n"))
	return err
}

func (o options) answer(ctx context.Context, q Question) (Answer, error) {
	address, err := o.address(ctx)
	if err != nil {
		return Answer{}, err
	}
	c, err := Dial(ctx, address, false)
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	return c.Ask(ctx, q)
}

// address is where the terminal's agent listens.
func (o options) address(ctx context.Context) (string, error) {
	if strings.Contains(o.terminal, "://") {
		return o.terminal, nil
	}
	if _, _, err := net.SplitHostPort(o.terminal); err == nil {
		return "nats://" + o.terminal, nil
	}
	dir, err := local.Find(ctx, o.dir)
	if errors.Is(err, local.ErrNoCluster) && o.terminal == "" {
		return agent, nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: --terminal %s: %w", local.ErrOption, o.terminal, err)
	}
	return TerminalOf(dir, o.terminal)
}

// TerminalOf returns the address for applications at a terminal of a cluster; "" is the first terminal.
func TerminalOf(dir, id string) (string, error) {
	file, err := local.ReadFile(dir)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTerminal, err)
	}
	for _, t := range file.Terminals {
		if id == "" || t.ID == id {
			return t.Address, nil
		}
	}
	return "", fmt.Errorf("%w: --terminal %s: the cluster in %s has no such terminal (it has %d, from %s)", local.ErrOption, id, dir, len(file.Terminals), local.TerminalID(0))
}

// print writes an answer as JSON.
func (a Answer) print(out io.Writer, failed error) error {
	shown := struct {
		Code     int             `json:"code"` // 0 for success
		Error    string          `json:"error,omitempty"`
		Body     json.RawMessage `json:"body,omitempty"`
		Position string          `json:"position,omitempty"`
		ID       string          `json:"id,omitempty"`
		TookMS   float64         `json:"took_ms"`
	}{Code: a.Code, Error: a.Said, Position: a.Position, ID: a.ID, TookMS: float64(a.Took.Microseconds()) / 1000}
	if json.Valid(a.Body) {
		shown.Body = a.Body
	}
	if failed != nil {
		shown.Code, shown.Error = (&Failure{Err: failed}).code(), failed.Error()
	}
	return json.NewEncoder(out).Encode(shown)
}

// code is what a failure without an answer is like.
func (f *Failure) code() int {
	if f.ExitCode() == Nobody {
		return bus.CodeNobody
	}
	return bus.CodeUnknown
}
