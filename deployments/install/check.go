package install

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
)

const (
	// behind is how far a clock may be behind that of the machine where the bundle was made: certificates begin 12
	// hours before.
	behind = 5 * time.Minute
	// room is what a host needs on its disk: the journal at its largest, and what the alarm of a full disk keeps
	// free. A witness has one record.
	room, witnessRoom = 512 << 20, 32 << 20
	// slow is an fsync that would slow down every update. trials are how many are tried.
	slow   = 50 * time.Millisecond
	trials = 7
)

// Finding is a problem that prevents a join, or a warning.
type Finding struct {
	Check   string `json:"check"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
	Stops   bool   `json:"stops"` // it prevents the join
}

// account is the user that the processes run as.
type account struct{ uid, gid int }

// checks checks a machine before anything is written.
type checks struct {
	place   Place
	bundle  bundle.Bundle
	sum     string // of the bundle's file
	had     mark
	useData bool
	now     time.Time
	own     []netip.Addr // addresses of this machine
	found   []Finding
}

func (c *checks) stop(check, problem, remedy string) {
	c.found = append(c.found, Finding{check, problem, remedy, true})
}
func (c *checks) warn(check, problem, remedy string) {
	c.found = append(c.found, Finding{check, problem, remedy, false})
}

// again reports whether this very bundle was joined here, completely or partly.
func (c *checks) again() bool {
	return c.had.Bundle == c.sum && (c.had.State == joining || c.had.State == joined)
}

// all runs all checks, so that all problems are reported at once. It writes nothing permanent.
func (c *checks) all() (who account) {
	c.member()
	who = c.users()
	c.clock()
	c.disk()
	c.data()
	c.links()
	c.overrides()
	if c.place.Root == "" { // otherwise it is the image of another machine
		c.address()
		if c.had.State != joined || !c.again() { // it may run
			c.ports()
		}
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		if a.Stops == b.Stops {
			return 0
		}
		if a.Stops {
			return -1
		}
		return 1
	})
	return who
}

// member: a machine is a member of one pair, as one of its three.
func (c *checks) member() {
	switch {
	case c.had.none() || c.again():
	case c.had.State == leaving:
		c.stop("member", "this machine began to leave as "+c.had.describe()+" and has not finished", "run hotpair leave again, then join")
	case c.had.Name == c.bundle.Name.String():
		c.stop("member", "this machine is "+c.had.describe()+" already, from another bundle", "keep it as it is; or run hotpair leave, which keeps the data, then join with --use-data")
	default:
		c.stop("member", "this machine is "+c.had.describe()+" already", "use the bundle on its machine ("+c.bundle.Address+"); or run hotpair leave first")
	}
}

// users: the user of the processes.
func (c *checks) users() account {
	none := account{-1, -1}
	if os.Geteuid() != 0 {
		if c.place.Root == "" {
			c.stop("user", "you are not root, but settings and units belong to root", "run it as root: sudo hotpair join …")
		}
		return none
	}
	found, err := c.lookUp()
	if err != nil {
		c.stop("user", "no user "+User+", as which the processes run: "+err.Error(),
			"install the package, which creates it; or run: useradd --system --home-dir "+c.place.Data+" --shell /usr/sbin/nologin "+User)
		return none
	}
	if found.uid == 0 {
		c.stop("user", "the user "+User+" is root", "give it a user id other than 0")
	}
	return found
}

func (c *checks) lookUp() (account, error) {
	if c.place.Root == "" {
		found, err := user.Lookup(User)
		if err != nil {
			return account{}, err
		}
		return accountOf(found.Uid, found.Gid)
	}
	f, err := os.Open(c.place.on("/etc/passwd"))
	if err != nil {
		return account{}, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Split(lines.Text(), ":"); len(fields) > 3 && fields[0] == User {
			return accountOf(fields[2], fields[3])
		}
	}
	return account{}, fmt.Errorf("not in %s", f.Name())
}

func accountOf(uid, gid string) (account, error) {
	u, err1 := strconv.ParseUint(uid, 10, 31)
	g, err2 := strconv.ParseUint(gid, 10, 31)
	return account{int(u), int(g)}, errors.Join(err1, err2)
}

// hidden are the folders that a unit can't access, or has replaced.
var hidden = []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"}

// program: a unit that is written here starts the running program.
func (c *checks) program(path string) {
	if path != "" && c.place.Unit != "" && !c.place.unitIsThere() && slices.ContainsFunc(hidden, func(dir string) bool { return strings.HasPrefix(path, dir) }) {
		c.stop("program", "no package installed "+c.place.Unit+", and a unit can't access the program at "+path, "run install -m 0755 "+path+" /usr/local/bin/hotpair, then use that program")
	}
}

// clock: certificates and ages depend on it. Running hosts compare their clocks.
func (c *checks) clock() {
	built := clocks.Built()
	switch late := c.bundle.Made.Sub(c.now); {
	case late > behind:
		c.stop("clock", fmt.Sprintf("the clock says %s, but the bundle was made at %s by the clock of its machine", c.now.UTC().Format(time.DateTime), c.bundle.Made.UTC().Format(time.DateTime)),
			"correct the wrong clock; if it was the other machine's, make the pair again with hotpair init")
		return
	case c.now.Before(built):
		c.stop("clock", fmt.Sprintf("the clock says %s, but this program was built at %s", c.now.UTC().Format(time.DateTime), built.UTC().Format(time.DateTime)), "set it, and keep it synchronised")
		return
	}
	issuer, err := c.bundle.Issuer()
	if c.bundle.Name.Role == identity.RoleHost && err == nil && c.now.After(issuer.NotAfter()) {
		c.stop("clock", fmt.Sprintf("the clock says %s, but the issuing key of the pair expired on %s", c.now.UTC().Format(time.DateOnly), issuer.NotAfter().UTC().Format(time.DateOnly)),
			"correct the clock; if it is right, make a new issuing key: hotpair authority rotate")
		return
	}
	if own, err := c.bundle.Credentials(); err == nil && c.now.After(own.Self.NotAfter) {
		remedy := "nothing, if the clock is right: the host renews the certificate when it starts"
		if c.bundle.Name.Role == identity.RoleWitness {
			remedy = "if the clock is right: hotpair authority issue witness, see OPERATIONS.md"
		}
		c.warn("clock", "the certificate in the bundle expired on "+own.Self.NotAfter.UTC().Format(time.DateOnly), remedy)
	}
	if c.place.Root == "" && !clocks.Synchronised() {
		c.warn("clock", "the kernel reports that the clock is not synchronised", "install chrony or systemd-timesyncd: hosts raise an alarm when their clocks differ")
	}
}

// disk: free space, and the duration of an fsync.
func (c *checks) disk() {
	at := existing(c.place.on(c.place.Data))
	needed := uint64(room)
	if c.bundle.Name.Role == identity.RoleWitness {
		needed = witnessRoom
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(at, &fs); err != nil {
		c.stop("disk", "can't examine the disk of "+at+": "+err.Error(), "fix it, or mount another one at "+c.place.Data)
		return
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < needed {
		c.stop("disk", fmt.Sprintf("the disk of %s has %d MiB free, but %s needs %d MiB", at, free>>20, bundle.Kind(c.bundle.Name), needed>>20), "make room, or mount a larger disk at "+c.place.Data)
	}
	if fs.Type == unix.TMPFS_MAGIC {
		c.warn("disk", at+" is in memory: a power failure loses all data", "mount a disk at "+c.place.Data)
	}
	took, err := fsyncs(at)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		c.stop("disk", "can't write to the disk of "+at+": "+err.Error(), "fix it, or mount another one at "+c.place.Data)
	case took > slow:
		c.warn("disk", fmt.Sprintf("an fsync at %s takes %s, and every update waits for one", at, took.Round(time.Millisecond)), "use a flash disk or one with a battery, or accept slow updates")
	}
}

// existing is the nearest existing directory above a path.
func existing(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// fsyncs returns the typical duration of an fsync, in a file without a name, which leaves nothing behind.
func fsyncs(dir string) (time.Duration, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return 0, errors.ErrUnsupported
	}
	if err != nil {
		return 0, err
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	var took []time.Duration
	for range trials {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := f.Sync(); err != nil { // and never again: after a failure data may be lost
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// data: a directory that is not empty belongs to another member.
func (c *checks) data() {
	dir := c.place.on(c.place.Data)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || c.again() {
		return
	}
	if err != nil {
		c.stop("data", "can't read the data directory: "+err.Error(), "make "+c.place.Data+" an empty directory")
		return
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "lost+found" })
	if len(entries) > 0 && !c.useData {
		c.stop("data", fmt.Sprintf("%s is not empty (%s): it may hold data of an earlier host", dir, entries[0].Name()),
			"to continue with the data of this member of this pair, use --use-data; otherwise move it away")
	}
}

// links: files must be where the machine will look for them.
func (c *checks) links() {
	if err := c.place.contained(); err != nil {
		c.stop("links", err.Error(), "mount the machine's file systems in that folder and make the link relative; or join on the machine itself")
		return
	}
	if c.again() && c.had.State == joined {
		return // what was moved since then does not concern a join
	}
	if err := c.place.linked(); err != nil {
		c.stop("links", err.Error(), "replace the link by a mount (mount --bind, and a line in /etc/fstab)")
	}
}

// overrides: an operator's own file takes precedence, so it must not name another member.
func (c *checks) overrides() {
	if c.place.Overrides == "" {
		return
	}
	environ, err := readEnviron(c.place.on(c.place.Overrides))
	if err != nil {
		c.stop("settings", err.Error(), "correct it or move it away: it overrides the settings of the bundle")
		return
	}
	joined := c.place.Environ(c.bundle)
	var other []string
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		i := slices.IndexFunc(joined, func(l string) bool { return strings.HasPrefix(l, name+"=") })
		if i < 0 || joined[i] == line || value == "" {
			continue
		}
		if name == config.Prefix+"_HOST" {
			c.stop("settings", c.place.Overrides+" says that this is host "+value, "a host was set up here by hand: move that file away, or use the bundle on its own machine")
			return
		}
		other = append(other, name)
	}
	if len(other) > 0 {
		c.warn("settings", c.place.Overrides+" sets "+strings.Join(other, ", ")+", which overrides the bundle", "remove what is not intended")
	}
}

// address: the bundle is for the machine that has its address.
func (c *checks) address() {
	var wanted []netip.Addr
	if ip, err := netip.ParseAddr(c.bundle.Address); err == nil {
		wanted = append(wanted, ip)
	} else {
		names, err := net.LookupHost(c.bundle.Address)
		if err != nil {
			c.stop("address", "the bundle is for "+c.bundle.Address+", a name that does not resolve here: "+err.Error(), "map the name to an address of this machine, in DNS or in /etc/hosts")
			return
		}
		for _, n := range names {
			if ip, err := netip.ParseAddr(n); err == nil {
				wanted = append(wanted, ip)
			}
		}
	}
	for _, w := range wanted {
		if slices.ContainsFunc(c.own, func(o netip.Addr) bool { return o.Unmap() == w.Unmap() }) {
			return
		}
	}
	var have []string
	for _, o := range c.own {
		if !o.IsLoopback() && !o.IsLinkLocalUnicast() {
			have = append(have, o.String())
		}
	}
	c.stop("address", fmt.Sprintf("the bundle is for %s at %s, but this machine has %s", bundle.Kind(c.bundle.Name), c.bundle.Address, cmp.Or(strings.Join(have, ", "), "no address that others can reach")),
		"use it on that machine; or give this one the address; or make the pair with other addresses: hotpair init")
}

// ports: a process can't start if its port is in use.
func (c *checks) ports() {
	list := [][2]string{{"WITNESS_LISTEN", c.bundle.Setting("WITNESS_LISTEN")}}
	if c.bundle.Name.Role == identity.RoleHost {
		list = [][2]string{{"LINK", c.bundle.Setting("LINK")}, {"REPLICATION", c.bundle.Setting("REPLICATION")}, {"HTTP", c.bundle.Setting("HTTP")},
			{"BUS_PORT", "127.0.0.1:" + c.bundle.Setting("BUS_PORT")}}
	}
	for _, one := range list {
		l, err := net.Listen("tcp", one[1])
		switch {
		case err == nil:
			_ = l.Close()
		case errors.Is(err, unix.EADDRNOTAVAIL): // the address check reports this
		default:
			_, port, _ := net.SplitHostPort(one[1])
			c.stop("ports", fmt.Sprintf("%s_%s is %s, but listening on it fails: %v", config.Prefix, one[0], one[1], errors.Unwrap(err)),
				"stop the program that uses it (ss -ltnp sport = :"+port+"); or make the pair with other --ports")
		}
	}
}

// addresses are those of this machine.
func addresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of this machine: %w", err)
	}
	var own []netip.Addr
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr())
		}
	}
	return own, nil
}
