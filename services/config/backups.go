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
	// A backup reads the whole database: more often than each second would be all the time.
	minBackups = time.Second
	maxBackups = 30 * 24 * time.Hour
	// mostKept bounds each number of a Keep: what is kept is listed after each backup.
	mostKept = 10_000
)

// bucketScheme begins a place that is a bucket.
const bucketScheme = "s3://"

// Keep says which backups are kept: the newest of all, and of each of the last days, weeks and months that have one the newest. What none of
// them names is removed. The last one that is good is kept whatever it says.
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

// Decode reads last=24,daily=7,weekly=5,monthly=12, of which any may be missing; a number alone is that of the last.
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
			return fmt.Errorf("has %q, whose number is not 0 to %d", entry, mostKept)
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
			return fmt.Errorf("has %q, which is none of last, daily, weekly and monthly", name)
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

// Bucket gives bucket and prefix of a place that is one.
func (b Backups) Bucket() (bucket, prefix string, is bool) {
	rest, is := strings.CutPrefix(b.BackupTo, bucketScheme)
	if !is {
		return "", "", false
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, strings.Trim(prefix, "/"), true
}

// WorkIn is the folder in which a backup is made.
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
		c.fault("BACKUP_TO", "", "is not set, and HOTPAIR_BACKUP_EVERY is", "write the whole path of a folder on another disk, or s3://bucket/prefix; or take HOTPAIR_BACKUP_EVERY out")
	}
	b.checkPlace(c, data)
	if b.BackupWork != "" && !filepath.IsAbs(b.BackupWork) {
		c.fault("BACKUP_WORK", b.BackupWork, "is no absolute path", "write the whole path of a folder with room for the database twice, for example /var/tmp/hotpair")
	}
	if b.BackupRecipient != "" {
		if _, err := age.ParseRecipients(strings.NewReader(b.BackupRecipient)); err != nil || strings.ContainsAny(b.BackupRecipient, "\r\n") {
			c.fault("BACKUP_RECIPIENT", b.BackupRecipient, "is no public key of age", "write what age-keygen prints as the public key: age1 and 58 letters and digits; the key that decrypts stays elsewhere")
		}
	}
	c.given("BACKUP_S3_SECRET", "secret access key", &b.BackupS3Secret, b.BackupS3SecretFile, c.credential)
}

// checkPlace checks where backups go. Whether the place can be written to shows when it is: a host serves without.
func (b *Backups) checkPlace(c *checker, data string) {
	const write = "write the whole path of a folder on another disk, for example /backup, or s3://bucket/prefix"
	bucket, prefix, is := b.Bucket()
	if !is {
		switch {
		case b.BackupTo == "":
		case strings.Contains(b.BackupTo, "://"):
			c.fault("BACKUP_TO", b.BackupTo, "is neither a folder nor a bucket", write)
		case !filepath.IsAbs(b.BackupTo) || filepath.Clean(b.BackupTo) != b.BackupTo:
			c.fault("BACKUP_TO", b.BackupTo, "is no whole path", write)
		case data != "" && within(data, b.BackupTo):
			c.fault("BACKUP_TO", b.BackupTo, "lies in HOTPAIR_DATA, and would be lost with it", write)
		}
		return
	}
	if !matches(bucket, 63, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' }) || len(bucket) < 3 {
		c.fault("BACKUP_TO", b.BackupTo, "names no bucket", "write s3://bucket/prefix; a bucket has 3 to 63 lower-case letters, digits, hyphens and dots")
		return
	}
	if !matches(prefix, 500, func(r rune) bool { return r > ' ' && r <= '~' && !strings.ContainsRune(`\?*#%"<>|`, r) }) && prefix != "" {
		c.fault("BACKUP_TO", b.BackupTo, "has a prefix that is no name", "write s3://bucket/prefix with letters, digits, hyphens and slashes")
	}
	if b.BackupS3Secret == "" && b.BackupS3SecretFile == "" {
		c.fault("BACKUP_S3_SECRET", "", "is not set, and HOTPAIR_BACKUP_TO is a bucket", "set HOTPAIR_BACKUP_S3_SECRET_FILE to a file of mode 0600 with the secret access key")
	}
	if b.BackupS3Access == "" {
		c.fault("BACKUP_S3_ACCESS", "", "is not set, and HOTPAIR_BACKUP_TO is a bucket", "set it to the id of the access key")
	}
	if problem := endpointProblem(b.BackupS3Endpoint); problem != "" {
		c.fault("BACKUP_S3_ENDPOINT", b.BackupS3Endpoint, problem, "write it like https://s3.example.com:9000, without a path")
	}
	if b.BackupS3Ca != "" && !strings.HasPrefix(b.BackupS3Endpoint, "https://") {
		c.fault("BACKUP_S3_CA", b.BackupS3Ca, "is set, and HOTPAIR_BACKUP_S3_ENDPOINT is not https", "take it out, or write https://")
	}
}

// endpointProblem says what keeps an endpoint from being one, or "". Over plain text whoever is on the way reads the database, so only this
// machine may be asked so.
func endpointProblem(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "is no URL of http or https"
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
		return "is plain text to another machine: whoever is on the way reads the whole database"
	}
	return ""
}

// credential checks a secret that somebody else made.
func (c *checker) credential(variable string, value Secret) {
	if len(value) > maxSecret || strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.fault(variable, hidden, "is no secret in one line of letters, digits and signs", "write the secret access key as its maker gave it")
	}
}

func (b *Backup) check(c *checker) {
	c.needed(b)
	b.Name.check(c)
	b.Backups.check(c, b.Data)
}

// ForBackup is the exact environment of the process that makes a host's backups. It has the key that proves them, and not the pair secret.
func ForBackup(environ []string, h Host, bus Bus) []string {
	return append(Passed(environ), Environ(&Backup{
		Bus: bus, Name: h.Name, Storage: h.Storage, Backups: h.Backups, BackupKey: Secret(BackupKey(h.PairSecret)), Pace: h.Pace, Log: h.Log,
	})...)
}
