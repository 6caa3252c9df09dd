// Package rights reports which accounts other than its owner may read or write a secret file: by its mode, or by its
// access control list on Windows.
package rights

import (
	"os"
	"strings"
)

// Beyond returns which others have access to an open file that should be private to its owner, or to its owner's
// group too; "" for none. The text continues a sentence that begins with the file name: "has mode 0644".
func Beyond(file *os.File, group bool) (whom string, err error) { return beyond(file, group) }

// Remedy is a command that removes the access of all others.
func Remedy(path string) string { return remedy(path) }

// entry is one entry of an access control list, by security identifier.
type entry struct {
	sid   string
	known bool // allows or denies; other kinds can't be judged
	allow bool
	mask  uint32
	here  bool // applies to the file itself, and is not only inherited by files below
}

// touches are the rights to read or change a file, or to obtain such rights: those of files, of all kinds of objects,
// and those to change list and owner.
const touches = fileRead | fileWrite | fileAppend | changeList | changeOwner | anything | genericAll | genericWrite | genericRead

const (
	fileRead     = 0x1
	fileWrite    = 0x2
	fileAppend   = 0x4
	changeList   = 0x00040000
	changeOwner  = 0x00080000
	anything     = 0x02000000
	genericAll   = 0x10000000
	genericWrite = 0x40000000
	genericRead  = 0x80000000
)

// Accounts that may have access to a user's private files: they can't be excluded, or belong to the owner.
const (
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
	sidOwnerRights    = "S-1-3-4"
	// sidServices begins the identifiers of services with their own account. An entry for one service is intentional;
	// one for all services together is not.
	sidServices    = "S-1-5-80-"
	sidAllServices = "S-1-5-80-0"
)

// others returns the other accounts that a list lets access a file. Denying entries do not cancel allowing ones: a
// list that needs them was not written for a secret.
func others(list []entry, owner, self string) []string {
	var found []string
	for _, e := range list {
		switch {
		case !e.here, e.known && !e.allow, e.known && e.mask&touches == 0:
		case !e.known:
			found = append(found, "an unreadable entry")
		case e.sid == owner || e.sid == self || e.sid == sidSystem || e.sid == sidAdministrators || e.sid == sidOwnerRights:
		case strings.HasPrefix(e.sid, sidServices) && e.sid != sidAllServices:
		default:
			found = append(found, e.sid)
		}
	}
	return found
}
