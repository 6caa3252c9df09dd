// Package local runs the whole pair on one machine: hosts a and b, the witness, and terminals, each a real process
// tree, started, watched and ended by one command.
//
// It is for first steps, for game days, and for the end-to-end tests. So it never helps: it starts a host exactly as
// a production unit would (cluster.json says how), never restarts one automatically, and takes no part in which host
// is active. It does own every process: a host's processes are one process group, whose leader dies with this
// process, however it ends (the kernel's parent-death signal), and all others die with the leader.
//
// Other processes order kills and other outages through a unix socket in the cluster's directory; see [Send].
//
//	c, err := local.New(local.Options{Terminals: 5, Screen: os.Stdout})
//	if err != nil {
//		return err
//	}
//	return c.Run(ctx) // until ctx ends
package local
