// Package schedule keeps the timers of services in the pair's outbox: which keys they have, how an update changes them, and which are
// due.
//
//	timers/entry/SERVICE/KEY             the timer
//	timers/due/CLOCK/TIME/SERVICE/KEY    the order in which timers are due, by each of the two clocks; parked ones are not in it
//	timers/parked/SERVICE/KEY            those that are parked
//	timers/count/SERVICE                 how many the service has, and how many of them are parked
//	timers/stamp                         the time by which durations are counted, as of the last change of a timer
//
// What becomes of a timer is decided in package timers; this one finds out what it was, in the committed state and in the frame in the
// making, and says which keys change. It decides no commit by itself: package draft asks it for each, and puts what it gives into the
// update.
package schedule
