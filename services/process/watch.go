package process

import "time"

// Watch decides by its beats whether a process is frozen. It is pure: the owner reports beats and calls it every
// Interval.
//
// Only time in which the watcher itself ran counts as silence. A machine at full load starves watcher and watched
// alike, and a host that is stopped and continued as a whole finds all beats old; in neither case is the watched
// process to blame (T11), so a look that comes late counts as little more than one that came in time.
type Watch struct {
	// Patience is the silence after which a process counts as frozen. It must be several times the beat.
	Patience time.Duration
	// StartPatience is the silence allowed before the first beat.
	StartPatience time.Duration

	looked time.Time
	silent time.Duration
	beaten bool
}

const (
	looksInPatience = 16
	lateLook        = 2 // intervals that one look counts at most
)

// Interval is how often to look.
func (w *Watch) Interval() time.Duration { return max(w.Patience/looksInPatience, time.Millisecond) }

// Beat records a beat.
func (w *Watch) Beat() { w.silent, w.beaten = 0, true }

// Silent is the silence counted so far.
func (w *Watch) Silent() time.Duration { return w.silent }

// Frozen counts the time since the last look, and reports whether the silence is too long.
func (w *Watch) Frozen(now time.Time) bool {
	if !w.looked.IsZero() {
		w.silent += min(now.Sub(w.looked), lateLook*w.Interval())
	}
	w.looked = now
	if w.beaten {
		return w.silent > w.Patience
	}
	return w.silent > max(w.StartPatience, w.Patience)
}
