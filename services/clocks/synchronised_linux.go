package clocks

import "golang.org/x/sys/unix"

// Synchronised reports whether the kernel says that something keeps the wall clock right, NTP or PTP.
func Synchronised() bool {
	var t unix.Timex // Modes 0: it is only read
	_, err := unix.Adjtimex(&t)
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}
