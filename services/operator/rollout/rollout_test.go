package rollout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

func hostsOf(text string) (s State) {
	for word := range strings.FieldsSeq(text) {
		name, version, _ := strings.Cut(word, "=")
		version, serves := strings.CutSuffix(version, "!")
		s.Hosts = append(s.Hosts, Host{name, version, serves})
	}
	return s
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		what, hosts, doubt string
		kind               Kind
		host, says         string
	}{
		{"both are old", "a=v1! b=v1", "", Install, "b", "install v2 on b, which is standby and runs v1"},
		{"both are old, b serves", "a=v1 b=v1!", "", Install, "a", "install v2 on a"},
		{"the standby is new", "a=v1! b=v2", "", Switchover, "a", "a still runs v1 and serves"},
		{"the new one serves", "a=v1 b=v2!", "", Install, "a", "install v2 on a"},
		{"both are new", "a=v2 b=v2!", "", Done, "", "both hosts run v2"},
		{"each runs something else", "a=v3! b=v1", "", Install, "b", "install v2 on b"},
		{"in doubt", "a=v1! b=v1", "b is not in sync", Wait, "", "b is not in sync"},
		{"in doubt at the end", "a=v2! b=v2", "b is not in sync", Wait, "", "b is not in sync"},
		{"one answers", "a=v1!", "", Wait, "", "both hosts must answer"},
		{"nobody serves", "a=v1 b=v1", "", Wait, "", "one of them must serve"},
		{"nobody answers", "", "", Wait, "", "both hosts must answer"},
	} {
		s := hostsOf(c.hosts)
		s.Doubt = c.doubt
		if got := Next(s, "v2"); got.Kind != c.kind || got.Host != c.host || !strings.Contains(got.Text, c.says) {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
	s := hostsOf("a=v2 b=v2!")
	s.Levels = bus.Levels{Level: 1, Next: 2}
	if got := Next(s, "v2"); !strings.Contains(got.Text, "hotpair upgrade finish, which raises the pair to level 2") {
		t.Errorf("at the end: %s", got.Text)
	}
}

// played is a pair that takes its time.
type played struct {
	State
	later []func() // what happens at the next looks, one each
	calls []string
	fails error
	// refusals are how often a switchover is refused before it is made.
	refusals int
}

func (p *played) Look(context.Context) (State, error) {
	if len(p.later) > 0 {
		p.later[0]()
		p.later = p.later[1:]
	}
	if len(p.Hosts) == 0 {
		return State{}, errors.New("connection refused")
	}
	s := p.State
	s.Hosts = slices.Clone(s.Hosts)
	return s, nil
}

func (p *played) Switchover(context.Context) error {
	p.calls = append(p.calls, "switchover")
	if p.refusals > 0 {
		p.refusals--
		return fmt.Errorf("%w: b is behind", operator.ErrRefused)
	}
	if p.fails == nil {
		for i := range p.Hosts {
			p.Hosts[i].Serves = !p.Hosts[i].Serves
		}
	}
	return p.fails
}

// install has a host go, come back with a version, and catch up.
func (p *played) install(host, version string) {
	p.calls = append(p.calls, host+" "+version)
	whole := slices.Clone(p.Hosts)
	for i := range whole {
		if whole[i].Name == host {
			whole[i].Version = version
		}
	}
	p.later = append(p.later, func() { p.Hosts, p.Doubt = nil, "nobody" }, func() { p.Hosts, p.Doubt = whole, host+" catches up" }, func() {}, func() { p.Doubt = "" })
}

func (p *played) config(target, installs string, said *[]string) Config {
	return Config{
		Target: target, Within: time.Minute,
		Install: func(_ context.Context, host string) error { p.install(host, installs); return nil },
		Say:     func(s Step) { *said = append(*said, string(s.Kind)+" "+s.Text) },
	}
}

func TestWalk(t *testing.T) {
	for what, c := range map[string]struct {
		hosts, installs string
		change          func(*played)
		calls           string
		is              error
		says            string // of the error, or of what was said last
	}{
		"from the beginning": {"a=v1! b=v1", "v2", nil, "b v2, switchover, a v2", nil, "done both hosts run v2"},
		"gone on with":       {"a=v1! b=v2", "v2", nil, "switchover, a v2", nil, "done both hosts run v2"},
		"nothing to do":      {"a=v2! b=v2", "v2", nil, "", nil, "done both hosts run v2"},
		"another version comes back": {"a=v1! b=v1", "v3", nil, "b v3", ErrDoubt,
			"b runs v3 now instead of v2: install that version, or start again with --to v3"},
		"nothing was installed": {"a=v1! b=v1", "v1", nil, "b v1", ErrDoubt, "b still runs v1"},
		"in doubt for long":     {"a=v1! b=v1", "v2", func(p *played) { p.Doubt = "the witness is gone" }, "", ErrDoubt, "the witness is gone; nothing more was done"},
		"in doubt for a while":  {"a=v2! b=v2", "v2", func(p *played) { p.Doubt = "x"; p.later = []func(){func() {}, func() { p.Doubt = "" }} }, "", nil, "done both hosts run v2"},
		"refused":               {"a=v1! b=v2", "v2", func(p *played) { p.fails = errors.New("b is not fit") }, "switchover", nil, "switchover: b is not fit"},
		"refused for a moment":  {"a=v1! b=v2", "v2", func(p *played) { p.refusals = 2 }, "switchover, switchover, switchover, a v2", nil, "done both hosts run v2"},
		"refused for long":      {"a=v1! b=v2", "v2", func(p *played) { p.refusals = 1000 }, strings.TrimSuffix(strings.Repeat("switchover, ", 62), ", "), ErrDoubt, "b is behind; nothing more was done"},
		"terminals stay away": {"a=v1! b=v1", "v2", func(p *played) {
			p.Attached = 5
			p.later = []func(){func() {}, func() { p.Attached = 3 }}
		}, "b v2", ErrDoubt, "3 terminals are served, but 5 were before"},
		"terminals that nobody here knows of": {"a=v1! b=v1", "v2", func(p *played) {
			p.Attached = 5
			p.later = []func(){func() {}, func() { p.Attached = Unknown }}
		}, "b v2, switchover, a v2", nil, "done both hosts run v2"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &played{State: hostsOf(c.hosts)}
				if c.change != nil {
					c.change(p)
				}
				var said []string
				err := Walk(t.Context(), p, p.config("v2", c.installs, &said))
				last := ""
				if err != nil {
					last = err.Error()
				} else if len(said) > 0 {
					last = said[len(said)-1]
				}
				if got := strings.Join(p.calls, ", "); got != c.calls || !strings.Contains(last, c.says) || c.is != nil && !errors.Is(err, c.is) || strings.HasPrefix(c.says, "done") != (err == nil) {
					t.Errorf("did %q, want %q; %v\n%s", got, c.calls, err, strings.Join(said, "\n"))
				}
			})
		})
	}
}

// A person takes the time that it takes, and can break off.
func TestWalk_WaitsForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &played{State: hostsOf("a=v1! b=v1")}
		var said []string
		c := p.config("v2", "", &said)
		c.Install = nil
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Walk(ctx, p, c) }()
		time.Sleep(24 * time.Hour)
		if len(ended) > 0 || strings.Join(said, "; ") != "install install v2 on b, which is standby and runs v1, and restart it; wait b still runs v1" {
			t.Errorf("a day later: %v, %q", len(ended), said)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || len(p.calls) > 0 {
			t.Errorf("broken off: %v, %v", err, p.calls)
		}
	})
}

// TestConfig_RefusesWhatNeverEnds: a variable of a script that is not set would have every host be waited for without end.
func TestConfig_RefusesWhatNeverEnds(t *testing.T) {
	for _, c := range []Config{
		{Within: time.Minute}, {Target: " ", Within: time.Minute}, {Target: "v1 linux", Within: time.Minute}, {Target: "v1\n", Within: time.Minute},
		{Target: "v1"}, {Target: "v1", Within: -time.Second},
	} {
		if err := c.Check(); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := (Config{Target: "v1", Within: time.Second}).Check(); err != nil {
		t.Error(err)
	}
}

// said takes what a command writes, and says when it wrote first.
type said struct {
	text  bytes.Buffer
	first chan struct{}
	once  sync.Once
}

func (s *said) Write(p []byte) (int, error) {
	defer s.once.Do(func() { close(s.first) })
	return s.text.Write(p)
}

// A command is told what to install where, and hears of an end.
func TestShell(t *testing.T) {
	if Shell("", "v2", nil) != nil {
		t.Error("no command installs")
	}
	var out bytes.Buffer
	if err := Shell(`echo "$HOTPAIR_UPGRADE_TO on $HOTPAIR_UPGRADE_HOST"; exit 3`, "v2", &out)(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), "exit status 3") || out.String() != "v2 on b\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	long := &said{first: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- Shell(`trap 'echo told; exit 0' TERM; echo begun; while :; do sleep 0.05; done`, "v2", long)(ctx, "b")
	}()
	<-long.first
	cancel()
	if err := <-ended; err == nil || !strings.HasSuffix(long.text.String(), "told\n") {
		t.Errorf("%v, %q", err, long.text.String())
	}
}
