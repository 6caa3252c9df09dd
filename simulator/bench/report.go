package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/simulator/bench/comparison"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// report writes the newest results as documents: one of the comparison and of the goals, and beside it one for each kind with all
// that was measured.
func report(args []string, out io.Writer) error {
	f := newOptions("report")
	folder := f.String("results", "simulator/bench/results", "folder of the results")
	to := f.String("to", "", "file to write; the document of each kind goes to the folder results beside it. Without it the first is printed")
	if err := f.parse(args); err != nil {
		return err
	}
	var list []*result.Result
	for _, what := range kindsOfResults() {
		r, err := result.Newest(*folder, what)
		if errors.Is(err, result.ErrNone) {
			continue
		}
		if err != nil {
			return err
		}
		list = append(list, r)
	}
	text := overview(list)
	if *to == "" {
		_, err := io.WriteString(out, text)
		return err
	}
	documents := map[string]string{*to: text}
	for _, r := range list {
		documents[filepath.Join(filepath.Dir(*to), detailsOf(r.What))] = r.Document()
	}
	for name, text := range documents {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// detailsOf is where all that was measured of a kind is shown, from the document of the overview.
func detailsOf(what string) string { return filepath.Join("results", what+".md") }

// overview is what to read first.
func overview(list []*result.Result) string {
	var b strings.Builder
	b.WriteString("# Results\n\n`bench report` writes this document from the newest files in `results/`; [README.md](README.md) describes the method and\n" +
		"its limits. A cell is the median, followed by the least and the greatest sample.\n")
	if i := slices.IndexFunc(list, func(r *result.Result) bool { return r.What == "peers" }); i >= 0 {
		fmt.Fprintf(&b, "\n## Compared with etcd and Redis\n\nMachine, versions and settings are in [peers](results/peers.md).\n%s", comparison.Tables(list[i], goals()))
	}
	fmt.Fprintf(&b, "\n## Goals\n%s", result.Goals(list, goals()))
	b.WriteString("\n## All results\n\n| | measured | version |\n|---|---|---|\n")
	for _, r := range list {
		at := filepath.ToSlash(detailsOf(r.What))
		fmt.Fprintf(&b, "| [%s](%s) | %s | %s |\n", r.What, at, r.Time.Format("2006-01-02 15:04"), r.Version)
	}
	return b.String()
}
