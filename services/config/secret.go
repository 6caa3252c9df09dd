package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/rights"
)

// Bounds of a secret's length: what can't be guessed, and what fits into a header and a handshake.
const (
	minSecret = 16
	maxSecret = 4096
)

// given checks a secret that stands in its variable or in the file that variable_FILE names; from the file it is filled
// in. Faults bear the name of the one that gave it. what is how the remedy calls it.
func (c *checker) given(variable, what string, value *Secret, file string, check func(variable string, value Secret)) {
	if file == "" {
		check(variable, *value)
		return
	}
	inFile := variable + "_FILE"
	if *value != "" {
		c.fault(inFile, file, "is set and "+Prefix+"_"+variable+" too", "unset one of the two")
		return
	}
	secret, problem := readSecret(file)
	if problem != "" {
		c.fault(inFile, file, problem, "name a file with the "+what+", owned by the user hotpair runs as, mode 0600")
		return
	}
	*value = secret
	check(inFile, secret)
}

func (c *checker) secret(variable string, value Secret) {
	switch {
	case value == "":
	case len(value) < minSecret:
		c.fault(variable, hidden, "is too short", fmt.Sprintf("use at least %d bytes, for example from openssl rand -hex 32", minSecret))
	case placeholder(value.Reveal()):
		c.fault(variable, hidden, "is the text that an example has in its place, which everybody knows", "make a secret of your own: openssl rand -hex 32")
	case guessed(value.Reveal()):
		c.fault(variable, hidden, "is easily guessed: few characters, or the same ones over and over", "make one: openssl rand -hex 32")
	case len(value) > maxSecret || strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r < ' ' }):
		c.fault(variable, hidden, "is no secret in one line of text", "use for example openssl rand -hex 32")
	}
}

// placeholder reports whether a secret is what an example has in its place.
func placeholder(secret string) bool {
	words := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(secret))
	return slices.ContainsFunc([]string{"replacethis", "replaceme", "changethis", "changeme", "secretofyourown", "yoursecret", "examplesecret", "placeholder", "tokenofyourown"},
		func(known string) bool { return strings.Contains(words, known) })
}

// A secret of fewer characters than leastDistinct, or that repeats a piece of up to mostRepeated, is guessed however long it is.
const (
	leastDistinct = 5
	mostRepeated  = 4
)

func guessed(secret string) bool {
	distinct := map[rune]bool{}
	for _, r := range secret {
		distinct[r] = true
	}
	for n := 1; n <= mostRepeated && n < len(secret); n++ {
		if strings.HasPrefix(strings.Repeat(secret[:n], len(secret)/n+1), secret) {
			return true
		}
	}
	return len(distinct) < leastDistinct
}

// token checks what must fit into an HTTP header and be typed into a page.
func (c *checker) token(variable string, value Secret) {
	if strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.fault(variable, hidden, "holds other characters than letters, digits and signs", "use for example openssl rand -hex 32")
		return
	}
	c.secret(variable, value)
}

// readSecret reads a secret's file, or says what is wrong with it. A file that anybody may read holds no secret.
func readSecret(path string) (Secret, string) {
	file, err := regular.Open(path)
	switch {
	case errors.Is(err, regular.ErrNotRegular):
		return "", "is not a file"
	case err != nil:
		return "", "can't be read (" + err.Error() + ")"
	}
	defer file.Close()
	whom, err := rights.Beyond(file, true)
	switch {
	case err != nil:
		return "", "can't be read (" + err.Error() + ")"
	case whom != "":
		return "", "is open to everybody (it " + whom + ")"
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+int64(len("\r\n"))+1))
	switch {
	case err != nil:
		return "", "can't be read (" + err.Error() + ")"
	case len(text) > maxSecret+len("\r\n"): // what stands behind is not cut off silently
		return "", fmt.Sprintf("has more than %d bytes", maxSecret)
	}
	secret := Secret(strings.TrimRight(string(text), "\r\n"))
	if secret == "" {
		return "", "is empty"
	}
	return secret, ""
}
