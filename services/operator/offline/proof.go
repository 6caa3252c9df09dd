package offline

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/regular"
)

// proving has the flags for proving a backup.
type proving struct {
	cluster  string
	unproved bool
	identity string
}

func (p *proving) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.cluster, "dir", "", "directory of a hotpair cluster, whose pair secret proves the backup")
	c.Flags().BoolVar(&p.unproved, "unproved", false, "accept the backup without a proof that the pair made it: you vouch for it")
	c.Flags().StringVar(&p.identity, "identity", "", "file with the age key that decrypts it, as written by age-keygen; decrypted data is written only to the restored directory")
}

// proof finds the key, unless the backup need not be proved. The error is ErrUsage.
func (p *proving) proof() (proof Proof, err error) {
	if p.identity != "" {
		if proof.Unseal, err = unsealing(p.identity); err != nil {
			return Proof{}, err
		}
	}
	if p.unproved {
		proof.Unproved = true
		return proof, nil
	}
	where := hosts.Place{Dir: p.cluster, Env: os.Environ(), Temp: os.TempDir(), Unit: hosts.UnitFile}
	secret, err := where.PairSecret()
	if err != nil {
		return Proof{}, fmt.Errorf("a backup is proved with a key derived from the pair secret: %w; --unproved accepts a file that anybody may have made", err)
	}
	proof.Key = config.BackupKey(secret)
	return proof, nil
}

// mostIdentity bounds a file with keys of age, in bytes.
const mostIdentity = 64 << 10

// unsealing returns a function that decrypts with the keys in a file. Plain files are read as they are. The error is
// ErrUsage.
func unsealing(path string) (func(io.Reader) (io.Reader, error), error) {
	text, err := regular.Read(path, mostIdentity)
	if err != nil {
		return nil, fmt.Errorf("%w: --identity: %w", operator.ErrUsage, err)
	}
	keys, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // the library's error could quote a key
		return nil, fmt.Errorf("%w: --identity: %s holds no plain age key (AGE-SECRET-KEY-1…); decrypt a key with a passphrase first: age -d %s > FILE", operator.ErrUsage, path, path)
	}
	return func(in io.Reader) (io.Reader, error) {
		peeked := bufio.NewReader(in)
		if begin, _ := peeked.Peek(len(ageBegins)); string(begin) != ageBegins {
			return peeked, nil
		}
		return age.Decrypt(peeked, keys...)
	}, nil
}

// ageBegins is the beginning of a file encrypted by age.
const ageBegins = "age-encryption.org/"

// showProof shows whether and how a backup is proved.
func showProof(s *screen.Screen, b Summary) {
	if b.Proved {
		s.Row("proved", "by key "+b.Key+", of the pair secret")
		return
	}
	s.Row("not proved", "it names key "+b.Key+", but it is not proved that a pair made it")
}
