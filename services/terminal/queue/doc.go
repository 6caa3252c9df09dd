// Package queue keeps on a terminal's disk what its applications want done whether a host can be reached or not, and what came of it.
//
// A request is written and flushed before its application is told so. It stays until an outcome of it is flushed here as well, which takes
// its place in one transaction; only then may the pair be told that it can forget the answer. So a kill at any moment loses neither a
// request nor an outcome, and repeats at most a question, under the same number. What of the queue may be sent is decided in package lanes.
//
// A failed flush is never tried again (R8): the queue takes nothing any more, and its agent ends. A disk that is full is no such failure:
// the room that outcomes need is taken with the request, and without it the request is refused. A file that can't be read, or that is
// another terminal's, is quarantined under a name of its own, and never replaced: there is something in it that was to be done.
package queue
