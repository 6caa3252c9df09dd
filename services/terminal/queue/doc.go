// Package queue stores requests on a terminal's disk that applications want executed whether or not a host can be
// reached, and their outcomes.
//
// A request is written and flushed before its application gets the confirmation. It stays until its outcome is flushed,
// which replaces it in one transaction; only then may the pair be told to discard the answer. So a kill at any moment
// loses neither a request nor an outcome, and at most repeats a request under the same number. Package lanes decides
// what may be sent.
//
// A failed flush is not tried again (R8): the queue accepts no further writes, and its agent ends. A full disk is not
// such a failure: the room for outcomes is reserved with the request, and without it the request is refused. A file
// that is unreadable, or another terminal's, is quarantined under a name of its own, and never overwritten: it may
// contain requests that were not executed.
package queue
