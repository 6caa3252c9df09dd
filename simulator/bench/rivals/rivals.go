// Package rivals runs what a user would pick instead of the pair, on this machine, for as long as it is measured: etcd with
// three nodes, and Redis with replicas and Sentinel, both with every copy fsynced before an answer. Data is in a temporary
// folder, all listen on loopback, every process dies with this one.
package rivals

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/bench/proc"
)

var (
	// ErrMissing says that a program is not installed.
	ErrMissing = errors.New("not installed")
	// ErrNotReady says that a system did not come to serve.
	ErrNotReady = errors.New("the system did not become ready")
)

const (
	readyWithin = 45 * time.Second
	askEvery    = 20 * time.Millisecond
	stopWithin  = 10 * time.Second
)

// Setting is a way to run a system.
type Setting struct {
	Name string // as "shipped", "tuned"
	// Etcd: HeartbeatMS and ElectionMS; Redis: DownMS and FailoverMS. 0 is what is shipped.
	HeartbeatMS, ElectionMS, DownMS, FailoverMS int
}

// System is a running system.
type System struct {
	Name      string   // etcd, redis
	Version   string   // as the program says
	Endpoints []string // what its clients are told: client addresses of etcd, sentinels of Redis; host:port
	dir       string
	children  map[string]*process.Child // by what the node is called
	leader    func(ctx context.Context) (string, error)
	clientsAt map[string]string // by node: where it takes clients that are told of it alone
}

// Available tells whether the programs of a system are installed. The error is ErrMissing and names the Debian package.
func Available(name string) error {
	programs := map[string][]string{"etcd": {"etcd"}, "redis": {"redis-server", "redis-sentinel"}}[name]
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%w: %s: apt-get install etcd-server redis-server redis-sentinel", ErrMissing, p)
		}
	}
	return nil
}

// start runs one program of the system. Its output goes to a file in the folder.
func (s *System) start(node, program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrMissing, program)
	}
	log, err := os.Create(filepath.Join(s.dir, node+".log"))
	if err != nil {
		return fmt.Errorf("%s: %w", node, err)
	}
	defer log.Close() // the child has its own descriptor
	child, err := process.Start(process.Spec{Name: node, Path: path, Args: args, Environ: os.Environ(), Group: true, Output: log})
	if err != nil {
		return err
	}
	s.children[node] = child
	return nil
}

// Stop ends every process and removes all data.
func (s *System) Stop() error {
	var failed []error
	for _, child := range s.children {
		failed = append(failed, child.Kill()) // nothing is to be kept
	}
	for _, child := range s.children {
		child.Wait()
	}
	return errors.Join(append(failed, os.RemoveAll(s.dir))...)
}

// SignalLeader signals the node that takes writes, and says when.
func (s *System) SignalLeader(ctx context.Context, signal syscall.Signal) (time.Time, error) {
	node, err := s.leader(ctx)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	return now, s.children[node].Signal(signal)
}

// LeaderEndpoint is the endpoint of the node that takes writes. Clients that are told of nothing else can't follow when it is lost.
// Error: ErrNotReady, also for Redis, whose clients are told of sentinels only.
func (s *System) LeaderEndpoint(ctx context.Context) (string, error) {
	node, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	endpoint, known := s.clientsAt[node]
	if !known {
		return "", fmt.Errorf("%s: %w: nobody is told of %s alone", s.Name, ErrNotReady, node)
	}
	return endpoint, nil
}

// Processes are all of the system.
func (s *System) Processes() []proc.Process {
	var list []proc.Process
	for node, child := range s.children {
		list = append(list, proc.Process{PID: child.PID(), Name: node})
	}
	return list
}

// await asks until a condition holds. The error is ErrNotReady with the reason that was told last.
func (s *System) await(ctx context.Context, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(askEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s: %w: %w", s.Name, ErrNotReady, err)
		}
	}
}

func newSystem(name string) (*System, error) {
	if err := Available(name); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hotpair-bench-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &System{Name: name, dir: dir, children: map[string]*process.Child{}, clientsAt: map[string]string{}}, nil
}

// freePorts finds ports on loopback that nobody listens on at the moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("free port: %w", err)
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
