package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
)

const (
	// A backup reads the whole database: more than one per second would be all the time.
	minBackups = time.Second
	maxBackups = 30 * 24 * time.Hour
	// mostKept bounds each number of a Keep: the kept backups are listed after each backup.
	mostKept = 10_000
)

// bucketScheme begins the address of a bucket.
const bucketScheme = "s3://"

// Keep says which backups are kept: the last ones, and the newest of each of the last days, weeks and months that
// have one. All others are removed, but never the last good one.
type Keep struct{ Last, Daily, Weekly, Monthly int }

func (k *Keep) parts() []struct {
	name string
	n    *int
} {
	return []struct {
		name string
		n    *int
	}{{"last", &k.Last}, {"daily", &k.Daily}, {"weekly", &k.Weekly}, {"monthly", &k.Monthly}}
}

// Decode reads last=24,daily=7,weekly=5,monthly=12, each optional; a number alone means last.
func (k *Keep) Decode(value string) error {
	var read Keep
	seen := map[string]bool{}
	for _, entry := range entries(value) {
		name, number, named := strings.Cut(entry, "=")
		if !named {
			name, number = "last", entry
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > mostKept {
			return fmt.Errorf("has %q, whose number is not between 0 and %d", entry, mostKept)
		}
		if seen[name] {
			return fmt.Errorf("has %s twice", name)
		}
		seen[name] = true
		known := false
		for _, p := range read.parts() {
			if p.name == name {
				*p.n, known = n, true
			}
		}
		if !known {
			return fmt.Errorf("has %q, which is not one of last, daily, weekly and monthly", name)
		}
	}
	if read == (Keep{}) {
		return errors.New("keeps nothing")
	}
	*k = read
	return nil
}

// String writes what Decode reads.
func (k Keep) String() string {
	var list []string
	for _, p := range k.parts() {
		if *p.n > 0 {
			list = append(list, p.name+"="+strconv.Itoa(*p.n))
		}
	}
	return strings.Join(list, ",")
}

// Wanted reports whether there is a place for backups.
func (b Backups) Wanted() bool { return b.BackupTo != "" }

// Bucket returns bucket and prefix of a place that is a bucket.
func (b Backups) Bucket() (bucket, prefix string, is bool) {
	rest, is := strings.CutPrefix(b.BackupTo, bucketScheme)
	if !is {
		return "", "", false
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, strings.Trim(prefix, "/"), true
}

// WorkIn returns the folder in which a backup is made.
func (b Backups) WorkIn(data, host string) string {
	switch _, _, bucket := b.Bucket(); {
	case b.BackupWork != "":
		return filepath.Join(b.BackupWork, "hotpair-work-"+host)
	case bucket:
		return filepath.Join(data, "backup-work")
	}
	return filepath.Join(b.BackupTo, ".hotpair-work-"+host)
}

func (b *Backups) check(c *checker, data string) {
	if b.BackupEvery != 0 {
		c.duration("BACKUP_EVERY", b.BackupEvery, minBackups, maxBackups)
	}
	if b.BackupEvery > 0 && b.BackupTo == "" {
		c.fault("BACKUP_TO", "", "is not set, but HOTPAIR_BACKUP_EVERY is", "write the absolute path of a folder on another disk, or s3://bucket/prefix; or unset HOTPAIR_BACKUP_EVERY")
	}
	b.checkPlace(c, data)
	if b.BackupWork != "" && !filepath.IsAbs(b.BackupWork) {
		c.fault("BACKUP_WORK", b.BackupWork, "is not an absolute path", "write the absolute path of a folder with room for two copies of the database, for example /var/tmp/hotpair")
	}
	if b.BackupRecipient != "" {
		if _, err := age.ParseRecipients(strings.NewReader(b.BackupRecipient)); err != nil || strings.ContainsAny(b.BackupRecipient, "\r\n") {
			c.fault("BACKUP_RECIPIENT", b.BackupRecipient, "is not a public key of age", "write the public key that age-keygen prints: age1 and 58 letters and digits; keep the private key elsewhere")
		}
	}
	c.given("BACKUP_S3_SECRET", "secret access key", &b.BackupS3Secret, b.BackupS3SecretFile, c.credential)
}

// checkPlace checks the place of backups. Whether it is writable shows later: a host serves without it.
func (b *Backups) checkPlace(c *checker, data string) {
	const write = "write the absolute path of a folder on another disk, for example /backup, or s3://bucket/prefix"
	bucket, prefix, is := b.Bucket()
	if !is {
		switch {
		case b.BackupTo == "":
		case strings.Contains(b.BackupTo, "://"):
			c.fault("BACKUP_TO", b.BackupTo, "is neither a folder nor a bucket", write)
		case !filepath.IsAbs(b.BackupTo) || filepath.Clean(b.BackupTo) != b.BackupTo:
			c.fault("BACKUP_TO", b.BackupTo, "is not an absolute path", write)
		case data != "" && within(data, b.BackupTo):
			c.fault("BACKUP_TO", b.BackupTo, "is inside HOTPAIR_DATA and would be lost with it", write)
		}
		return
	}
	if !matches(bucket, 63, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' }) || len(bucket) < 3 {
		c.fault("BACKUP_TO", b.BackupTo, "names no bucket", "write s3://bucket/prefix; a bucket has 3 to 63 lower-case letters, digits, hyphens and dots")
		return
	}
	if !matches(prefix, 500, func(r rune) bool { return r > ' ' && r <= '~' && !strings.ContainsRune(`\?*#%"<>|`, r) }) && prefix != "" {
		c.fault("BACKUP_TO", b.BackupTo, "has an invalid prefix", "write s3://bucket/prefix with letters, digits, hyphens and slashes")
	}
	if b.BackupS3Secret == "" && b.BackupS3SecretFile == "" {
		c.fault("BACKUP_S3_SECRET", "", "is not set, but HOTPAIR_BACKUP_TO is a bucket", "set HOTPAIR_BACKUP_S3_SECRET_FILE to a file of mode 0600 with the secret access key")
	}
	if b.BackupS3Access == "" {
		c.fault("BACKUP_S3_ACCESS", "", "is not set, but HOTPAIR_BACKUP_TO is a bucket", "set it to the access key id")
	}
	if problem := endpointProblem(b.BackupS3Endpoint); problem != "" {
		c.fault("BACKUP_S3_ENDPOINT", b.BackupS3Endpoint, problem, "write it like https://s3.example.com:9000, without a path")
	}
	if b.BackupS3Ca != "" && !strings.HasPrefix(b.BackupS3Endpoint, "https://") {
		c.fault("BACKUP_S3_CA", b.BackupS3Ca, "is set, but HOTPAIR_BACKUP_S3_ENDPOINT is not https", "unset it, or write https://")
	}
}

// endpointProblem says what is wrong with an endpoint, or "". Plain text exposes the database to the network, so it
// is accepted for this machine only.
func endpointProblem(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "is not an http or https URL"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "has more than a scheme, a host and a port"
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if problem := dialProblem(net.JoinHostPort(u.Hostname(), port)); problem != "" {
		return problem
	}
	if u.Scheme == "http" && !Loopback(net.JoinHostPort(u.Hostname(), port)) {
		return "is plain text to another machine: anyone on the network path can read the whole database"
	}
	return ""
}

// credential checks a secret that was issued elsewhere.
func (c *checker) credential(variable string, value Secret) {
	if len(value) > maxSecret || strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.fault(variable, hidden, "is not one line of letters, digits and signs", "write the secret access key exactly as the service issued it")
	}
}

func (b *Backup) check(c *checker) {
	c.needed(b)
	b.Name.check(c)
	b.Backups.check(c, b.Data)
}

// ForBackup is the exact environment of the process that makes a host's backups. It contains the key that signs them,
// but not the pair secret.
func ForBackup(environ []string, h Host, bus Bus) []string {
	return append(Passed(environ), Environ(&Backup{
		Bus: bus, Name: h.Name, Storage: h.Storage, Backups: h.Backups, BackupKey: Secret(BackupKey(h.PairSecret)), Pace: h.Pace, Log: h.Log,
	})...)
}
