package roster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Wish says which tokens to make.
type Wish struct {
	IDs  []string
	For  string // how long they are valid; empty is the host's default
	File string // new file to write them to; empty: they are shown
	// Maybe: a pair that is not its own authority makes none, which is no error.
	Maybe bool
}

// Tokens makes tokens, in parts that each fit into a call. Those made before an error are returned or written too:
// they are shown only here.
func Tokens(ctx context.Context, c *cobra.Command, client *operator.Client, w Wish) (all []certificates.TerminalToken, err error) {
	var to *durable.File
	if w.File != "" { // before any token is made: they are shown once
		if _, err := os.Lstat(w.File); err == nil {
			return nil, fmt.Errorf("%w: --tokens: %s exists already, and is not overwritten", operator.ErrUsage, w.File)
		}
		if to, err = durable.Begin(w.File); err != nil {
			return nil, fmt.Errorf("--tokens: %w", err)
		}
		defer func() { _ = to.Discard() }()
	}
	var failed error
	bar := screen.NewProgress(c.ErrOrStderr(), "tokens")
	defer bar.End()
	for at := 0; at < len(w.IDs); at += operator.MaxChanged {
		part := w.IDs[at:min(at+operator.MaxChanged, len(w.IDs))]
		given, err := operator.CallTerminalTokens.Ask(ctx, client, certificates.TokensRequest{IDs: part, For: w.For})
		if w.Maybe && errors.Is(err, certificates.ErrNoAuthority) {
			return nil, nil
		}
		if failed = err; failed != nil {
			break
		}
		all = append(all, given.Tokens...)
		bar.Show(float64(len(all))/float64(len(w.IDs)), wording.Count(uint64(len(all)), "token"))
	}
	if to == nil || len(all) == 0 {
		return all, failed
	}
	var text bytes.Buffer
	for _, t := range all {
		fmt.Fprintf(&text, "%s %s\n", t.ID, t.Token)
	}
	if _, err := to.Write(text.Bytes()); err != nil {
		return nil, fmt.Errorf("--tokens: %w", err)
	}
	if err := errors.Join(to.Flush(), to.Create()); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w: --tokens: %s exists already, and is not overwritten; make other tokens with hotpair terminals token", operator.ErrUsage, w.File)
		}
		return nil, fmt.Errorf("--tokens: %w", err)
	}
	return all, failed
}

// ShowTokens shows tokens, or names the file that has them.
func ShowTokens(c *cobra.Command, given []certificates.TerminalToken, file string) error {
	out := c.OutOrStdout()
	if len(given) == 0 {
		return nil
	}
	until := given[0].Until.UTC().Format(time.DateTime)
	if file != "" {
		fmt.Fprintf(out, "%s in %s, valid until %s UTC; at each terminal: hotpair terminal enrol TOKEN\n", wording.Count(uint64(len(given)), "token"), file, until)
		return nil
	}
	if screen.IsTerminal(out) {
		fmt.Fprintln(c.ErrOrStderr(), "SECRET: each token is shown once, and lets one machine enrol as that terminal")
	}
	for _, t := range given {
		fmt.Fprintf(out, "at terminal %s (%s), until %s UTC:\n  hotpair terminal enrol %s\n", wording.Printable(t.ID), wording.Printable(t.Address), until, wording.Printable(t.Token))
	}
	return nil
}

// CertificateWord describes the certificate of a terminal in a line.
func CertificateWord(c *certificates.TerminalCertificate) string {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	text := ""
	switch c.State {
	case certificates.Waiting:
		text = "not enrolled yet, its token is valid until " + c.Until.UTC().Format(time.DateTime) + " UTC"
	case certificates.Expired:
		text = "its token expired on " + c.Until.UTC().Format(time.DateTime) + " UTC; hotpair terminals token makes another"
	case certificates.Withdrawn:
		text = "withdrawn on " + day(c.Withdrawn)
		if c.Reason != "" {
			text += ": " + wording.Printable(c.Reason)
		}
	default:
		text = "enrolled, certificate until " + day(c.NotAfter)
	}
	if !c.Misused.IsZero() {
		text += "; another machine presented its token"
	}
	return text
}
