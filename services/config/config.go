// Package config is the environment of every hotpair process: one struct for each, its defaults, and its checks.
//
// Everything is set by variables that begin with HOTPAIR_. The structs in variables.go define which process reads
// which variable, its meaning and its default; no other code of the project holds a default of a setting. They are
// read with envconfig; fields.go names the variables by the same rule, which a test checks, so that help, parsing and
// the environments of children can't diverge.
//
// Two things are done here because envconfig does not: it stops at the first fault and accepts an empty required
// value. [Load] reports all faults of an environment in one error, each with variable, value and remedy, so that an
// operator corrects a file once. And an unknown HOTPAIR_ name is a fault, since the most common one is a misspelt
// name, whose default would then apply silently.
//
//	host, err := config.Load[config.Host](os.Environ())
//	if err != nil {
//		return err // errors.Is(err, config.ErrInvalid); the text is for the operator
//	}
//	child.Env = config.ForUpdater(os.Environ(), host, bus)
//
// A variable that is set but empty counts as unset: environment files of service managers contain many of those.
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

// ErrInvalid is the error of Load: the environment must be corrected, a retry is useless. A process that gets it
// exits with code 2.
var ErrInvalid = errors.New("invalid environment")

// Spec is a pointer to one of this package's structs: what Load can fill and check.
type Spec[T any] interface {
	*T
	check(*checker)
}

// Load reads the struct of one process from an environment of NAME=value strings, as os.Environ returns them, applies
// the defaults and checks the result. The error is a [Faults] with everything that is wrong. Besides the environment
// it reads only the files that hold secrets.
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

// lent begins the names under which Load lends values to envconfig: an environment read meanwhile contains them.
var lent = Prefix + "_" + rand.Text() + "_"

// ours returns the non-empty variables with our prefix. If a name is given twice the last one counts, as for exec.
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

// serviceVariable matches the variables that Kubernetes gives every process for each service of the namespace, such
// as one called hotpair-witness.
var serviceVariable = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$`)

// ofKubernetes reports whether a variable is one of those: no operator has set it, and it has no meaning here.
func ofKubernetes(name, value string) bool {
	return serviceVariable.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// parse fills spec with envconfig. envconfig reads the process's own environment only and stops at its first error,
// so the values are lent to it under a unique prefix, and it runs again without each value that failed.
func (c *checker) parse(values map[string]string, own map[string]field, spec any) {
	prefix := lent + rand.Text() // of this Load
	for _, f := range own {
		value, set := values[f.name]
		if !set {
			continue
		}
		name := prefix + strings.TrimPrefix(f.name, Prefix)
		if err := os.Setenv(name, value); err != nil {
			c.reject(f, value, errors.New("is not valid in an environment variable"))
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
			c.fault("", "", err.Error(), "this is a bug of hotpair: please report it")
			return
		}
		if _, set := os.LookupEnv(bad.KeyName); !set {
			c.fault("", "", "default of "+bad.KeyName+": "+bad.Err.Error(), "this is a bug of hotpair: please report it")
			return
		}
		f := own[Prefix+strings.TrimPrefix(bad.KeyName, prefix)]
		c.reject(f, bad.Value, bad.Err)
		os.Unsetenv(bad.KeyName)
	}
}
