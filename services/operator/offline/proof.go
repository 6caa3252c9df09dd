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

// proving is how a command is told what proves a backup.
type proving struct {
	cluster  string
	unproved bool
	identity string
}

func (p *proving) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.cluster, "dir", "", "directory of a hotpair cluster, whose pair secret proves the backup")
	c.Flags().BoolVar(&p.unproved, "unproved", false, "take it although nothing proves that the pair made it: you vouch for it")
	c.Flags().StringVar(&p.identity, "identity", "", "file with the key of age that decrypts it, as age-keygen wrote it; nothing decrypted is written but what is restored")
}

// proof finds the key, unless nothing has to prove the backup. The error is ErrUsage.
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
		return Proof{}, fmt.Errorf("a backup is proved by a key that is made of the pair secret: %w; --unproved takes a file that anybody can have made", err)
	}
	proof.Key = config.BackupKey(secret)
	return proof, nil
}

// mostIdentity bounds a file with keys of age, in bytes.
const mostIdentity = 64 << 10

// unsealing gives what decrypts with the keys in a file. A file that is not encrypted is read as it is. The error is ErrUsage.
func unsealing(path string) (func(io.Reader) (io.Reader, error), error) {
	text, err := regular.Read(path, mostIdentity)
	if err != nil {
		return nil, fmt.Errorf("%w: --identity: %w", operator.ErrUsage, err)
	}
	keys, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // what the library says could quote a key
		return nil, fmt.Errorf("%w: --identity: %s holds no key of age in clear (AGE-SECRET-KEY-1…); one that a passphrase protects: age -d %s > FILE first", operator.ErrUsage, path, path)
	}
	return func(in io.Reader) (io.Reader, error) {
		peeked := bufio.NewReader(in)
		if begin, _ := peeked.Peek(len(ageBegins)); string(begin) != ageBegins {
			return peeked, nil
		}
		return age.Decrypt(peeked, keys...)
	}, nil
}

// ageBegins is what a file begins with that age has encrypted.
const ageBegins = "age-encryption.org/"

// showProof says what proved a backup.
func showProof(s *screen.Screen, b Summary) {
	if b.Proved {
		s.Row("proved", "by key "+b.Key+", of the pair secret")
		return
	}
	s.Row("not proved", "it names key "+b.Key+", and nothing here proves that a pair made it")
}
