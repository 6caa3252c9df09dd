package winservice

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// follow runs a service and gives what it tells, as it tells it.
func follow(t *testing.T, run func(ctx context.Context, up func()) error) (orders chan Order, told func() []Told, ended chan error) {
	t.Helper()
	orders, ended = make(chan Order), make(chan error, 1)
	said := make(chan Told, 100)
	go func() { ended <- Follow(t.Context(), orders, func(w Told) { said <- w }, run) }()
	told = func() (list []Told) {
		synctest.Wait()
		for len(said) > 0 {
			list = append(list, <-said)
		}
		return list
	}
	return orders, told, ended
}

func states(list []Told) (of []State) {
	for _, w := range list {
		of = append(of, w.State)
	}
	return of
}

// The system waits for a service that starts or ends only as long as that says so, and must be told again in time.
func TestFollow_TellsHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready, last := make(chan struct{}), make(chan struct{})
		orders, told, ended := follow(t, func(ctx context.Context, up func()) error {
			<-ready
			up()
			up() // once is enough
			<-ctx.Done()
			<-last
			return nil
		})
		if got := told(); !slices.Equal(states(got), []State{Starting}) || got[0].Within != within {
			t.Fatalf("at first it says %v", got)
		}
		time.Sleep(2*again + 1) // of the bubble's clock, and so are those below
		if got := told(); !slices.Equal(states(got), []State{Starting, Starting}) || got[1].Step <= got[0].Step {
			t.Errorf("while it starts it says %v", got)
		}
		close(ready)
		if got := states(told()); !slices.Equal(got, []State{Running}) {
			t.Errorf("up it says %v", got)
		}
		time.Sleep(10 * again)
		if got := told(); len(got) > 0 {
			t.Errorf("nobody asked, and it says %v", got)
		}
		orders <- Ask
		if got := states(told()); !slices.Equal(got, []State{Running}) {
			t.Errorf("asked it says %v", got)
		}
		orders <- End
		orders <- End
		time.Sleep(again + 1)
		if got := told(); !slices.Equal(states(got), []State{Stopping, Stopping}) || got[1].Step <= got[0].Step {
			t.Errorf("told to end it says %v", got)
		}
		close(last)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestFollow_GivesWhatItFailedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the disk is full")
		orders, told, ended := follow(t, func(context.Context, func()) error { return broken })
		if err := <-ended; !errors.Is(err, broken) {
			t.Error(err)
		}
		if got := states(told()); !slices.Equal(got, []State{Starting}) {
			t.Errorf("it says %v", got)
		}
		close(orders)
	})
}

// noted is a journal in memory.
type noted struct {
	lines []string
	err   error
}

func (n *noted) note(level, text string) error {
	n.lines = append(n.lines, level+" "+text)
	return n.err
}
func (n *noted) Info(_ uint32, text string) error    { return n.note("information", text) }
func (n *noted) Warning(_ uint32, text string) error { return n.note("warning", text) }
func (n *noted) Error(_ uint32, text string) error   { return n.note("error", text) }

func TestLines_GoToTheJournalByTheirLevel(t *testing.T) {
	for form, make := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler {
			return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"json": func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		n := &noted{}
		log := slog.New(make(Lines{n}))
		log.Debug("one")
		log.Info("two, level=ERROR")
		log.Warn("three")
		log.Error("four")
		var got []string
		for _, line := range n.lines {
			level, _, _ := strings.Cut(line, " ")
			got = append(got, level)
		}
		if want := []string{"information", "information", "warning", "error"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", form, n.lines, want)
		}
	}
	n := &noted{}
	text := "a\x00b\xff\r\n\n" + strings.Repeat("ä", longest) + "\nlast"
	if written, err := (Lines{n}).Write([]byte(text)); err != nil || written != len(text) {
		t.Error(written, err)
	}
	if len(n.lines) != 3 || n.lines[0] != "information a?b?" || len(n.lines[1]) > longest+20 || n.lines[2] != "information last" {
		t.Errorf("%.80q", n.lines)
	}
	n.err = errors.New("the log is full")
	if _, err := (Lines{n}).Write([]byte("x\n")); !errors.Is(err, n.err) {
		t.Error(err)
	}
}
