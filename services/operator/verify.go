package operator

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// VerifyRequest says whether to repair differences.
type VerifyRequest struct {
	Repair bool `json:"repair"` // make the standby's keys equal to those of the active
}

// VerifySentence returns the state or result of a comparison in one line.
func VerifySentence(s bus.VerifyState) string {
	switch {
	case s.ID == "":
		return "the databases were never compared"
	case s.Running:
		return fmt.Sprintf("%s and %s are being compared, %d %% done", s.Host, s.Peer, int(s.Done*100))
	}
	text := fmt.Sprintf("%s compared on %s and %s, %s", wording.Count(uint64(s.Keys), "key"), s.Host, s.Peer, Differing(s))
	if s.DamagedHere > 0 {
		text += fmt.Sprintf("; %d of them damaged on %s, which is not copied", s.DamagedHere, s.Host)
	}
	if s.Unfinished != "" {
		text += "; not finished: " + s.Unfinished
	}
	return text
}

// Differing says how many keys differ, and how many were repaired.
func Differing(s bus.VerifyState) string {
	switch {
	case s.Different == 0 && s.Unfinished == "":
		return "all equal"
	case s.Different == 0:
		return "no difference so far"
	case s.Repaired == s.Different:
		return fmt.Sprintf("%d differed and were repaired on %s", s.Different, s.Peer)
	case s.Repaired > 0:
		return fmt.Sprintf("%d differ, %d of them were repaired on %s", s.Different, s.Repaired, s.Peer)
	case s.Different == 1:
		return "1 differs"
	}
	return fmt.Sprintf("%d differ", s.Different)
}

// ErrDiffers says that the databases were compared and differ.
var ErrDiffers = errors.New("the databases differ")
