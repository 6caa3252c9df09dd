// Package rollout upgrades a pair while it serves: one host after the other, the standby first, with an examination of
// both before each step. The next step follows only from the state of the hosts and the versions that they run: so an
// interrupted rollout continues when started again, and a downgrade is a rollout to the previous version.
package rollout
