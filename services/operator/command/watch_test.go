package command

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestWatch_SaysHowOldItIsWhenNobodyAnswers(t *testing.T) {
	var out strings.Builder
	w := &watcher{out: &out, inPlace: true}
	good := []hosts.Look{{Target: hosts.Target{Name: "a"}, Status: operatortest.Samples()["active-paired"]}}
	down := []hosts.Look{{Target: hosts.Target{Name: "a"}, Err: operator.ErrUnreachable}, {Target: hosts.Target{Name: "b"}, Err: operator.ErrUnreachable}}
	for _, step := range []struct {
		looks []hosts.Look
		at    time.Time
		want  string
	}{
		{down, operatortest.Noon(), "no host answers yet"},
		{good, operatortest.Noon().Add(time.Second), "as a sees it"},
		{down, operatortest.Noon().Add(96 * time.Second), "NO HOST ANSWERS: this status is 1m35s old"},
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
	if err := f.watch(ctx, c, []hosts.Target{{URL: "http://" + serve(t, &operatortest.Host{Now: operatortest.Paired()}).Address()}}, fastestWatch); err != nil {
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
