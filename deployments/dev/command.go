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
		Short: "Run a pair on this machine with the service in this folder; restart the service when a file changes",
		Long: `Run a pair on this machine with the service in the current folder, or in the folders given:
hosts a and b, the witness and terminals, as hotpair cluster does. Shows the log of the
service, its failed timers and the notices that terminals get. Takes requests from the prompt
or from a pipe, one per line. Restarts the service on both hosts when a file changes: after
a failed build the old program keeps running; if the new program does not become ready on
the standby, the old one keeps running on the active host. Ctrl-C or quit stops everything.

Requests go through terminal t1. All its notices are shown; of the other terminals (t2 and
so on) only those for them alone.

hotpair.json describes the service of a folder. hotpair service new writes it; for an existing
service, write it yourself:

  {"service": "tickets",
   "build": ["go", "build", "-o", "bin/tickets", "."],
   "run": "bin/tickets",
   "watch": ["*.go", "go.mod"]}

service is its name and run its program, without arguments. build is optional and runs before
the program starts. watch lists the names of files to watch; by default all. Folders named
node_modules, __pycache__, bin, dist, build, target and vendor, and those that begin with a
dot, are ignored.

HOTPAIR_BUSINESS lists further services to run, built in or by their path. Other settings go to
the hosts; HOTPAIR_LEASE defaults to 1s, because this machine also compiles.`,
		Example: `  hotpair dev
  hotpair dev tickets payments --port 9000
  hotpair dev --files web
  echo 'add {"name":"a"}' | hotpair dev`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Folders, o.In, o.Out = args, cmd.InOrStdin(), cmd.OutOrStdout()
			o.Typed = terminal(os.Stdin) && terminal(os.Stdout)
			// If the reader of its output goes away, it stops cleanly.
			ctx, stop := process.WithReader(cmd.Context())
			defer stop()
			return Run(ctx, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "dir", "", "directory for the pair's data; an existing pair is continued (default: a temporary directory, removed at the end)")
	f.IntVar(&o.Port, "port", local.DefaultPort, "first of all ports; 0 picks free ones")
	f.IntVar(&o.Terminals, "terminals", 2, "number of terminals")
	f.StringVar(&o.Files, "files", "", "folder with the files of a page, which each terminal serves over HTTP (default: a built-in page)")
	return c
}

// terminal reports whether a file is a terminal with a person.
func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
