package offline

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
)

// proving is how a command is told what proves a backup.
type proving struct {
	cluster  string
	unproved bool
}

func (p *proving) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.cluster, "dir", "", "directory of a hotpair cluster, whose pair secret proves the backup")
	c.Flags().BoolVar(&p.unproved, "unproved", false, "take it although nothing proves that the pair made it: you vouch for it")
}

// proof finds the key, unless nothing has to prove the backup. The error is ErrUsage.
func (p *proving) proof() (Proof, error) {
	if p.unproved {
		return Proof{Unproved: true}, nil
	}
	where := hosts.Place{Dir: p.cluster, Env: os.Environ(), Temp: os.TempDir(), Unit: hosts.UnitFile}
	secret, err := where.PairSecret()
	if err != nil {
		return Proof{}, fmt.Errorf("a backup is proved by a key that is made of the pair secret: %w; --unproved takes a file that anybody can have made", err)
	}
	return Proof{Key: config.BackupKey(secret)}, nil
}

// showProof says what proved a backup.
func showProof(s *screen.Screen, b Summary) {
	if b.Proved {
		s.Row("proved", "by key "+b.Key+", of the pair secret")
		return
	}
	s.Row("not proved", "it names key "+b.Key+", and nothing here proves that a pair made it")
}
