package rivals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// StartEtcd runs three nodes that fsync every write, as shipped. It returns when they have a leader.
func StartEtcd(ctx context.Context, setting Setting) (s *System, err error) {
	if s, err = newSystem("etcd"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	ports, err := freePorts(6)
	if err != nil {
		return s, err
	}
	var cluster []string
	for i := range 3 {
		cluster = append(cluster, fmt.Sprintf("n%d=http://%s", i, local(ports[3+i])))
		s.Endpoints = append(s.Endpoints, local(ports[i]))
	}
	for i := range 3 {
		node := "n" + strconv.Itoa(i)
		s.clientsAt[node] = local(ports[i])
		client, peer := "http://"+local(ports[i]), "http://"+local(ports[3+i])
		args := []string{
			"--name", node, "--data-dir", filepath.Join(s.dir, node), "--logger", "zap", "--log-level", "error",
			"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new", "--initial-cluster-token", "bench",
		}
		if setting.HeartbeatMS > 0 {
			args = append(args, "--heartbeat-interval", strconv.Itoa(setting.HeartbeatMS), "--election-timeout", strconv.Itoa(setting.ElectionMS))
		}
		if err = s.start(node, "etcd", args...); err != nil {
			return s, err
		}
	}
	s.leader = func(ctx context.Context) (string, error) { return etcdLeader(ctx, s.Endpoints) }
	s.Version = etcdVersion(ctx)
	return s, s.await(ctx, func(ctx context.Context) error {
		// All three, so that a node that starts slowly does not lack while others are measured.
		for _, endpoint := range s.Endpoints {
			status, err := etcdStatus(ctx, endpoint)
			if err != nil {
				return err
			}
			if status.Leader == "" || status.Leader == "0" {
				return errors.New("no leader known at " + endpoint)
			}
		}
		return nil
	})
}

func etcdVersion(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "etcd", "--version").Output()
	if err != nil {
		return "etcd"
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.ToLower(strings.TrimSpace(first))
}

type status struct {
	Header struct {
		Member string `json:"member_id"`
	} `json:"header"`
	Leader string `json:"leader"`
}

// etcdStatus asks one node.
func etcdStatus(ctx context.Context, endpoint string) (s status, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+endpoint+"/v3/maintenance/status", bytes.NewReader([]byte("{}")))
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, fmt.Errorf("etcd at %s: %w", endpoint, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("etcd at %s: %w", endpoint, err)
	}
	return s, nil
}

// etcdLeader names the node that leads.
func etcdLeader(ctx context.Context, endpoints []string) (string, error) {
	for i, endpoint := range endpoints {
		s, err := etcdStatus(ctx, endpoint)
		if err == nil && s.Leader == s.Header.Member {
			return "n" + strconv.Itoa(i), nil
		}
	}
	return "", fmt.Errorf("etcd: %w: no node reports that it is the leader", ErrNotReady)
}
