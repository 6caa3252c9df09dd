package alarms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// hookQueue bounds what waits for one hook. Beyond it the oldest is dropped and counted: the newest matters most.
	hookQueue = 64
	// webhookWithin bounds one attempt of the webhook.
	webhookWithin = 5 * time.Second
	// webhookPause is the pause before the second attempt; it doubles up to webhookPauseMost until webhookGiveUp has
	// passed.
	webhookPause     = time.Second
	webhookPauseMost = time.Minute
	webhookGiveUp    = time.Hour
	// hookOutput bounds what is logged of a command's output, in bytes.
	hookOutput = 4 << 10
)

// errWebhook says that the receiver did not accept an alarm.
var errWebhook = errors.New("the webhook did not accept the alarm")

// hookCall is what a hook is told: an alarm and what became of it. The JSON names are stable.
type hookCall struct {
	State string `json:"state"` // raised, cleared, acknowledged
	bus.Alarm
}

// Hooks notify the outside of alarms, each in a goroutine of its own. Notifying them never blocks.
type Hooks struct {
	log   *slog.Logger
	hooks []*hook
}

func NewHooks(c config.Hooks, log *slog.Logger) *Hooks {
	h := &Hooks{log: log}
	if c.AlarmCommand != "" {
		h.hooks = append(h.hooks, newHook("command", log, command{path: c.AlarmCommand, within: c.AlarmTimeout, log: log}.call))
	}
	if c.AlarmWebhook != "" {
		h.hooks = append(h.hooks, newHook("webhook", log, newWebhook(c.AlarmWebhook.Reveal()).call))
	}
	return h
}

// Tell passes an alarm and its state to all hooks.
func (h *Hooks) Tell(a bus.Alarm, state string) {
	for _, k := range h.hooks {
		k.put(hookCall{State: state, Alarm: a})
	}
}

// Run calls hooks until ctx ends.
func (h *Hooks) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, k := range h.hooks {
		all.Go(func() { k.run(ctx) })
	}
	<-ctx.Done()
	all.Wait()
	return ctx.Err()
}

// States returns the state of each hook.
func (h *Hooks) States() []bus.HookState {
	list := []bus.HookState{}
	for _, k := range h.hooks {
		list = append(list, k.now())
	}
	return list
}

// hook is one of them with what waits for it.
type hook struct {
	log  *slog.Logger
	call func(context.Context, hookCall) error
	some chan struct{}

	mu      sync.Mutex
	waiting []hookCall
	state   bus.HookState
}

func newHook(name string, log *slog.Logger, call func(context.Context, hookCall) error) *hook {
	return &hook{log: log, call: call, some: make(chan struct{}, 1), state: bus.HookState{Name: name}}
}

func (k *hook) put(c hookCall) {
	k.mu.Lock()
	k.waiting = append(k.waiting, c)
	if over := len(k.waiting) - hookQueue; over > 0 {
		k.waiting = append([]hookCall(nil), k.waiting[over:]...)
		k.state.Dropped += uint64(over)
	}
	k.mu.Unlock()
	select {
	case k.some <- struct{}{}:
	default:
	}
}

func (k *hook) take() (c hookCall, any bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		return c, false
	}
	c, k.waiting = k.waiting[0], k.waiting[1:]
	return c, true
}

func (k *hook) now() bus.HookState {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Waiting = len(k.waiting)
	return s
}

func (k *hook) run(ctx context.Context) {
	for {
		c, any := k.take()
		if !any {
			select {
			case <-k.some:
				continue
			case <-ctx.Done():
				return
			}
		}
		began := time.Now()
		err := k.call(ctx, c)
		if ctx.Err() != nil {
			return
		}
		k.mu.Lock()
		if err == nil {
			k.state.Told++
			k.state.Problem = ""
		} else {
			k.state.Failed++
			k.state.Problem = err.Error()
		}
		name := k.state.Name
		k.mu.Unlock()
		if err != nil {
			k.log.Warn("an alarm hook failed", "hook", name, "alarm", c.ID, "state", c.State, "took", time.Since(began), "error", err)
		}
	}
}

// command is HOTPAIR_ALARM_COMMAND.
type command struct {
	path   string
	within time.Duration
	log    *slog.Logger
}

// call runs the program. It dies with this main; processes that it has started itself do not.
func (c command) call(ctx context.Context, alarm hookCall) error {
	// The kernel kills the child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	var output tail
	run := exec.CommandContext(ctx, c.path)
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	run.WaitDelay = time.Second
	run.Env = append(config.Passed(os.Environ()),
		"ALARM_ID="+alarm.ID, "ALARM_STATE="+alarm.State, "ALARM_SEVERITY="+alarm.Severity, "ALARM_HOST="+alarm.Host,
		"ALARM_TEXT="+variable(alarm.Text), "ALARM_REMEDY="+variable(alarm.Remedy), "ALARM_SINCE="+alarm.Since.UTC().Format(time.RFC3339Nano))
	run.Stdin = bytes.NewReader(bus.EncodeJSON(alarm))
	run.Stdout, run.Stderr = &output, &output
	err := run.Run()
	if text := strings.TrimSpace(output.String()); text != "" {
		c.log.Info("output of the alarm command", "alarm", alarm.ID, "state", alarm.State, "output", text)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("killed after %s", c.within)
	}
	return err
}

// variable makes a text fit for an environment variable.
func variable(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if n > hookOutput {
		p = p[n-hookOutput:]
	}
	if over := t.Len() + len(p) - hookOutput; over > 0 {
		t.Next(over)
	}
	_, _ = t.Buffer.Write(p) // never fails
	return n, nil
}

// webhook is HOTPAIR_ALARM_WEBHOOK.
type webhook struct {
	url    string
	client *http.Client
	pause  time.Duration
	giveUp time.Duration
}

func newWebhook(url string) webhook {
	return webhook{url: url, pause: webhookPause, giveUp: webhookGiveUp, client: &http.Client{
		Timeout:       webhookWithin,
		Transport:     &http.Transport{DialContext: (&net.Dialer{Timeout: webhookWithin}).DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call posts until the receiver accepts the alarm.
func (w webhook) call(ctx context.Context, alarm hookCall) error {
	ctx, cancel := context.WithTimeout(ctx, w.giveUp)
	defer cancel()
	for pause := w.pause; ; pause = min(2*pause, webhookPauseMost) {
		err := w.post(ctx, alarm)
		if err == nil {
			return nil
		}
		if pace.Rest(ctx, pause) != nil {
			return err
		}
	}
}

func (w webhook) post(ctx context.Context, alarm hookCall) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(bus.EncodeJSON(alarm)))
	if err != nil {
		return errWebhook // the URL may hold a secret
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "hotpair")
	response, err := w.client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL
		}
		return fmt.Errorf("%w: %w", errWebhook, err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, hookOutput)
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%w: %s", errWebhook, response.Status)
	}
	return nil
}
