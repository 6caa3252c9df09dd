package offline

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Checked reads and checks a whole backup file, with a progress bar.
func Checked(ctx context.Context, c *cobra.Command, files Files, path string, proof Proof) (Summary, error) {
	bar := screen.NewProgress(c.ErrOrStderr(), "check")
	defer bar.End()
	return files.Check(ctx, path, proof, func(done float64) { bar.Show(done, "") })
}

// CheckCommand returns hotpair backup check.
func CheckCommand(files Files) *cobra.Command {
	var asJSON bool
	var by proving
	c := usage.Command("check FILE", "Check that a backup is complete, and made by the pair",
		`Reads the whole file and checks its checksum, every value, the chain of its history, and the proof that the pair made it. No host
is asked; the pair secret of the time of the backup is read from HOTPAIR_PAIR_SECRET or HOTPAIR_PAIR_SECRET_FILE, with --dir from
the files of a cluster, else from /etc/hotpair/host.env. Exit code 1 if the backup is not complete or not proved, with the fault
and its place.`,
		`  hotpair backup check nightly.backup
  hotpair backup check nightly.backup --json | jq -r '.position, .sha256'`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			proof, err := by.proof()
			if err != nil {
				return fmt.Errorf("backup check: %w", err)
			}
			summary, err := Checked(ctx, c, files, args[0], proof)
			if err != nil {
				return fmt.Errorf("backup check: %w", err)
			}
			if asJSON {
				return screen.JSON(c.OutOrStdout(), summary)
			}
			Show(c, "whole", summary)
			return nil
		})
	by.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// Show shows the summary of a backup file; what says what was done with it.
func Show(c *cobra.Command, what string, b Summary) {
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	s.Headline(operator.Good, fmt.Sprintf("%s: %s, %s at position %s", what, b.File, wording.Bytes(b.Bytes), b.Position))
	s.Line("")
	s.Row("made", wording.Time(b.Made)+" on host "+b.From+"; the last update in it is of "+wording.Time(b.Time))
	s.Row("pair", wording.Or(b.PairID, "none"))
	s.Row("holds", wording.Count(uint64(b.Items), "key")+" and "+wording.Count(uint64(b.Updates), "update")+" that arrived while it was made")
	showProof(s, b)
	s.Row("digest", b.Digest)
	s.Row("sha256", b.SHA256)
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
}
