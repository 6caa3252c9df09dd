package authority

import "github.com/hotpair/hotpair/services/fault"

// Faults of an authority's files or requests. Each is wrapped by a sentence that says what to do.
var (
	// ErrNone: there is no file with the key.
	ErrNone = fault.New("authority-none", "no authority here")
	// ErrSealLost: the key file that opens it is missing.
	ErrSealLost = fault.New("authority-seal-lost", "the seal's key file is missing")
	// ErrWrongSeal: it was sealed for another key file.
	ErrWrongSeal = fault.New("authority-wrong-seal", "sealed for another key file")
	// ErrPassphrase: the passphrase is missing or wrong.
	ErrPassphrase = fault.New("authority-passphrase", "wrong or missing passphrase")
	// ErrDamaged: a file is not what was written.
	ErrDamaged = fault.New("authority-damaged", "damaged file")
	// ErrExists: the operation would overwrite a file that may be the only copy.
	ErrExists = fault.New("authority-exists", "already exists")
	// ErrForeign: something belongs to another root or another pair.
	ErrForeign = fault.New("authority-foreign", "of another authority")
	// ErrRequest: no certificate can be issued for this request.
	ErrRequest = fault.New("authority-request", "can't issue this certificate")
	// ErrClock: by this process's clock the issuing key has expired or is not valid yet.
	ErrClock = fault.New("authority-clock", "the issuing key is expired or not yet valid")
)
