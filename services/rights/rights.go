// Package rights says who beside its owner may read or write a file with a secret in it, by the rights that each system knows: by the mode
// where files have one, by the list of access elsewhere (Windows).
package rights

import (
	"os"
	"strings"
)

// Beyond says who has access to an open file that is to be its owner's alone, or of its owner's group too; "" is nobody. The words go on
// from the name of the file: "has mode 0644".
func Beyond(file *os.File, group bool) (whom string, err error) { return beyond(file, group) }

// Remedy is a command that takes the rights of everybody else away.
func Remedy(path string) string { return remedy(path) }

// entry is what a list of access says of one account, by its security identifier.
type entry struct {
	sid   string
	known bool // allows or denies; what else there is can't be judged
	allow bool
	mask  uint32
	here  bool // counts for the file itself, and is not only handed down
}

// touches are the rights by which somebody could read what a file holds, change it, or get the right to: those of files, of all kinds of
// objects, and the changing of list and owner.
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

// Accounts that may have access to what is one user's own: none of them could be kept out, or it is an owner's.
const (
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
	sidOwnerRights    = "S-1-3-4"
	// sidServices begins those of services that run as an account of their own. One alone can't be meant by accident; all of them together can.
	sidServices    = "S-1-5-80-"
	sidAllServices = "S-1-5-80-0"
)

// others are the accounts beside these that a list lets touch a file. What it denies is not counted against what it allows: a list that needs
// that is not one that somebody wrote for a secret.
func others(list []entry, owner, self string) []string {
	var found []string
	for _, e := range list {
		switch {
		case !e.here, e.known && !e.allow, e.known && e.mask&touches == 0:
		case !e.known:
			found = append(found, "an entry that can't be read")
		case e.sid == owner || e.sid == self || e.sid == sidSystem || e.sid == sidAdministrators || e.sid == sidOwnerRights:
		case strings.HasPrefix(e.sid, sidServices) && e.sid != sidAllServices:
		default:
			found = append(found, e.sid)
		}
	}
	return found
}
