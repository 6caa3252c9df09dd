package rights

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// group is unused here: the list contains the access of groups.
func beyond(file *os.File, _ bool) (string, error) { return beyondHandle(windows.Handle(file.Fd())) }

func beyondHandle(h windows.Handle) (string, error) {
	d, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return "", fmt.Errorf("read its access control list: %w", err)
	}
	list, _, err := d.DACL()
	if err != nil || list == nil {
		return "has no access control list, so everybody has access", nil
	}
	owner, _, err := d.Owner()
	if err != nil {
		return "", fmt.Errorf("read its owner: %w", err)
	}
	self, err := user()
	if err != nil {
		return "", err
	}
	entries := make([]entry, 0, list.AceCount)
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return "", fmt.Errorf("read its access control list: %w", err)
		}
		e := entry{allow: ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE, mask: uint32(ace.Mask), here: ace.Header.AceFlags&windows.INHERIT_ONLY_ACE == 0}
		if e.known = e.allow || ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE; e.known {
			e.sid = (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String()
		}
		entries = append(entries, e)
	}
	found := others(entries, owner.String(), self.String())
	if len(found) == 0 {
		return "", nil
	}
	for i, sid := range found {
		found[i] = named(sid)
	}
	return "gives access to " + strings.Join(found, ", "), nil
}

// named returns an account's name for people.
func named(text string) string {
	sid, err := windows.StringToSid(text)
	if err != nil {
		return text
	}
	account, domain, _, err := sid.LookupAccount("")
	switch {
	case err != nil:
		return text
	case domain == "":
		return account
	}
	return domain + `\` + account
}

// user is the account of this process.
func user() (*windows.SID, error) {
	of, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("look up this process's account: %w", err)
	}
	return of.User.Sid, nil
}

func remedy(path string) string {
	return fmt.Sprintf(`icacls "%s" /inheritance:r /grant:r *%s:F *%s:F`, path, sidSystem, sidAdministrators)
}

// OwnerOnly is the access control list of a directory for this user, the system and administrators, which is
// inherited below and inherits nothing. more are further accounts, by security identifier.
func OwnerOnly(more ...string) (*windows.SECURITY_DESCRIPTOR, error) {
	self, err := user()
	if err != nil {
		return nil, err
	}
	text := "D:P"
	for _, sid := range append([]string{sidSystem, sidAdministrators, self.String()}, more...) {
		text += "(A;OICI;FA;;;" + sid + ")"
	}
	return windows.SecurityDescriptorFromString(text)
}

// ClosedDir reports whether no other account may look into a directory.
func ClosedDir(dir string) (bool, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return false, err
	}
	h, err := windows.CreateFile(name, windows.READ_CONTROL, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return false, err
	}
	defer func() { _ = windows.CloseHandle(h) }() // nothing was written by it
	whom, err := beyondHandle(h)
	return whom == "" && err == nil, err
}
