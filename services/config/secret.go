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

// Bounds of a secret's length: too long to guess, short enough for a header and a handshake.
const (
	minSecret = 16
	maxSecret = 4096
)

// given checks a secret that is set in its variable or in the file that variable_FILE names; it fills the secret from
// the file. Faults name the variable that was set. what is the name of the secret in the remedy.
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
		c.fault(inFile, file, problem, "use a file with the "+what+", owned by the user hotpair runs as, mode 0600")
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
		c.fault(variable, hidden, "is the placeholder of an example, which everybody knows", "make your own secret: openssl rand -hex 32")
	case guessed(value.Reveal()):
		c.fault(variable, hidden, "is easily guessed: too few different characters", "make one: openssl rand -hex 32")
	case len(value) > maxSecret || strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r < ' ' }):
		c.fault(variable, hidden, "is not one line of text", "use for example openssl rand -hex 32")
	}
}

// placeholder reports whether a secret is the placeholder of an example.
func placeholder(secret string) bool {
	words := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(secret))
	return slices.ContainsFunc([]string{"replacethis", "replaceme", "changethis", "changeme", "secretofyourown", "yoursecret", "examplesecret", "placeholder", "tokenofyourown"},
		func(known string) bool { return strings.Contains(words, known) })
}

// A secret with fewer than leastDistinct different characters, or that repeats a piece of up to mostRepeated, is
// guessed however long it is.
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

// token checks a token, which must fit into an HTTP header and be typed into a page.
func (c *checker) token(variable string, value Secret) {
	if strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.fault(variable, hidden, "contains characters other than letters, digits and signs", "use for example openssl rand -hex 32")
		return
	}
	c.secret(variable, value)
}

// readSecret reads a secret's file, or says what is wrong with it. A file that everybody can read holds no secret.
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
		return "", "is accessible to everybody (it " + whom + ")"
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+int64(len("\r\n"))+1))
	switch {
	case err != nil:
		return "", "can't be read (" + err.Error() + ")"
	case len(text) > maxSecret+len("\r\n"): // a longer file is not truncated silently
		return "", fmt.Sprintf("has more than %d bytes", maxSecret)
	}
	secret := Secret(strings.TrimRight(string(text), "\r\n"))
	if secret == "" {
		return "", "is empty"
	}
	return secret, ""
}
