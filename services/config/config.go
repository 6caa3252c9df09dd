// Package config is the environment of every hotpair process: one struct for each, its defaults, and its checks.
//
// Everything is set by variables that begin with HOTPAIR_. The structs in variables.go say which process reads which
// variable, what it means and what it is when unset; nothing else in the project holds a default of a setting. They
// are read with envconfig; fields.go names the variables by the same rule, which a test holds, so help, parsing and the
// environments handed to children can't drift apart.
//
// Two things are done here because envconfig does not: it stops at the first fault and accepts an empty required
// value. [Load] reports all faults of an environment in one error, each with variable, value and remedy, so that an
// operator fixes a file once. And a HOTPAIR_ name that no process knows is a fault, since the commonest one is a
// misspelt name whose default then rules silently.
//
//	host, err := config.Load[config.Host](os.Environ())
//	if err != nil {
//		return err // errors.Is(err, config.ErrInvalid); the text is for the operator
//	}
//	child.Env = config.ForUpdater(os.Environ(), host, bus)
//
// A variable that is set but empty counts as unset: environment files of service managers are full of those.
package config

import (
	"crypto/rand"
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Prefix begins the name of every variable, an underscore follows it.
const Prefix = "HOTPAIR"

// ErrInvalid is what every error of Load is: the environment must be fixed, trying again is no use. A process that
// meets it ends with exit code 2.
var ErrInvalid = errors.New("invalid environment")

// Spec is a pointer to one of this package's structs: something Load can fill and check.
type Spec[T any] interface {
	*T
	check(*checker)
}

// Load reads the struct of one process from an environment of NAME=value strings, as os.Environ gives them, applies
// the defaults and checks the result. The error is a [Faults] with everything that is wrong. Besides the environment it
// reads nothing but the files that hold secrets.
func Load[T any, P Spec[T]](environ []string) (T, error) {
	var loaded, none T
	values := ours(environ)
	own := map[string]field{}
	for _, f := range fields(P(&loaded)) {
		own[f.name] = f
	}
	c := &checker{faults: unknown(values, own), failed: map[string]bool{}}
	c.parse(values, own, P(&loaded))
	P(&loaded).check(c)
	if len(c.faults) > 0 {
		c.faults.sort()
		return none, c.faults
	}
	return loaded, nil
}

// lent begins the names under which this process's Loads lend values to envconfig: whoever takes the environment of the process
// meanwhile has them in it.
var lent = Prefix + "_" + rand.Text() + "_"

// ours picks the variables with our prefix that hold something. Of a name given twice the last one counts, as exec does.
func ours(environ []string) map[string]string {
	values := map[string]string{}
	for _, entry := range environ {
		name, value, found := strings.Cut(entry, "=")
		if !found || !strings.HasPrefix(name, Prefix+"_") {
			continue
		}
		if ofKubernetes(name, value) || strings.HasPrefix(name, lent) {
			continue
		}
		delete(values, name)
		if strings.TrimSpace(value) != "" {
			values[name] = value
		}
	}
	return values
}

// serviceVariable are the names of the variables that Kubernetes gives every process for each service of the namespace, as for one that
// is called hotpair-witness.
var serviceVariable = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$`)

// ofKubernetes reports whether a variable is one of those: nobody has set it, and it says nothing to us.
func ofKubernetes(name, value string) bool {
	return serviceVariable.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// parse fills spec by envconfig. envconfig reads the process's own environment only and ends at its first error, so
// the values are lent to it under a prefix that nobody else uses, and it runs again without each value that failed.
func (c *checker) parse(values map[string]string, own map[string]field, spec any) {
	prefix := lent + rand.Text() // of this Load
	for _, f := range own {
		value, set := values[f.name]
		if !set {
			continue
		}
		name := prefix + strings.TrimPrefix(f.name, Prefix)
		if err := os.Setenv(name, value); err != nil {
			c.reject(f, value, errors.New("can't be held by an environment"))
			continue
		}
		defer os.Unsetenv(name)
	}
	for {
		err := envconfig.Process(prefix, spec)
		if err == nil {
			return
		}
		var bad *envconfig.ParseError
		if !errors.As(err, &bad) {
			c.fault("", "", err.Error(), "report this as a fault of hotpair")
			return
		}
		if _, set := os.LookupEnv(bad.KeyName); !set {
			c.fault("", "", "default of "+bad.KeyName+": "+bad.Err.Error(), "report this as a fault of hotpair")
			return
		}
		f := own[Prefix+strings.TrimPrefix(bad.KeyName, prefix)]
		c.reject(f, bad.Value, bad.Err)
		os.Unsetenv(bad.KeyName)
	}
}
