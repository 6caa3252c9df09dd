package founding

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/deployments/questions"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
	"github.com/hotpair/hotpair/services/regular"
)

// wishes are the flags of hotpair init.
type wishes struct {
	hosts, witness, out, pair, terminals, terminalsFile, services, ports string
	rootFile, bundleFile                                                 string // passphrases
	dryRun, json                                                         bool
}

// Command is "hotpair init".
func Command() *cobra.Command {
	var w wishes
	c := usage.Command("init", "Make a pair: a bundle for each of its machines",
		`Make a pair, once and on any machine: its authority, its secret, and a bundle for each machine with all that it needs.
No machine is contacted. Copy each bundle to its machine and run hotpair join there; NEXT.txt in the directory lists
the steps.

On a terminal, init asks for missing values. The directory is created completely or not at all, and nothing is
overwritten. Files:

  NAME.bundle, witness.bundle   for the machines. They hold secrets: mode 0600, optionally sealed with a passphrase.
  root.key                      signs the issuing keys of the pair. Keep it in a safe place; no machine needs it.
  NEXT.txt                      the next steps.

The witness is a third machine, which may be small: it keeps the pair record, a few hundred bytes that say which host
is active. With --witness none the terminals are asked instead, which guarantees less: two hosts that lose contact and
split the terminals between them both serve until they meet again.`,
		`  hotpair init --hosts a=10.0.0.1,b=10.0.0.2 --witness 10.0.0.3 --out pair/
  hotpair init --hosts north=n.example,south=s.example --witness w.example --pair shop --terminals till-1=10.0.1.1,till-2=10.0.1.2
  hotpair init --hosts a=10.0.0.1,b=10.0.0.2 --witness none --dry-run`,
		nothing, func(ctx context.Context, c *cobra.Command, _ []string) error {
			err := w.run(ctx, c)
			if errors.Is(err, ErrPlan) {
				err = fmt.Errorf("%w: %w", operator.ErrUsage, err)
			}
			return err
		})
	f := c.Flags()
	f.StringVar(&w.hosts, "hosts", "", "the two hosts, as a=10.0.0.1,b=10.0.0.2: names of your choice, and where the other machines reach them")
	f.StringVar(&w.witness, "witness", "", "address of the witness, on a third machine; none for a pair without a witness")
	f.StringVar(&w.out, "out", "pair", "directory to make")
	f.StringVar(&w.pair, "pair", "", "id of the pair: lower-case letters, digits and hyphens (default: a unique one)")
	f.StringVar(&w.terminals, "terminals", "", "terminals to begin with, as till-1=10.0.1.1,till-2=10.0.1.2; more can be added at any time")
	f.StringVar(&w.terminalsFile, "terminals-file", "", "file with terminals instead, one ID=ADDRESS in each line")
	f.StringVar(&w.services, "services", "", "business processes to run (HOTPAIR_BUSINESS; default kv,ledger)")
	f.StringVar(&w.ports, "ports", "", "ports other than the defaults, as link=7702,replication=7703,http=7704,bus=7701,witness=7705")
	f.StringVar(&w.rootFile, "root-passphrase-file", "", "file whose first line is a passphrase for root.key; - is standard input")
	f.StringVar(&w.bundleFile, "bundle-passphrase-file", "", "file whose first line is a passphrase for the bundles; - is standard input")
	f.BoolVar(&w.dryRun, "dry-run", false, "show every file and its content, without secrets, and write nothing")
	f.BoolVar(&w.json, "json", false, "print JSON")
	return c
}

// nothing refuses arguments.
func nothing(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("hotpair init takes no argument %q, only flags", args[0])
	}
	return nil
}

func (w wishes) run(ctx context.Context, c *cobra.Command) error {
	rootWords, err := usage.Passphrase(c.InOrStdin(), "--root-passphrase-file", w.rootFile)
	if err != nil {
		return err
	}
	bundleWords, err := usage.Passphrase(c.InOrStdin(), "--bundle-passphrase-file", w.bundleFile)
	if err != nil {
		return err
	}
	missing := w.hosts == "" || w.witness == ""
	if missing && !questions.IsTerminal(c.InOrStdin()) {
		return fmt.Errorf("%w: --hosts and --witness are required, for example: hotpair init --hosts a=10.0.0.1,b=10.0.0.2 --witness 10.0.0.3; on a terminal, init asks for them", operator.ErrUsage)
	}
	if missing {
		q := questions.New(ctx, c.InOrStdin(), c.ErrOrStderr())
		if err := w.ask(q, &rootWords, &bundleWords); err != nil {
			return err
		}
	}
	plan, err := w.plan()
	if err != nil {
		return err
	}
	if err := Vacant(w.out); err != nil {
		return err
	}
	made, err := plan.Found(time.Now())
	if err != nil {
		return err
	}
	files, err := made.Files(rootWords, bundleWords)
	if err != nil {
		return err
	}
	if w.dryRun {
		return w.show(c.OutOrStdout(), files)
	}
	if err := Write(w.out, files); err != nil {
		return err
	}
	return w.tell(c.OutOrStdout(), made, rootWords)
}

// ask asks for values that no flag has set.
func (w *wishes) ask(q *questions.Questions, rootWords, bundleWords *string) error {
	q.Say("A pair has two hosts and a witness, on three machines. Enter accepts the value in brackets.")
	for _, one := range []struct {
		value          *string
		flag, question string
		initial        string
		check          func(string) error
	}{
		{&w.hosts, "--hosts", "The two hosts, as a=10.0.0.1,b=10.0.0.2", "", func(s string) error { _, err := ParseHosts(s, DefaultPorts()); return err }},
		{&w.witness, "--witness", "Address of the witness, on a third machine, or none", "", nil},
		{&w.pair, "--pair", "Id of the pair", identity.NewPair(), func(s string) error { return identity.Witness(s).Check() }},
		{&w.services, "--services", "Services", "kv,ledger", func(s string) error { return new(config.Services).Decode(s) }},
	} {
		if *one.value != "" {
			continue
		}
		answer, err := q.Ask(one.question+" ("+one.flag+")", one.initial, one.check)
		if err != nil {
			return err
		}
		*one.value = answer
	}
	if w.terminals == "" && w.terminalsFile == "" {
		answer, err := q.Optional("Terminals to begin with, as till-1=10.0.1.1,till-2=10.0.1.2; empty for none yet (--terminals)", func(s string) error { _, err := ParseTerminals(s); return err })
		if err != nil {
			return err
		}
		w.terminals = answer
	}
	for _, one := range []struct {
		words      *string
		file, what string
	}{
		{rootWords, w.rootFile, "Passphrase for root.key, which no machine needs; empty for none (--root-passphrase-file)"},
		{bundleWords, w.bundleFile, "Passphrase for the bundles on their way to the machines; empty for none (--bundle-passphrase-file)"},
	} {
		if one.file != "" {
			continue
		}
		words, err := q.Secret(one.what, true)
		if err != nil {
			return err
		}
		*one.words = words
	}
	return nil
}

// plan makes a plan of the wishes.
func (w wishes) plan() (p Plan, err error) {
	ports, err1 := ParsePorts(w.ports)
	hosts, err2 := ParseHosts(w.hosts, ports)
	p = Plan{Pair: w.pair, Hosts: hosts, Witness: Machine{Address: bare(w.witness), Ports: ports}}
	if p.Pair == "" {
		p.Pair = identity.NewPair()
	}
	text := w.terminals
	var err3 error
	if w.terminalsFile != "" {
		var raw []byte
		if raw, err3 = regular.Read(w.terminalsFile, bundle.MaxFile); err3 != nil {
			err3 = fmt.Errorf("%w: --terminals-file: %w", ErrPlan, err3)
		} else if text != "" {
			err3 = fmt.Errorf("%w: give either --terminals or --terminals-file", ErrPlan)
		}
		text = string(raw)
	}
	var err4, err5 error
	p.Terminals, err4 = ParseTerminals(text)
	if w.services != "" {
		if err5 = p.Services.Decode(w.services); err5 != nil {
			err5 = fmt.Errorf("%w: --services %w", ErrPlan, err5)
		}
	}
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return p, err
	}
	return p, p.Check()
}

// show prints all files without writing them.
func (w wishes) show(to io.Writer, files []File) error {
	type shown struct {
		File    string `json:"file"`
		Mode    string `json:"mode"`
		Content string `json:"content"` // without secrets
	}
	var list []shown
	for _, f := range files {
		list = append(list, shown{filepath.Join(w.out, f.Name), "0600", f.Shown})
	}
	if w.json {
		return screen.JSON(to, struct {
			DryRun bool    `json:"dry_run"`
			Files  []shown `json:"files"`
		}{true, list})
	}
	for _, f := range list {
		if _, err := fmt.Fprintf(to, "%s (mode %s)\n    %s\n", f.File, f.Mode, strings.ReplaceAll(strings.TrimRight(f.Content, "\n"), "\n", "\n    ")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(to, "Nothing was written.")
	return err
}

// tell prints the result.
func (w wishes) tell(to io.Writer, made Pair, rootWords string) error {
	type one struct {
		File    string `json:"file"`
		For     string `json:"for"`
		Address string `json:"address"`
		Command string `json:"command"` // command to run there
	}
	done := struct {
		Pair    string `json:"pair"`
		Root    string `json:"root"` // fingerprint of the root's key, as hosts show it
		Out     string `json:"out"`
		Next    string `json:"next"` // file with the next steps
		Bundles []one  `json:"bundles"`
	}{Pair: made.Plan.Pair, Root: identity.FingerprintOf(made.Root.Certificate()).String(), Out: w.out, Next: filepath.Join(w.out, NextFile)}
	for _, b := range made.Bundles {
		file := fileOf(b.Name)
		done.Bundles = append(done.Bundles, one{filepath.Join(w.out, file), b.Name.String(), b.Address, "hotpair join " + file})
	}
	if w.json {
		return screen.JSON(to, done)
	}
	s := &screen.Screen{Colour: screen.IsTerminal(to)}
	s.Headline(operator.Good, "Pair "+done.Pair+" is made, in "+w.out)
	for i, b := range made.Bundles {
		s.Row(strings.TrimPrefix(bundle.Kind(b.Name), "the "), "on "+b.Address+", as root: hotpair join "+fileOf(b.Name)+"   (bring it "+done.Bundles[i].File+")")
	}
	s.Row("root", "take "+filepath.Join(w.out, RootFile)+" to a safe place, "+protected(rootWords)+"; no machine needs it")
	s.Row("then", "hotpair status, on a host. "+done.Next+" lists these steps")
	_, err := io.WriteString(to, s.Out.String())
	return err
}
