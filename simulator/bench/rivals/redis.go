package rivals

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Master is what the sentinels call the pair.
const Master = "bench"

// sentinels are three, of which two must agree.
const sentinels, quorum = 3, 2

// StartRedis runs a master with replicas, each with an append-only file that is fsynced before it answers, and three
// sentinels. It returns when all replicas are online and every sentinel knows all others.
func StartRedis(ctx context.Context, setting Setting, replicas int) (s *System, err error) {
	if s, err = newSystem("redis"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	ports, err := freePorts(1 + replicas + sentinels)
	if err != nil {
		return s, err
	}
	nodes, watchers := ports[:1+replicas], ports[1+replicas:]
	for i, port := range nodes {
		if err = s.startRedisNode(i, port, nodes[0]); err != nil {
			return s, err
		}
	}
	s.leader = func(context.Context) (string, error) { return "r0", nil } // each run is killed once
	s.Version = redisVersion(ctx)
	replicated := func(ctx context.Context) error {
		text, err := ask(ctx, nodes[0], "INFO replication")
		if err == nil && strings.Count(text, "state=online") < replicas {
			err = errors.New("replicas are not online yet")
		}
		return err
	}
	if err = s.await(ctx, replicated); err != nil {
		return s, err
	}
	for i, port := range watchers {
		if err = s.startSentinel(i, port, nodes[0], setting); err != nil {
			return s, err
		}
		s.Endpoints = append(s.Endpoints, local(port))
	}
	return s, s.await(ctx, func(ctx context.Context) error {
		for _, port := range watchers {
			text, err := ask(ctx, port, "SENTINEL master "+Master)
			if err != nil {
				return err
			}
			others, known := field(text, "num-other-sentinels"), field(text, "num-slaves")
			if others != strconv.Itoa(sentinels-1) || known != strconv.Itoa(replicas) {
				return fmt.Errorf("a sentinel knows %s others and %s replicas", others, known)
			}
		}
		return nil
	})
}

func (s *System) startRedisNode(i, port, master int) error {
	node := "r" + strconv.Itoa(i)
	dir := filepath.Join(s.dir, node)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	args := []string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--daemonize", "no", "--loglevel", "warning",
		"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--repl-diskless-sync-delay", "0",
	}
	if i > 0 {
		args = append(args, "--replicaof", "127.0.0.1", strconv.Itoa(master))
	}
	return s.start(node, "redis-server", args...)
}

func (s *System) startSentinel(i, port, master int, setting Setting) error {
	node := "s" + strconv.Itoa(i)
	dir := filepath.Join(s.dir, node)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	file := filepath.Join(dir, "sentinel.conf") // sentinel writes to it
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d %d\n", port, dir, Master, master, quorum)
	if setting.DownMS > 0 {
		text += fmt.Sprintf("sentinel down-after-milliseconds %s %d\nsentinel failover-timeout %s %d\n", Master, setting.DownMS, Master, setting.FailoverMS)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return s.start(node, "redis-sentinel", file)
}

func redisVersion(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "redis-server", "--version").Output()
	if err != nil {
		return "redis"
	}
	for word := range strings.FieldsSeq(string(text)) {
		if version, found := strings.CutPrefix(word, "v="); found {
			return "redis " + version
		}
	}
	return "redis"
}

// ask sends one command on a line and gives what comes back within a moment, as it comes.
func ask(ctx context.Context, port int, command string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", local(port))
	if err != nil {
		return "", fmt.Errorf("redis: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", fmt.Errorf("redis: %w", err)
	}
	// QUIT has the server close the connection behind the answer, so that its end is known.
	if _, err := conn.Write([]byte(command + "\r\nQUIT\r\n")); err != nil {
		return "", fmt.Errorf("redis: %w", err)
	}
	var text strings.Builder
	for scanner := bufio.NewScanner(conn); scanner.Scan(); {
		text.WriteString(scanner.Text() + "\n")
	}
	return text.String(), nil
}

// field finds the value that follows a name in an answer of names and values, each of which has a line with its length
// before it.
func field(answer, name string) string {
	lines := strings.Split(answer, "\n")
	for i, line := range lines {
		if line == name && i+2 < len(lines) {
			return lines[i+2]
		}
	}
	return ""
}
