package authority

import "github.com/hotpair/hotpair/services/fault"

// What is wrong with an authority's files, or with what it is asked for. Each is wrapped by a sentence that says what to do.
var (
	// ErrNone: there is no file with the key.
	ErrNone = fault.New("authority-none", "no authority here")
	// ErrSealLost: the key file that opens it is not there.
	ErrSealLost = fault.New("authority-seal-lost", "the key file of the seal is lost")
	// ErrWrongSeal: it was sealed for another key file.
	ErrWrongSeal = fault.New("authority-wrong-seal", "sealed for another key file")
	// ErrPassphrase: the passphrase is missing or wrong.
	ErrPassphrase = fault.New("authority-passphrase", "the passphrase does not open it")
	// ErrDamaged: a file is not what was written.
	ErrDamaged = fault.New("authority-damaged", "damaged file")
	// ErrExists: a file would be overwritten that may be the only one.
	ErrExists = fault.New("authority-exists", "there is one already")
	// ErrForeign: something is of another root or another pair.
	ErrForeign = fault.New("authority-foreign", "of another authority")
	// ErrRequest: no certificate can be issued for what is asked.
	ErrRequest = fault.New("authority-request", "no certificate for this")
	// ErrClock: the own clock says that the issuing key has ended, or has not begun.
	ErrClock = fault.New("authority-clock", "the issuing key is out of its time")
)
