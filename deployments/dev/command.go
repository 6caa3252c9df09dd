package dev

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/process"
)

// Command is "hotpair dev".
func Command() *cobra.Command {
	o := Options{}
	c := &cobra.Command{
		Use:   "dev [FOLDER…]",
		Short: "Run a pair on this machine with the service of this folder, which begins anew when a file changes",
		Long: `Run a pair on this machine that the service of a folder serves (this one, unless others are
named): hosts a and b, the witness and terminals, as hotpair cluster does. Shows what the
service logs, what fails of its timers and what terminals are told, takes requests from the
prompt or from a pipe, one a line, and runs the service anew on both hosts when a file
changes. A build that fails leaves the old one running; a program that does not get ready
on the standby leaves it running on the host that serves. Ctrl-C, or quit, ends all.

Requests go through terminal t1. Of what it is told everything is shown, of the others (t2 and
so on) what is for them alone.

The folder says in hotpair.json what it is; hotpair service new writes one, and for a service
that is there you write it:

  {"service": "tickets",
   "build": ["go", "build", "-o", "bin/tickets", "."],
   "run": "bin/tickets",
   "watch": ["*.go", "go.mod"]}

service is its name and run its program, which takes no arguments. build, which may be left out,
is run before the program is started. watch are the names of files that count; without it all
do. Folders named node_modules, __pycache__, bin, dist, build, target and vendor, and those
that begin with a dot, are not looked into.

HOTPAIR_BUSINESS names further services to run, built in or by their path. Other settings go to
the hosts; HOTPAIR_LEASE is 1s unless it is set, for a machine that compiles beside.`,
		Example: `  hotpair dev
  hotpair dev tickets payments --port 9000
  hotpair dev --files web
  echo 'add {"name":"a"}' | hotpair dev`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Folders, o.In, o.Out = args, cmd.InOrStdin(), cmd.OutOrStdout()
			o.Typed = terminal(os.Stdin) && terminal(os.Stdout)
			// Who reads no more of it ends it in order.
			ctx, stop := process.WithReader(cmd.Context())
			defer stop()
			return Run(ctx, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "dir", "", "directory for the pair's data; a used one is continued (default: a temporary one, removed at the end)")
	f.IntVar(&o.Port, "port", local.DefaultPort, "base of all ports; 0 picks free ones")
	f.IntVar(&o.Terminals, "terminals", 2, "number of terminals")
	f.StringVar(&o.Files, "files", "", "folder with the files of a page, which each terminal serves over HTTP (default: a page of its own)")
	return c
}

// terminal reports whether a file is one, where somebody types and reads.
func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
