package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
)

// Names of an authority's files in the directory that a person is given.
const (
	rootFile    = "root.key"
	issuingFile = "issuing.key"
	sealFile    = "seal.key"
)

// AuthorityCommand returns hotpair authority: commands for the keys of a pair that is its own authority.
func AuthorityCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "authority", Short: "Make and renew the keys of a pair that is its own authority",
		Long: `A pair can be its own authority for the certificates of its hosts, its witness and its terminals. It has three kinds of keys:

  root.key      signs issuing keys. Keep it away from the hosts, on a stick in a safe, with a passphrase. All members trust it.
  issuing.key   on each host, sealed: with it a host enrols terminals, and renews their certificates and its own.
  seal.key      one for each host, outside of HOTPAIR_DATA and of backups: opens the issuing key.

Lost seal or issuing key: hotpair authority rotate; other members need nothing. Stolen host: its seal opens the issuing key, so
make a new authority and give all members new files. Lost root: the same, before the issuing key expires after ten years.`,
		Example: `  hotpair authority init --pair shop --out ./authority --passphrase-file pass.txt
  hotpair authority show ./authority/root.key --passphrase-file pass.txt
  hotpair authority rotate --root ./authority/root.key --out ./rotated
  hotpair authority issue --root ./authority/root.key --out ./new terminal/till-7`,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("%w: hotpair authority takes init, show, rotate or issue, not %q", operator.ErrUsage, args[0])
	}
	c.AddCommand(authorityInit(), authorityShow(), authorityRotate(), authorityIssue())
	return c
}

// passphrase is how a root is protected.
type passphrase struct {
	file string
	none bool
}

func (p *passphrase) flags(c *cobra.Command, none bool) {
	c.Flags().StringVar(&p.file, "passphrase-file", "", "file whose first line is the passphrase of the root; - is standard input")
	if none {
		c.Flags().BoolVar(&p.none, "no-passphrase", false, "keep the root without a passphrase: anyone with the file controls the pair")
	}
}

func (p *passphrase) read(c *cobra.Command) (string, error) {
	return usage.Passphrase(c.InOrStdin(), "--passphrase-file", p.file)
}

// written is the result of a command that writes files.
type written struct {
	Pair    string   `json:"pair"`
	Root    string   `json:"root,omitempty"` // fingerprint of the root's key, as hosts show it
	Until   string   `json:"until"`          // when the issuing key ends
	Members []member `json:"members"`
}

// member is a directory for one machine.
type member struct {
	Name      string `json:"name"`
	Directory string `json:"directory"`
	Until     string `json:"until,omitempty"` // of the certificate
}

func authorityInit() *cobra.Command {
	var p passphrase
	var pair, out string
	var hosts, terminals []string
	var asJSON bool
	c := usage.Command("init", "Make the authority of a new pair, and the files of its machines",
		`Makes a root, an issuing key, and for each machine a directory with all that it needs: certificate, key, root, and for a host its sealed
issuing key with its own seal. Each has a file settings.env with the variables. Move each directory to its machine, then take
root.key away from here. Nothing that exists is overwritten.

Terminals can be given files like hosts, with --terminals; mostly they are enrolled later: hotpair terminals add.`,
		`  hotpair authority init --pair shop --out ./authority --passphrase-file pass.txt
  hotpair authority init --pair shop --out ./authority --no-passphrase --hosts north,south --terminals till-1,till-2`,
		cobra.NoArgs, func(_ context.Context, c *cobra.Command, _ []string) error {
			words, err := p.read(c)
			switch {
			case err != nil:
				return err
			case pair == "" || out == "":
				return fmt.Errorf("%w: authority init needs --pair, a name for the pair, and --out, a new directory", operator.ErrUsage)
			case words == "" && !p.none:
				return fmt.Errorf("%w: give --passphrase-file, or --no-passphrase if anyone with root.key may control the pair", operator.ErrUsage)
			case len(hosts) != 2 || hosts[0] == hosts[1]:
				return fmt.Errorf("%w: --hosts names the two hosts, as a,b", operator.ErrUsage)
			}
			names := append(hostNames(pair, hosts), identity.Witness(pair))
			for _, t := range terminals {
				names = append(names, identity.Terminal(pair, t))
			}
			for _, n := range names {
				if err := n.Check(); err != nil {
					return fmt.Errorf("%w: %w", operator.ErrUsage, err)
				}
			}
			root, err := authority.New(pair, time.Now())
			if err != nil {
				return err
			}
			issuer, err := root.Rotate(time.Now())
			if err != nil {
				return err
			}
			if err := durable.MakeDir(out); err != nil {
				return err
			}
			if err := root.Create(filepath.Join(out, rootFile), words); err != nil {
				return err
			}
			done := describeIssuer(issuer)
			if done.Members, err = equip(issuer, out, names, hosts); err != nil {
				return err
			}
			return tell(c, asJSON, done, "The authority of pair "+pair+" is made", "Move each directory to its machine, and "+filepath.Join(out, rootFile)+" to a safe place.")
		})
	p.flags(c, true)
	c.Flags().StringVar(&pair, "pair", "", "name of the pair: lower-case letters, digits and hyphens")
	c.Flags().StringVar(&out, "out", "", "directory to write to")
	c.Flags().StringSliceVar(&hosts, "hosts", []string{"a", "b"}, "names of the two hosts (HOTPAIR_HOST)")
	c.Flags().StringSliceVar(&terminals, "terminals", nil, "ids of terminals that get files")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func hostNames(pair string, hosts []string) (names []identity.Name) {
	for _, h := range hosts {
		names = append(names, identity.Host(pair, h))
	}
	return names
}

func describeIssuer(i *authority.Issuer) written {
	return written{Pair: i.Pair(), Root: identity.FingerprintOf(i.Root()).String(), Until: i.NotAfter().UTC().Format(time.DateOnly)}
}

// equip writes a directory for each name; hosts get the issuing key too, sealed for a seal of their own.
func equip(issuer *authority.Issuer, out string, names []identity.Name, issuing []string) (list []member, err error) {
	for _, n := range names {
		dir := filepath.Join(out, string(n.Role), n.ID)
		if _, err := os.Stat(dir); err == nil {
			return list, fmt.Errorf("%w: %s", authority.ErrExists, dir)
		}
		paths, err := issuer.Equip(dir, n, authority.Life(n.Role), time.Now())
		if err != nil {
			return list, err
		}
		settings := []string{"HOTPAIR_TLS_CERT=" + paths.Certificate, "HOTPAIR_TLS_KEY=" + paths.Key, "HOTPAIR_TLS_CA=" + paths.Roots}
		if n.Role == identity.RoleHost && slices.Contains(issuing, n.ID) {
			more, err := sealIn(issuer, dir)
			if err != nil {
				return list, err
			}
			settings = append(settings, more...)
		}
		if err := writeSettings(dir, settings); err != nil {
			return list, err
		}
		list = append(list, member{n.String(), dir, time.Now().Add(authority.Life(n.Role)).UTC().Format(time.DateOnly)})
	}
	return list, nil
}

// sealIn writes the issuing key into a directory, sealed for a new seal beside it.
func sealIn(issuer *authority.Issuer, dir string) (settings []string, err error) {
	seal, err := authority.NewSeal(filepath.Join(dir, sealFile))
	if err != nil {
		return nil, err
	}
	if err := issuer.Write(filepath.Join(dir, issuingFile), seal.Recipient()); err != nil {
		return nil, err
	}
	return []string{"HOTPAIR_AUTHORITY_KEY=" + filepath.Join(dir, issuingFile), "HOTPAIR_AUTHORITY_SEAL=" + filepath.Join(dir, sealFile)}, nil
}

func writeSettings(dir string, settings []string) error {
	text := "# Change the directory to where the files are on that machine.\n" + strings.Join(settings, "\n") + "\n"
	return durable.Write(filepath.Join(dir, "settings.env"), []byte(text))
}

// tell prints what was done.
func tell(c *cobra.Command, asJSON bool, done written, headline, next string) error {
	if asJSON {
		return screen.JSON(c.OutOrStdout(), done)
	}
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	s.Headline(operator.Good, headline)
	s.Row("root", done.Root)
	s.Row("until", done.Until+", the issuing key")
	for _, m := range done.Members {
		text := m.Directory
		if m.Until != "" {
			text += ", certificate until " + m.Until
		}
		s.Row("", strings.TrimPrefix(m.Name, "spiffe://"+done.Pair+"/")+": "+text)
	}
	if next != "" {
		s.Line(next)
	}
	_, err := io.WriteString(c.OutOrStdout(), s.Out.String())
	return err
}

func authorityShow() *cobra.Command {
	var p passphrase
	var seal string
	var asJSON bool
	c := usage.Command("show FILE", "Show the pair of a root or an issuing key, and check that it opens",
		`Opens a root with its passphrase, or with --seal an issuing key with its seal, and shows its pair and its expiry. The keys
themselves are never shown.`,
		`  hotpair authority show root.key --passphrase-file pass.txt
  hotpair authority show /var/lib/hotpair/issuing.key --seal /etc/hotpair/seal.key`,
		cobra.ExactArgs(1), func(_ context.Context, c *cobra.Command, args []string) error {
			if seal != "" {
				issuer, err := openIssuer(args[0], seal)
				if err != nil {
					return err
				}
				return tell(c, asJSON, describeIssuer(issuer), "The seal opens the issuing key of pair "+issuer.Pair(), "")
			}
			root, err := p.open(c, args[0])
			if err != nil {
				return err
			}
			return tell(c, asJSON, written{Pair: root.Pair(), Root: identity.FingerprintOf(root.Certificate()).String(), Until: root.Certificate().NotAfter.UTC().Format(time.DateOnly)},
				"It is the root of pair "+root.Pair(), "")
		})
	p.flags(c, false)
	c.Flags().StringVar(&seal, "seal", "", "file of the seal; FILE is the issuing key that it opens")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (p *passphrase) open(c *cobra.Command, path string) (*authority.Root, error) {
	words, err := p.read(c)
	if err != nil {
		return nil, err
	}
	root, err := authority.OpenRoot(path, words)
	if errors.Is(err, authority.ErrPassphrase) && words == "" {
		err = fmt.Errorf("%w; give it with --passphrase-file", err)
	}
	return root, err
}

func openIssuer(path, seal string) (*authority.Issuer, error) {
	s, err := authority.ReadSeal(seal)
	if err != nil {
		return nil, err
	}
	return authority.Open(path, s)
}

func authorityRotate() *cobra.Command {
	var p passphrase
	var root, out string
	var hosts []string
	var asJSON bool
	c := usage.Command("rotate", "Make a new issuing key, signed by the root, with new seals for the hosts",
		`For a lost seal, a lost or damaged issuing key, or one that is ten years old. It writes for each host an issuing key and its seal; move them to
where HOTPAIR_AUTHORITY_KEY and _SEAL name them, one host after the other. The hosts look again within a minute. Members
trust the root, so they need nothing, and certificates that were issued before stay good.

It does not help when a host was stolen: the stolen keys stay valid. Then make a new authority (hotpair authority init).`,
		`  hotpair authority rotate --root root.key --passphrase-file pass.txt --out ./rotated`,
		cobra.NoArgs, func(_ context.Context, c *cobra.Command, _ []string) error {
			if root == "" || out == "" {
				return fmt.Errorf("%w: authority rotate needs --root and --out", operator.ErrUsage)
			}
			r, err := p.open(c, root)
			if err != nil {
				return err
			}
			for _, n := range hostNames(r.Pair(), hosts) {
				if err := n.Check(); err != nil {
					return fmt.Errorf("%w: %w", operator.ErrUsage, err)
				}
			}
			issuer, err := r.Rotate(time.Now())
			if err != nil {
				return err
			}
			done := describeIssuer(issuer)
			for _, h := range hosts {
				dir := filepath.Join(out, string(identity.RoleHost), h)
				if err := durable.MakeDir(dir); err != nil {
					return err
				}
				settings, err := sealIn(issuer, dir)
				if err == nil {
					err = writeSettings(dir, settings)
				}
				if err != nil {
					return err
				}
				done.Members = append(done.Members, member{Name: identity.Host(r.Pair(), h).String(), Directory: dir})
			}
			return tell(c, asJSON, done, "Pair "+r.Pair()+" has a new issuing key", "Move each directory's files to its host.")
		})
	p.flags(c, false)
	c.Flags().StringVar(&root, "root", "", "file of the root")
	c.Flags().StringVar(&out, "out", "", "directory to write to")
	c.Flags().StringSliceVar(&hosts, "hosts", []string{"a", "b"}, "names of the hosts")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func authorityIssue() *cobra.Command {
	var p passphrase
	var root, key, seal, out string
	var asJSON bool
	c := usage.Command("issue NAME...", "Issue certificates: host/a, witness, terminal/till-7",
		`Makes a key and a certificate for each name, in a directory of its own, with the root. The root can issue, or an issuing key with its seal.
It is for a witness whose certificate ends, for a host that was replaced, and for terminals that no host can dial to enrol them.`,
		`  hotpair authority issue --root root.key --passphrase-file pass.txt --out ./new witness
  hotpair authority issue --key issuing.key --seal /etc/hotpair/seal.key --out ./new terminal/till-7 terminal/till-8`,
		cobra.MinimumNArgs(1), func(_ context.Context, c *cobra.Command, args []string) error {
			if out == "" || (root == "") == (key == "" || seal == "") {
				return fmt.Errorf("%w: authority issue needs --out, and either --root or --key with --seal", operator.ErrUsage)
			}
			var issuer *authority.Issuer
			var err error
			if root == "" {
				issuer, err = openIssuer(key, seal)
			} else {
				var r *authority.Root
				if r, err = p.open(c, root); err == nil {
					issuer, err = r.Rotate(time.Now()) // a key for these certificates only, which is not kept
				}
			}
			if err != nil {
				return err
			}
			var names []identity.Name
			for _, a := range args {
				n, err := identity.Parse("spiffe://" + issuer.Pair() + "/" + a)
				if err != nil {
					return fmt.Errorf("%w: %q: write host/NAME, witness or terminal/ID: %w", operator.ErrUsage, a, err)
				}
				names = append(names, n)
			}
			done := describeIssuer(issuer)
			if done.Members, err = equip(issuer, out, names, nil); err != nil {
				return err
			}
			return tell(c, asJSON, done, fmt.Sprintf("%d certificates of pair %s are issued", len(names), issuer.Pair()), "")
		})
	p.flags(c, false)
	c.Flags().StringVar(&root, "root", "", "file of the root")
	c.Flags().StringVar(&key, "key", "", "file of a sealed issuing key")
	c.Flags().StringVar(&seal, "seal", "", "key file that opens it")
	c.Flags().StringVar(&out, "out", "", "directory to write to")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
