package hosts

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/strictjson"
)

// PairSecret finds the pair secret for a command that asks no host: of the cluster in Dir if given, else in the
// environment, of the cluster that runs here, or in the environment file of the host on this machine. The error is
// ErrUsage and says where the secret may be.
func (p Place) PairSecret() (config.Secret, error) {
	environ, dir := p.Env, p.Dir
	if dir == "" && p.Temp != "" && !slices.ContainsFunc(environ, ofSecret) {
		dir = p.pointed()
	}
	switch {
	case dir != "":
		var err error
		if environ, err = clusterSecret(dir); err != nil {
			return "", err
		}
	case !slices.ContainsFunc(environ, ofSecret):
		environ = append(environ[:len(environ):len(environ)], p.unitLines(ofSecret)...)
	}
	key, err := config.Load[config.PairKey](environ)
	if err != nil {
		return "", fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return key.PairSecret, nil
}

// ofSecret reports whether a line of an environment sets the pair secret.
func ofSecret(line string) bool {
	name, value, _ := strings.Cut(line, "=")
	return (name == config.Prefix+"_PAIR_SECRET" || name == config.Prefix+"_PAIR_SECRET_FILE") && strings.TrimSpace(value) != ""
}

// unitLines returns the wanted lines of the environment file of this machine's host; nothing when it can't be read, as
// by most users.
func (p Place) unitLines(wanted func(line string) bool) (lines []string) {
	if p.Unit == "" {
		return nil
	}
	for _, path := range []string{filepath.Join(filepath.Dir(p.Unit), joinedFile), p.Unit} { // what comes later counts
		text, err := regular.Read(path, maxFile)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if line = name + "=" + strings.Trim(value, "\"'"); wanted(line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// clusterSecret finds the pair secret of a cluster, as an environment.
func clusterSecret(dir string) ([]string, error) {
	text, err := regular.Read(filepath.Join(dir, ClusterFile), maxFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	var file struct {
		Hosts map[string]struct {
			Env map[string]string `json:"env"`
		} `json:"hosts"`
	}
	if err := strictjson.DecodeMessage(text, &file); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", operator.ErrUsage, ClusterFile, err)
	}
	for _, h := range file.Hosts {
		if secret := h.Env[config.Prefix+"_PAIR_SECRET"]; secret != "" {
			return []string{config.Prefix + "_PAIR_SECRET=" + secret}, nil
		}
	}
	return nil, fmt.Errorf("%w: %s in %s has no pair secret", operator.ErrUsage, ClusterFile, dir)
}
