package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/strictjson"
)

// ErrNoCluster says that no cluster was found.
var ErrNoCluster = errors.New("no cluster found")

// File is cluster.json: how to reach and start every part of the cluster. It contains the pair secret, so only its
// owner may read it. While the cluster runs it is up to date; it is always replaced as a whole.
type File struct {
	Binary    string              `json:"binary"`
	Hosts     map[string]HostFile `json:"hosts"`
	Witness   WitnessFile         `json:"witness"`
	Terminals []TerminalFile      `json:"terminals"`
}

// StartFile is how a process tree is started, exactly as by a production unit: argv (with the binary) and the whole
// environment. PGID is 0 while it does not run.
type StartFile struct {
	PGID    int               `json:"pgid"`
	Command []string          `json:"command"`
	Env     map[string]string `json:"env"`
	Log     string            `json:"log"`
}

// HostFile is a host.
type HostFile struct {
	StartFile
	HTTP string `json:"http"` // http://host:port
}

// Client calls the host's operator interface by its unix socket, as the user who started the cluster.
func (h HostFile) Client() *operator.Client {
	path := operator.SocketIn(h.Env[config.Prefix+"_DATA"], "")
	if _, err := os.Stat(path); err == nil {
		return operator.NewClient(operator.SocketURL + path)
	}
	return operator.NewClient(h.HTTP)
}

// WitnessFile is the witness.
type WitnessFile struct {
	StartFile
	Address string `json:"address"` // host:port
}

// TerminalFile is a terminal.
type TerminalFile struct {
	ID      string `json:"id"`
	Address string `json:"address"`        // address for applications: nats://host:port
	Dialled string `json:"dialled"`        // address for hosts: nats://host:port
	HTTP    string `json:"http,omitempty"` // address for applications over HTTP: http://host:port
}

// maxClusterFile bounds cluster.json, in bytes: it names thousands of terminals.
const maxClusterFile = 64 << 20

// ReadFile reads cluster.json of a directory. ErrNoCluster if there is none.
func ReadFile(dir string) (File, error) {
	var f File
	text, err := regular.Read(filepath.Join(dir, clusterFile), maxClusterFile)
	if errors.Is(err, os.ErrNotExist) {
		return f, fmt.Errorf("%w: %s has no %s: give the --dir of a running hotpair cluster", ErrNoCluster, dir, clusterFile)
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w", clusterFile, err)
	}
	if err := strictjson.DecodeMessage(text, &f); err != nil {
		return f, fmt.Errorf("%w: %s of %s is damaged: %w", ErrNoCluster, clusterFile, dir, err)
	}
	return f, nil
}

// writeFile updates cluster.json.
func (c *Cluster) writeFile() error {
	c.file.Lock()
	defer c.file.Unlock()
	start := func(name string) StartFile {
		g := c.groups[name]
		env := map[string]string{}
		for _, entry := range g.command.env {
			if variable, value, found := strings.Cut(entry, "="); found {
				env[variable] = value
			}
		}
		return StartFile{PGID: g.state().pgid, Command: g.command.argv, Env: env, Log: g.command.log}
	}
	f := File{
		Binary:  c.options.Binary,
		Hosts:   map[string]HostFile{},
		Witness: WitnessFile{StartFile: start(Witness), Address: c.ports.address(offsetWitness)},
	}
	for name, host := range c.hosts {
		f.Hosts[name] = HostFile{StartFile: start(name), HTTP: "http://" + host.HTTP}
	}
	for i, t := range c.terminals {
		at, web := "nats://"+c.ports.application(i), "http://"+c.ports.http(i)
		if len(c.elsewhere) > 0 {
			at, web = t.URL, "" // terminals that run elsewhere have unknown addresses for applications
		}
		if c.options.Silent {
			web = ""
		}
		f.Terminals = append(f.Terminals, TerminalFile{ID: t.ID, Address: at, Dialled: t.URL, HTTP: web})
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", clusterFile, err)
	}
	if err := writeAtomically(c.dir.join(clusterFile), text); err != nil {
		return fmt.Errorf("%s: %w", clusterFile, err)
	}
	return nil
}
