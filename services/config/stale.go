package config

import "fmt"

// Stale says what the files that a host reads only when it starts hold by now: what is different, which takes a restart, and what a restart
// would fail by. Nothing when all is as it was.
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
		list = append(list, fmt.Sprintf("%s_TERMINALS_FILE: %s holds other terminals: a host reads them when it starts, and only as long as the pair has no list of its own (hotpair terminals)", Prefix, h.TerminalsFile))
	}
	return list
}

// Stale is Stale of a host for a witness.
func (w *Witness) Stale() []string { return w.PairKey.stale() }

// Stale is Stale of a host for a terminal.
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
		return []string{fmt.Sprintf("%s_%s: %s holds another one: that takes a restart", Prefix, variable, path)}
	}
	return nil
}

func unreadable(variable, path, problem string) string {
	return fmt.Sprintf("%s_%s: %s %s: the next start would fail", Prefix, variable, path, problem)
}
