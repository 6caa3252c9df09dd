package rivals

import (
	"errors"
	"slices"
	"syscall"
	"testing"
)

func TestField_FindsAValueBehindItsName(t *testing.T) {
	answer := "*4\n$4\nname\n$5\nbench\n$10\nnum-slaves\n$1\n2\n+OK\n"
	for name, want := range map[string]string{"name": "bench", "num-slaves": "2", "missing": "", "+OK": ""} {
		if got := field(answer, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestStart_ServesAndLeavesNothing runs each system for a moment, where it is installed.
func TestStart_ServesAndLeavesNothing(t *testing.T) {
	for name, start := range map[string]func() (*System, error){
		"etcd":  func() (*System, error) { return StartEtcd(t.Context(), Setting{HeartbeatMS: 20, ElectionMS: 200}) },
		"redis": func() (*System, error) { return StartRedis(t.Context(), Setting{DownMS: 500, FailoverMS: 1000}, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := Available(name); err != nil {
				t.Skipf("SKIPPED, NOTHING OF THIS WAS TRIED: %v", err)
			}
			s, err := start()
			if err != nil {
				t.Fatal(err)
			}
			processes := s.Processes()
			if len(s.Endpoints) != 3 || len(processes) < 3 {
				t.Errorf("%v, %v", s.Endpoints, processes)
			}
			if at, err := s.LeaderEndpoint(t.Context()); (err == nil) != (name == "etcd") || err == nil && !slices.Contains(s.Endpoints, at) {
				t.Errorf("leader at %q of %v, %v", at, s.Endpoints, err)
			}
			if _, err := s.SignalLeader(t.Context(), syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			for _, child := range s.children {
				select {
				case <-child.Done():
				default:
					t.Errorf("process %d still runs", child.PID())
				}
			}
		})
	}
}

func TestAvailable_NamesWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, name := range []string{"etcd", "redis"} {
		if err := Available(name); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
