package operator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// decided is what the host of a test answers about who serves.
type decided struct {
	pause     PauseResult
	paused    []PauseRequest
	explained Explanation
	scheduled []time.Time
	diagnosis Diagnosis
	plan      PromotePlan
	accepted  []string
	admitted  []string
}

func (h *table) Pause(_ context.Context, c Caller, r PauseRequest) (PauseResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers, h.decided.paused = append(h.callers, c), append(h.decided.paused, r)
	return h.decided.pause, h.err
}

func (h *table) Resume(_ context.Context, c Caller) (PauseResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return h.decided.pause, h.err
}

func aPause() *Pause {
	return &Pause{Until: noon().Add(30 * time.Minute), LeftMS: 1_800_000, By: "operator 127.0.0.1:9"}
}

func TestPauseCommand(t *testing.T) {
	a := &table{status: paired(), decided: decided{pause: PauseResult{ID: "C1", Host: "a", Pause: aPause(), PeerKnows: true}}}
	dir := pair(t, a, &table{status: standby()})
	out, _, err := run(t, "pause", "--dir", dir, "--for", "45m")
	if err != nil {
		t.Fatal(err)
	}
	wantScreen(t, out)
	golden(t, "pause", out)
	if len(a.decided.paused) != 1 || a.decided.paused[0].For != "45m" {
		t.Errorf("asked for %v", a.decided.paused)
	}
	a.decided.pause = PauseResult{ID: "C2", Host: "a"}
	if out, _, err = run(t, "resume", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	golden(t, "resume", out)
}

func TestPauseCommand_Refused_SaysWhyAndThatNothingWasDone(t *testing.T) {
	a := &table{status: paired(), err: fmt.Errorf("%w: the witness can't be reached", ErrRefused)}
	_, _, err := run(t, "pause", "--dir", pair(t, a, nil))
	if err == nil || !strings.Contains(err.Error(), "nothing was done") || !strings.Contains(err.Error(), "witness") {
		t.Errorf("%v", err)
	}
}

func TestPause_BadRequests(t *testing.T) {
	for body, want := range map[string]int{
		`{"for":"forever"}`: http.StatusBadRequest, `{"for":"-1m"}`: http.StatusBadRequest, `{"until":"x"}`: http.StatusBadRequest,
		`{`: http.StatusBadRequest, `{"for":"1m"}`: http.StatusOK, ``: http.StatusOK,
	} {
		h := &table{status: paired()}
		if w := request(t, h, http.MethodPost, PathPause, body, nil); w.Code != want {
			t.Errorf("%s: answered %d %s, want %d", body, w.Code, w.Body, want)
		} else if want != http.StatusOK && len(h.decided.paused) > 0 {
			t.Errorf("%s reached the host", body)
		}
	}
	if _, _, err := run(t, "pause", "--for", "soon", "--dir", pair(t, &table{}, nil)); err == nil || !strings.Contains(err.Error(), "duration") {
		t.Errorf("--for soon: %v", err)
	}
}

func TestWatch_SaysHowOldItIsWhenNobodyAnswers(t *testing.T) {
	var out strings.Builder
	w := &watcher{out: &out, inPlace: true}
	good := []look{{target: target{name: "a"}, status: paired()}}
	down := []look{{target: target{name: "a"}, err: ErrUnreachable}, {target: target{name: "b"}, err: ErrUnreachable}}
	for _, step := range []struct {
		looks []look
		at    time.Time
		want  string
	}{
		{down, noon(), "no host answers yet"},
		{good, noon().Add(time.Second), "as a sees it"},
		{down, noon().Add(96 * time.Second), "NO HOST ANSWERS: what is shown is 1m35s old"},
	} {
		out.Reset()
		if err := w.show(step.looks, step.at); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), step.want) {
			t.Errorf("%q is not in\n%s", step.want, out.String())
		}
	}
	if !strings.Contains(out.String(), "either host may fail") || !strings.Contains(out.String(), toTop) {
		t.Errorf("what was known is gone:\n%s", out.String())
	}
	w.end()
	if !strings.HasSuffix(out.String(), cursorOn) {
		t.Error("the cursor stays hidden")
	}
}

func TestWatch_EndsCleanlyAndKeepsToJSON(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	reads := &countedWriter{enough: 3, done: cancel}
	f := &flags{json: true}
	c := statusCommand()
	c.SetOut(reads)
	if err := f.watch(ctx, c, []target{{url: "http://" + serve(t, &table{status: paired()}).Address()}}, fastestWatch); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(reads.text.String()), "\n") {
		if !strings.HasPrefix(line, `{"host":"a"`) {
			t.Errorf("no status: %s", line)
		}
	}
	if err := f.watch(ctx, c, nil, time.Millisecond); err == nil {
		t.Error("an interval of 1ms was taken")
	}
}

// countedWriter keeps what is written and calls done after enough writes.
type countedWriter struct {
	text   strings.Builder
	enough int
	done   func()
}

func (w *countedWriter) Write(p []byte) (int, error) {
	if w.enough--; w.enough == 0 {
		w.done()
	}
	return w.text.Write(p)
}
