package config

import "fmt"

// Stale reports on files that a host reads only when it starts: changes, which take a restart, and faults, with which
// a restart would fail. It is empty if nothing has changed.
func (h *Host) Stale() []string {
	list := append(h.PairKey.stale(), staleSecret("HTTP_TOKEN_FILE", h.HTTPTokenFile, h.HTTPToken)...)
	if h.TerminalsFile == "" {
		return list
	}
	var now Terminals
	if err := now.Read(h.TerminalsFile); err != nil {
		return append(list, unreadable("TERMINALS_FILE", h.TerminalsFile, err.Error()))
	}
	if now.String() != h.Terminals.String() {
		list = append(list, fmt.Sprintf("%s_TERMINALS_FILE: %s now holds other terminals: a host reads the file only when it starts, and only while the pair has no list of its own (hotpair terminals)", Prefix, h.TerminalsFile))
	}
	return list
}

// Stale is Host.Stale for a witness.
func (w *Witness) Stale() []string { return w.PairKey.stale() }

// Stale is Host.Stale for a terminal.
func (t *Terminal) Stale() []string {
	return staleSecret("TERMINAL_APP_TOKEN_FILE", t.TerminalAppTokenFile, t.TerminalAppToken)
}

func (k *PairKey) stale() []string {
	return staleSecret("PAIR_SECRET_FILE", k.PairSecretFile, k.PairSecret)
}

func staleSecret(variable, path string, held Secret) []string {
	if path == "" {
		return nil
	}
	now, problem := readSecret(path)
	switch {
	case problem != "":
		return []string{unreadable(variable, path, problem)}
	case now != held:
		return []string{fmt.Sprintf("%s_%s: %s now holds another value: restart to use it", Prefix, variable, path)}
	}
	return nil
}

func unreadable(variable, path, problem string) string {
	return fmt.Sprintf("%s_%s: %s %s: the next start will fail", Prefix, variable, path, problem)
}
