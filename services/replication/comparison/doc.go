// Package comparison compares the databases of both hosts while the pair is in service, and repairs the standby's.
//
// The active's updater leads (Comparison), the standby's answers (Answerer), over the standing connection between the
// two. The database is taken in sections, runs of keys that one short view can read. Each is compared at a position of
// its own: the active reads a section at the committed position of that moment, and asks for the same section at
// exactly that position. A host can read a position as long as bolt has not applied more: everything committed since is
// in memory, with every version. So nothing waits or is pinned; a host that has applied more meanwhile says so, and
// that section is read again at a later position. A difference is real by construction: equal histories up to one
// position must have made equal keys.
//
// Why not one position for everything: it would need a view as long as the whole comparison, which keeps freed pages from
// being used again, or a stop of the service.
package comparison
