package clocks

import "golang.org/x/sys/unix"

// Synchronised reports whether the kernel says that the wall clock is synchronised, by NTP or PTP.
func Synchronised() bool {
	var t unix.Timex // Modes 0: read only
	_, err := unix.Adjtimex(&t)
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}
