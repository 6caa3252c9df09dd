// Package local runs the whole pair on one machine: hosts a and b, the witness, and terminals, each a real process
// tree, started, watched and ended by one command.
//
// It is what someone runs first, what game days are played on, and what the end-to-end tests drive. So it never helps:
// it starts a host exactly as a production unit would (cluster.json says how), never restarts one by itself, and takes
// no part in who is active. What it does own is every process: a host's processes are one process group, the leader of
// which dies with this process, whatever ends it (the kernel's parent-death signal), and all others die with the leader.
//
// Other processes order kills and the like through a unix socket in the cluster's directory; see [Send].
//
//	c, err := local.New(local.Options{Terminals: 5, Screen: os.Stdout})
//	if err != nil {
//		return err
//	}
//	return c.Run(ctx) // until ctx ends
package local
