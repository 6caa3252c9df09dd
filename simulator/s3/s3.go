// Package s3 runs a real S3 server for tests: versitygw, on a folder of this machine. It is built from a module of its own beside this file, so
// that nothing of it gets into the program. Where it can't be built, for want of the network, the tests that need it are skipped and say so.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// Credentials of the server's owner, and its region.
const (
	Access = "hotpair-tests"
	Secret = "a-secret-of-tests-alone"
	Region = "eu-test-1"
)

// buildWithin bounds building the server, startWithin its start. A machine may have both to do for the first time, beside other tests.
const (
	buildWithin = 10 * time.Minute
	startWithin = time.Minute
)

// built is the program, once for all tests of a process.
var built = sync.OnceValues(build)

func build() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("where this file lies is not known")
	}
	module := filepath.Join(filepath.Dir(file), "server")
	if !filepath.IsAbs(module) { // built with -trimpath
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/hotpair/hotpair").Output()
		if err != nil {
			return "", fmt.Errorf("find the module: %w", err)
		}
		module = filepath.Join(strings.TrimSpace(string(out)), "simulator", "s3", "server")
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	// go tool keeps what it has built, so the second time it is there already.
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", "versitygw")
	cmd.Dir = module
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// Server is a server that runs.
type Server struct {
	testing.TB
	Address string // host:port
	Bucket  string
	dir     string
	binary  string
	more    []string
	cmd     *exec.Cmd
	done    chan struct{}
}

// Start starts a server with an empty bucket; more are flags of its own. The test is skipped where it can't be built.
func Start(t testing.TB, more ...string) *Server {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Skipf("SKIPPED: no S3 server: %v", err)
	}
	s := &Server{TB: t, Address: processtest.Address(t), Bucket: "backups", dir: t.TempDir(), binary: binary, more: more}
	for _, name := range []string{"objects", "meta"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.Run()
	t.Cleanup(s.Kill)
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	if err := s.Client().MakeBucket(ctx, s.Bucket, minio.MakeBucketOptions{Region: Region}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Run starts it again on what it had, and waits until it answers.
func (s *Server) Run() {
	s.Helper()
	args := append([]string{"--access", Access, "--secret", Secret, "--region", Region, "--port", s.Address, "--quiet"}, s.more...)
	s.cmd = exec.Command(s.binary, append(args, "posix", "--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "objects"))...)
	said := &strings.Builder{}
	s.cmd.Stderr, s.cmd.Stdout = said, said
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	deadline := time.Now().Add(startWithin)
	for {
		conn, err := net.DialTimeout("tcp", s.Address, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-s.done:
			s.Fatalf("the S3 server ends: %s", said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Fatalf("the S3 server does not answer: %v", err)
		}
	}
}

// Kill ends it as a crash does. Repeatable.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Freeze stops it: what connects is taken by the system, and nobody answers. Thaw lets it go on.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(which syscall.Signal) {
	s.Helper()
	if err := s.cmd.Process.Signal(which); err != nil {
		s.Fatal(err)
	}
}

// Client asks it as its owner.
func (s *Server) Client() *minio.Client {
	s.Helper()
	client, err := minio.New(s.Address, &minio.Options{Creds: credentials.NewStaticV4(Access, Secret, ""), Region: Region, BucketLookup: minio.BucketLookupPath})
	if err != nil {
		s.Fatal(err)
	}
	return client
}
