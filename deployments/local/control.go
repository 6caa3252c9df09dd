package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Orders.
const (
	Kill   = "kill"   // SIGKILL of the whole process group; done when all its processes have ended
	Stop   = "stop"   // SIGTERM to the leader, after continuing frozen processes; done when all processes have ended
	Start  = "start"  // done when the leader runs
	Freeze = "freeze" // SIGSTOP of the whole group; done when every process has stopped
	Thaw   = "thaw"   // SIGCONT of the whole group
)

// Orders lists all orders.
func Orders() []string { return []string{Kill, Stop, Start, Freeze, Thaw} }

// OrderHosts lists the hosts that an order can name.
func OrderHosts() []string { return []string{HostA, HostB, Witness} }

func validHost(name string) bool { return slices.Contains(OrderHosts(), name) }

// orderPatience is longer than the longest order, a stop that must end in a kill.
const orderPatience = stopPatience + 10*time.Second

// Order is one order to a running cluster.
type Order struct {
	Do   string `json:"do"`
	Host string `json:"host"`
}

// Done is its answer.
type Done struct {
	Error string        `json:"error,omitempty"`
	Usage bool          `json:"usage,omitempty"` // the order itself is invalid
	Took  time.Duration `json:"took_ns"`
}

// Send sends an order to the cluster that runs in dir and returns when it was carried out, and how long that took
// there. Errors: ErrNoCluster, ErrOption, ErrState.
func Send(ctx context.Context, dir string, o Order) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, orderPatience)
	defer cancel()
	conn, err := dial(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var done Done
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return 0, fmt.Errorf("send order to the cluster in %s: %w", dir, err)
	}
	if err := json.NewDecoder(conn).Decode(&done); err != nil {
		return 0, fmt.Errorf("the cluster in %s ended during the order: %w", dir, err)
	}
	switch {
	case done.Usage:
		return 0, fmt.Errorf("%w: %s", ErrOption, strings.TrimPrefix(done.Error, ErrOption.Error()+": "))
	case done.Error != "":
		return 0, fmt.Errorf("%w: %s", ErrState, strings.TrimPrefix(done.Error, ErrState.Error()+": "))
	}
	return done.Took, nil
}

// inDirectory returns a short path to a file of a directory: the path of a unix socket may have 107 letters only, and
// directories of tests are longer. The path is valid until the file is closed.
func inDirectory(dir, name string) (string, *os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(f.Fd())), name), f, nil
}

func dial(ctx context.Context, dir string) (net.Conn, error) {
	path, f, err := inDirectory(dir, socketFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCluster, err)
	}
	defer f.Close()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: none runs in %s: start one with hotpair cluster --dir %s", ErrNoCluster, dir, dir)
	}
	return conn, nil
}

// orders receives orders from other processes.
type orders struct {
	cluster  *Cluster
	dir      *os.File
	listener net.Listener
	pointer  string
}

func newOrders(ctx context.Context, c *Cluster) (*orders, error) {
	// The socket of a killed cluster: the directory's lock shows that it is unused.
	if err := os.Remove(c.dir.join(socketFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	path, dir, err := inDirectory(c.dir.path, socketFile)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	o := &orders{cluster: c, dir: dir}
	if o.listener, err = net.Listen("unix", path); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), dir.Close())
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), o.close())
	}
	if o.pointer, err = point(ctx, c.ports.base, c.dir.path); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

// run serves until ctx ends, and then waits for the orders in progress.
func (o *orders) run(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, func() { o.listener.Close() })
	defer stop()
	for {
		conn, err := o.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("control socket: %w", err)
		}
		serving.Go(func() { o.serve(ctx, conn) })
	}
}

func (o *orders) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	var order Order
	var answer Done
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(time.Second)) // fails only on a closed connection
	err := json.NewDecoder(io.LimitReader(conn, 4096)).Decode(&order)
	if err != nil {
		err = fmt.Errorf("%w: not an order: %w", ErrOption, err)
	} else {
		err = o.cluster.do(ctx, order)
	}
	answer.Took = time.Since(began)
	if err != nil {
		answer.Error, answer.Usage = err.Error(), errors.Is(err, ErrOption)
	}
	_ = json.NewEncoder(conn).Encode(answer) // a sender that does not wait gets no answer
}

func (o *orders) close() error {
	err := o.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if o.pointer != "" {
		err = errors.Join(err, os.Remove(o.pointer))
	}
	return errors.Join(err, o.dir.Close())
}

// pointerPath is the file that names the directory of the cluster on a port, so that commands find it without --dir.
// It is in a directory of this user only, so that nobody else can redirect them.
func pointerPath(port int) (string, error) {
	dir := filepath.Join(os.TempDir(), "hotpair-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("directory of running clusters: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("directory of running clusters: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("directory of running clusters: %s belongs to another user: remove it, or set TMPDIR", dir)
	}
	return filepath.Join(dir, "cluster-"+strconv.Itoa(port)), nil
}

// point records the directory of the cluster on a port, and removes the records of killed clusters.
func point(ctx context.Context, port int, dir string) (string, error) {
	path, err := pointerPath(port)
	if err != nil {
		return "", err
	}
	others, err := filepath.Glob(filepath.Join(filepath.Dir(path), "cluster-*"))
	if err != nil {
		return "", fmt.Errorf("directory of running clusters: %w", err)
	}
	for _, other := range others {
		if _, running := pointed(ctx, other); !running {
			_ = os.Remove(other) // another starting cluster may have been faster
		}
	}
	if err := writeAtomically(path, []byte(dir)); err != nil {
		return "", fmt.Errorf("directory of running clusters: %w", err)
	}
	return path, nil
}

// runningOn finds the directory of the cluster that runs on a base port.
func runningOn(ctx context.Context, port int) (string, bool) {
	path, err := pointerPath(port)
	if err != nil {
		return "", false
	}
	return pointed(ctx, path)
}

// pointed follows a pointer, and reports whether a cluster runs there.
func pointed(ctx context.Context, path string) (string, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	dir := strings.TrimSpace(string(text))
	conn, err := dial(ctx, dir)
	if err != nil {
		return dir, false
	}
	conn.Close()
	return dir, true
}

// Find returns the directory of a cluster: dir itself, or if it is empty, that of the cluster on the default ports.
// ErrNoCluster if none runs there.
func Find(ctx context.Context, dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	dir, running := runningOn(ctx, DefaultPort)
	if !running {
		return "", fmt.Errorf("%w: none runs on the default ports (%d and up): start hotpair cluster, or give the directory of one with --dir", ErrNoCluster, DefaultPort)
	}
	return dir, nil
}
