// Package rollout upgrades a pair while it serves: one host after the other, the standby first, with a look at both before each step. What
// comes next is decided by what the hosts run and how they are, and by nothing that is remembered: so a rollout that was broken off is gone on
// with by beginning it again, and the way back is a rollout to the version before.
package rollout
