package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// aHost is a host with backups.
func aHost(t *testing.T, set ...string) (Host, error) {
	t.Helper()
	return Load[Host](append([]string{
		"HOTPAIR_HOST=a", "HOTPAIR_DATA=/data", "HOTPAIR_PEER_LINK=127.0.0.1:2", "HOTPAIR_PEER_REPLICATION=127.0.0.1:3", "HOTPAIR_WITNESS=127.0.0.1:4", "HOTPAIR_INSECURE=true",
		"HOTPAIR_PAIR_SECRET=" + testSecret,
	}, set...))
}

// bucketOf are settings of a bucket that is all right.
var bucketOf = []string{"HOTPAIR_BACKUP_EVERY=1h", "HOTPAIR_BACKUP_TO=s3://shop-backups/pair/1", "HOTPAIR_BACKUP_S3_ENDPOINT=https://s3.example.com:9000", "HOTPAIR_BACKUP_S3_ACCESS=AK", "HOTPAIR_BACKUP_S3_SECRET=minioadmin"}

func TestBackups_FaultsSayWhatToWrite(t *testing.T) {
	for name, c := range map[string]struct {
		set  []string
		says string // "": no fault
	}{
		"none":               {nil, ""},
		"a folder":           {[]string{"HOTPAIR_BACKUP_EVERY=1s", "HOTPAIR_BACKUP_TO=/backup"}, ""},
		"only by order":      {[]string{"HOTPAIR_BACKUP_TO=/backup"}, ""},
		"a bucket":           {bucketOf, ""},
		"an age key":         {[]string{"HOTPAIR_BACKUP_TO=/backup", "HOTPAIR_BACKUP_RECIPIENT=age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}, ""},
		"nowhere":            {[]string{"HOTPAIR_BACKUP_EVERY=1h"}, "HOTPAIR_BACKUP_TO is not set"},
		"too often":          {[]string{"HOTPAIR_BACKUP_EVERY=999ms", "HOTPAIR_BACKUP_TO=/backup"}, "is too short"},
		"too rarely":         {[]string{"HOTPAIR_BACKUP_EVERY=721h", "HOTPAIR_BACKUP_TO=/backup"}, "is too long"},
		"negative":           {[]string{"HOTPAIR_BACKUP_EVERY=-1h", "HOTPAIR_BACKUP_TO=/backup"}, "is too short"},
		"no time":            {[]string{"HOTPAIR_BACKUP_EVERY=often", "HOTPAIR_BACKUP_TO=/backup"}, "is not a duration"},
		"a relative folder":  {[]string{"HOTPAIR_BACKUP_TO=backup"}, "is not an absolute path"},
		"a folder by a way":  {[]string{"HOTPAIR_BACKUP_TO=/a/../backup"}, "is not an absolute path"},
		"within the data":    {[]string{"HOTPAIR_BACKUP_TO=/data/backup"}, "is inside HOTPAIR_DATA"},
		"something else":     {[]string{"HOTPAIR_BACKUP_TO=ftp://there"}, "neither a folder nor a bucket"},
		"no bucket":          {[]string{"HOTPAIR_BACKUP_TO=s3:///prefix"}, "names no bucket"},
		"a capital":          {[]string{"HOTPAIR_BACKUP_TO=s3://Shop"}, "names no bucket"},
		"a strange prefix":   {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_TO=s3://shop-backups/a b"), "has an invalid prefix"},
		"no access key":      {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_ACCESS="), "HOTPAIR_BACKUP_S3_ACCESS is not set"},
		"no secret":          {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_SECRET="), "HOTPAIR_BACKUP_S3_SECRET is not set"},
		"a secret in lines":  {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_SECRET=a\nb"), "not one line of"},
		"plain text":         {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_ENDPOINT=http://s3.example.com"), "plain text to another machine"},
		"plain here":         {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_ENDPOINT=http://127.0.0.1:9000"), ""},
		"an endpoint's path": {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_ENDPOINT=https://s3.example.com/minio"), "has more than"},
		"no endpoint":        {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_ENDPOINT=s3.example.com"), "not an http or https URL"},
		"roots of nothing":   {append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_ENDPOINT=http://127.0.0.1:9000", "HOTPAIR_BACKUP_S3_CA=/ca.pem"), "is not https"},
		"no key":             {[]string{"HOTPAIR_BACKUP_TO=/backup", "HOTPAIR_BACKUP_RECIPIENT=AGE-SECRET-KEY-1QQQ"}, "not a public key of age"},
		"keeps nothing":      {[]string{"HOTPAIR_BACKUP_KEEP=last=0"}, "keeps nothing"},
		"keeps by the hour":  {[]string{"HOTPAIR_BACKUP_KEEP=hourly=4"}, "not one of last, daily, weekly and monthly"},
		"keeps twice":        {[]string{"HOTPAIR_BACKUP_KEEP=3,last=4"}, "has last twice"},
		"keeps less":         {[]string{"HOTPAIR_BACKUP_KEEP=-3"}, "whose number is not"},
		"works somewhere":    {[]string{"HOTPAIR_BACKUP_WORK=tmp"}, "is not an absolute path"},
	} {
		_, err := aHost(t, c.set...)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestBackups_TheProcessGetsWhatItNeeds: with the key that proves backups and not the pair secret; the secret of a bucket comes from its
// file, and apart from the environment.
func TestBackups_TheProcessGetsWhatItNeeds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s3.secret")
	if err := os.WriteFile(file, []byte("the secret of the bucket\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	set := append(slices.Clone(bucketOf), "HOTPAIR_BACKUP_S3_SECRET=", "HOTPAIR_BACKUP_S3_SECRET_FILE="+file, "HOTPAIR_BACKUP_KEEP=7")
	if _, err := aHost(t, set...); err == nil || !strings.Contains(err.Error(), "accessible to everybody") {
		t.Errorf("a file that everybody reads: %v", err)
	}
	if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, []byte("thesecretofthebucket\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	host, err := aHost(t, set...)
	if err != nil {
		t.Fatal(err)
	}
	environ := ForBackup(nil, host, Bus{BusURL: "nats://127.0.0.1:1", BusUser: "backup", BusPassword: "p", BusInbox: "i"})
	open, secret := Apart(environ)
	if text := strings.Join(open, " "); strings.Contains(text, "thesecretofthebucket") || strings.Contains(text, BackupKey(testSecret)) || strings.Contains(strings.Join(environ, " "), testSecret) {
		t.Errorf("anybody sees %s", text)
	}
	got, err := Load[Backup](append(open, secret...))
	if err != nil {
		t.Fatal(err)
	}
	if got.BackupS3Secret != "thesecretofthebucket" || got.BackupKey.Reveal() != BackupKey(testSecret) || got.BackupKeep != (Keep{Last: 7}) || got.BackupEvery != time.Hour {
		t.Errorf("it gets %+v", got)
	}
	if bucket, prefix, is := got.Bucket(); bucket != "shop-backups" || prefix != "pair/1" || !is {
		t.Errorf("the bucket is %q %q %v", bucket, prefix, is)
	}
	for want, b := range map[string]Backups{"/data/backup-work": host.Backups, "/backup/.hotpair-work-a": {BackupTo: "/backup"}, "/w/hotpair-work-a": {BackupTo: "/backup", BackupWork: "/w"}} {
		if dir := b.WorkIn("/data", "a"); dir != want {
			t.Errorf("backups are made in %s, want %s", dir, want)
		}
	}
}
