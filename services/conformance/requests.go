package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/conformance/stand"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// together are the requests that come at the same time.
	together = 16
	// slow is how long the updater takes for one of them.
	slow = 300 * time.Millisecond
	// short is a deadline that passes, and grace how much later the answer may come.
	short = 500 * time.Millisecond
	grace = 2 * time.Second
)

// compact takes away the space between the parts of JSON.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// shapes are bodies that are JSON, and hardly what an operation awaits.
var shapes = []string{
	"null", "true", "0", "-1e300", `""`, `"text"`, "[]", "[[{}]]", `{"":0}`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
	`{"a":"` + strings.Repeat("x", 100_000) + `"}`, `"\u0000\ud83d\ude00"`, "{}",
}

func malformed(ctx context.Context, u *suite) verdict {
	t, err := u.open(ctx)
	if err != nil {
		return of(err)
	}
	defer t.close(ctx)
	for _, name := range u.report.Operations {
		for _, body := range shapes {
			r := t.request(Case{Operation: name, Body: []byte(body)})
			a, err := t.stand.Call(ctx, r, t.batches, u.options.Within)
			if err == nil && a.Wrong != "" {
				err = errors.New(a.Wrong)
			}
			if err != nil {
				return failed("%s with the body %.60s: %v%s", name, body, err, t.stand.Program().Said())
			}
		}
	}
	return passed()
}

func unknownNames(ctx context.Context, u *suite) verdict {
	at := u.chosen(func(o observed) bool {
		return o.err == nil && o.request.Timer == nil && o.answer.Code == bus.CodeOK && bytes.HasPrefix(compact(o.request.Body), []byte("{"))
	})
	if len(at) == 0 {
		return untried("no case is answered without error")
	}
	return of(u.replay(ctx, at, func(t *trial, _ int, r stand.Request) error {
		r.Body = withName(r.Body)
		a, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
		if err != nil {
			return err
		}
		if a.Code != bus.CodeMalformed {
			return fmt.Errorf("with the body %.200s the answer is %s: a misspelt name would go unnoticed", r.Body, said(a.Reply))
		}
		return nil
	}))
}

// withName adds an unknown name to an object.
func withName(body []byte) []byte {
	const name = `"no-such-name":1`
	inside := bytes.TrimSpace(compact(body)[1:])
	if bytes.HasPrefix(inside, []byte("}")) {
		return []byte("{" + name + "}")
	}
	return append([]byte("{"+name+","), inside...)
}

func unknownOperation(ctx context.Context, u *suite) verdict {
	if !u.batches {
		return untried("it receives requests one by one, not in batches: an unknown operation does not reach it")
	}
	t, err := u.open(ctx)
	if err != nil {
		return of(err)
	}
	defer t.close(ctx)
	a, err := t.stand.Call(ctx, t.request(Case{Operation: "no-such-operation", Body: []byte("{}")}), true, u.options.Within)
	if err == nil && a.Code != bus.CodeAbsent {
		err = fmt.Errorf("the answer is %s", said(a.Reply))
	}
	return of(err)
}

// atOnce sends requests at the same time; the first that calls the updater waits for it.
func atOnce(ctx context.Context, u *suite) verdict {
	at := u.chosen(func(o observed) bool { return o.err == nil && o.request.Timer == nil && len(o.calls) > 0 })
	if len(at) == 0 {
		return untried("no case calls the updater")
	}
	t, err := u.open(ctx)
	if err != nil {
		return of(err)
	}
	defer t.close(ctx)
	var first atomic.Bool
	t.stand.SetFault(func(_ *stand.Call, forward func() (bus.DatabaseReply, bool), answer func(bus.DatabaseReply)) {
		if first.CompareAndSwap(false, true) {
			_ = pace.Rest(ctx, slow)
		}
		if reply, ok := forward(); ok {
			answer(reply)
		}
	})
	var list []stand.Request
	for i := range together {
		list = append(list, t.request(u.cases[at[i%len(at)]]))
	}
	wrong := make([]error, len(list))
	var all sync.WaitGroup
	for i, r := range list {
		all.Go(func() {
			a, err := t.stand.Call(ctx, r, t.batches, t.options.Within)
			if err == nil && a.Wrong != "" {
				err = errors.New(a.Wrong)
			}
			wrong[i] = err
		})
	}
	all.Wait()
	for i, err := range wrong {
		if err != nil {
			return failed("of %d requests at the same time %s %.100s: %v%s", together, list[i].Operation, list[i].Body, err, t.stand.Program().Said())
		}
	}
	return passed()
}

// deadline has a commit that never comes anywhere.
func deadline(ctx context.Context, u *suite) verdict {
	at := u.writing()
	if len(at) == 0 {
		return u.noWriting()
	}
	return of(u.replay(ctx, at[:1], func(t *trial, i int, r stand.Request) error {
		t.stand.SetFault(commits(func(*stand.Call, func() (bus.DatabaseReply, bool), func(bus.DatabaseReply)) {}))
		hasty := r
		hasty.Within = short
		began := time.Now()
		a, err := t.stand.Call(ctx, hasty, t.batches, short+grace)
		if err != nil {
			return fmt.Errorf("with %s left on arrival, and a commit without answer: %w", short, err)
		}
		if a.Code != bus.CodeUnknown {
			return fmt.Errorf("%s after it arrived with %s left the answer is %s, although its commit may have been executed", time.Since(began).Round(time.Millisecond), short, said(a.Reply))
		}
		t.stand.SetFault(nil)
		r.Attempt = 2
		return t.once(ctx, i, r, 1)
	}))
}
