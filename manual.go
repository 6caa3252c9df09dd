//go:build manual

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/hotpair/hotpair/services/config"
)

// manual is a command that only the release's own build has, so that what is shipped does not carry what writes pages.
// SOURCE_DATE_EPOCH is the time that stands in them.
func manual() *cobra.Command {
	return &cobra.Command{
		Use: "manual DIR", Short: "Write man pages and completions into a folder", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error { return writeManual(cmd.Root(), args[0]) },
	}
}

func writeManual(root *cobra.Command, dir string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	date := time.Unix(seconds, 0).UTC()
	root.DisableAutoGenTag = true
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("manual: %w", err)
	}
	header := doc.GenManHeader{Title: "HOTPAIR", Section: "1", Date: &date, Source: "hotpair", Manual: "hotpair"}
	if err := doc.GenManTree(root, &header, dir); err != nil {
		return fmt.Errorf("man pages: %w", err)
	}
	var settings bytes.Buffer
	if err := config.Help(&settings); err != nil {
		return fmt.Errorf("page of the environment: %w", err)
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, ".TH \"HOTPAIR\" \"5\" \"%s\" \"hotpair\" \"hotpair\"\n.SH NAME\nhotpair - the environment of hosts, witness and terminals\n.SH ENVIRONMENT\n.nf\n",
		date.Format("Jan 2006"))
	for line := range strings.Lines(settings.String()) {
		line = strings.ReplaceAll(strings.ReplaceAll(line, `\`, `\\`), "-", `\-`)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		page.WriteString(line)
	}
	page.WriteString(".fi\n.SH SEE ALSO\nhotpair(1)\n")
	if err := os.WriteFile(filepath.Join(dir, "hotpair.5"), page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("page of the environment: %w", err)
	}
	for name, write := range map[string]func(string) error{
		"hotpair.bash": func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"_hotpair":     root.GenZshCompletionFile,
		"hotpair.fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("completion %s: %w", name, err)
		}
	}
	return nil
}
