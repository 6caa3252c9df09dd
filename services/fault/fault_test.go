package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	errFull  = New("full", "the journal is full")
	errStale = New("stale", "a higher epoch is known")
	errPlain = errors.New("plain")
)

// crossed is an error after it has crossed a wire.
func crossed(err error) error { return From(Codes(err), Text(err)) }

func TestFrom_IsTheSameSentinel(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		is   []error
		not  []error
		text string
	}{
		"one":              {fmt.Errorf("append: %w: 7 is known", errStale), []error{errStale}, []error{errFull, context.DeadlineExceeded}, "append: a higher epoch is known: 7 is known"},
		"two":              {fmt.Errorf("%w: %w", errFull, errStale), []error{errFull, errStale}, []error{errPlain}, "the journal is full: a higher epoch is known"},
		"joined":           {errors.Join(errPlain, errFull), []error{errFull}, []error{errPlain, errStale}, "plain the journal is full"},
		"no code":          {fmt.Errorf("disk: %w", errPlain), nil, []error{errPlain, errFull}, "disk: plain"},
		"deadline":         {fmt.Errorf("probe: %w", context.DeadlineExceeded), []error{context.DeadlineExceeded}, []error{context.Canceled}, "probe: context deadline exceeded"},
		"crossed already":  {fmt.Errorf("b says: %w", crossed(errStale)), []error{errStale}, []error{errFull}, "b says: a higher epoch is known"},
		"bare":             {errFull, []error{errFull}, []error{errStale}, "the journal is full"},
		"lines and binary": {fmt.Errorf("%w: a\r\nb\x00\xff", errFull), []error{errFull}, nil, "the journal is full: a  b ?"},
	} {
		got := crossed(c.err)
		for _, is := range c.is {
			if !errors.Is(got, is) {
				t.Errorf("%s: is not %v", name, is)
			}
		}
		for _, not := range c.not {
			if errors.Is(got, not) {
				t.Errorf("%s: is %v", name, not)
			}
		}
		if got.Error() != c.text {
			t.Errorf("%s: %q, want %q", name, got, c.text)
		}
	}
}

func TestCodes_TheOutermostComesFirst(t *testing.T) {
	if got := Codes(fmt.Errorf("%w: %w", errStale, fmt.Errorf("deep: %w, %w", errFull, errStale))); !slices.Equal(got, []string{"stale", "full"}) {
		t.Error(got)
	}
	if got := Codes(errPlain); !slices.Equal(got, []string{Other}) {
		t.Error(got)
	}
	if got := Codes(nil); got != nil {
		t.Error(got)
	}
}

// FuzzFrom: whatever comes from outside is an error with a sentence, bounded, and none that has no code.
func FuzzFrom(f *testing.F) {
	f.Add("stale", "text")
	f.Add("stale,full,FULL,,a b,"+strings.Repeat("x", 40), strings.Repeat("é", 5000))
	f.Add("", "\r\n")
	f.Fuzz(func(t *testing.T, codes, text string) {
		err := From(strings.Split(codes, ","), text)
		if err.Error() == "" || len(err.Error()) > maxText+most*(longest+2)+20 || !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Fatalf("%q", err.Error())
		}
		if errors.Is(err, errPlain) || errors.Is(err, context.Canceled) {
			t.Fatal("an error without a code came from outside")
		}
		if again := Codes(err); len(again) > most {
			t.Fatal(again)
		}
	})
}
