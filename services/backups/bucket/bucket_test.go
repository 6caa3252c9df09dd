package bucket_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/backups/bucket"
	"github.com/hotpair/hotpair/simulator/s3"
)

func of(s *s3.Server) bucket.Config {
	return bucket.Config{Endpoint: "http://" + s.Address, Region: s3.Region, Access: s3.Access, Secret: s3.Secret, PathStyle: true, Bucket: s.Bucket, Prefix: "shop/pair"}
}

func open(t *testing.T, c bucket.Config) *bucket.Bucket {
	t.Helper()
	b, err := bucket.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func list(t *testing.T, b *bucket.Bucket, begin string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	if err := b.List(t.Context(), begin, func(name string, n int64) { found[name] = n }); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestBucket_OfARealServer: what is put comes back, of any size; a name is listed once it is whole; what is removed is gone.
func TestBucket_OfARealServer(t *testing.T) {
	s := s3.Start(t)
	b := open(t, of(s))
	ctx := t.Context()
	for name, size := range map[string]int{"hotpair-P-1": 0, "hotpair-P-2": 1, "hotpair-P-3": 16 << 20, "hotpair-P-4": 40<<20 + 7} {
		content := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
		if err := b.Put(ctx, name, int64(size), bytes.NewReader(content)); err != nil {
			t.Fatalf("put %d bytes: %v", size, err)
		}
		in, err := b.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(in)
		if err = errors.Join(err, in.Close()); err != nil || !bytes.Equal(back, content) {
			t.Errorf("%d bytes come back as %d: %v", size, len(back), err)
		}
	}
	if err := b.Put(ctx, "other", 1, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if found := list(t, b, "hotpair-P-"); len(found) != 4 || found["hotpair-P-4"] != 40<<20+7 {
		t.Errorf("it lists %v", found)
	}
	if err := errors.Join(b.Remove(ctx, "hotpair-P-4"), b.Remove(ctx, "hotpair-P-4")); err != nil {
		t.Error(err)
	}
	if found := list(t, b, "hotpair-P-"); len(found) != 3 {
		t.Errorf("it lists %v", found)
	}
}

// cutReader gives so much, then does something, then goes on.
type cutReader struct {
	in   io.Reader
	left int64
	then func()
}

func (c *cutReader) Read(p []byte) (int, error) {
	if c.left <= 0 && c.then != nil {
		c.then()
		c.then = nil
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	return n, err
}

// TestBucket_ServerKilledInTheMiddle: an upload that was cut off is no backup, also once the server is back; what it left there is cleared
// away, and what somebody else uploads is not.
func TestBucket_ServerKilledInTheMiddle(t *testing.T) {
	s := s3.Start(t)
	b := open(t, of(s))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const size = 48 << 20
	err := b.Put(ctx, "hotpair-P-1", size, &cutReader{io.LimitReader(zeros{}, size), 20 << 20, s.Kill})
	if err == nil {
		t.Fatal("put into a server that was killed")
	}
	t.Logf("it says: %v", err)
	s.Run()
	if found := list(t, b, "hotpair-"); len(found) != 0 {
		t.Errorf("there are %v", found)
	}
	uploads := func() (keys []string) {
		for u := range s.Client().ListIncompleteUploads(t.Context(), s.Bucket, "shop/pair/hotpair-", true) {
			if u.Err != nil {
				t.Fatal(u.Err)
			}
			keys = append(keys, u.Key)
		}
		return keys
	}
	if left := uploads(); len(left) != 1 {
		t.Fatalf("the server keeps the uploads %q: what is to be cleared away is not there", left)
	}
	if err := b.Tidy(t.Context(), func(string) bool { return false }); err != nil || len(uploads()) != 1 {
		t.Errorf("what is not ours: %v, %q", err, uploads())
	}
	if err := b.Tidy(t.Context(), func(name string) bool { return name == "hotpair-P-1" }); err != nil || len(uploads()) != 0 {
		t.Errorf("after it was cleared: %v, %q", err, uploads())
	}
	if err := b.Put(t.Context(), "hotpair-P-1", size, io.LimitReader(zeros{}, size)); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBucket_SaysWhatIsWrong: a wrong key, secret, bucket or address, and a server that was killed, each have a sentence that says what to
// fix; no secret is in it.
func TestBucket_SaysWhatIsWrong(t *testing.T) {
	s := s3.Start(t)
	for name, c := range map[string]struct {
		change func(*bucket.Config)
		says   string
	}{
		"key":    {func(c *bucket.Config) { c.Access = "nobody" }, "HOTPAIR_BACKUP_S3_ACCESS"},
		"secret": {func(c *bucket.Config) { c.Secret = "a wrong secret!!" }, "HOTPAIR_BACKUP_S3_SECRET_FILE"},
		"bucket": {func(c *bucket.Config) { c.Bucket = "nothing" }, "bucket does not exist"},
		"tls":    {func(c *bucket.Config) { c.Endpoint = "https://" + s.Address }, "unexpected answer"},
		"roots":  {func(c *bucket.Config) { c.Roots = "/etc/hostname" }, "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			config := of(s)
			c.change(&config)
			err := open(t, config).Put(t.Context(), "hotpair-P-1", 3, strings.NewReader("abc"))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), config.Secret) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
		})
	}
}

// TestBucket_ServersThatMisbehave: one that refuses, fails, redirects, cuts off or says too much is told of in one line, and nobody follows it
// elsewhere.
func TestBucket_ServersThatMisbehave(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		says   string
	}{
		"403": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>no&#10;entry</Message></Error>`)
		}, "answered 403 AccessDenied no entry: the access key lacks permissions"},
		"500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "answered 500"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "HOTPAIR_BACKUP_S3_ENDPOINT"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, "unexpected answer"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				c.answer(w, r)
			}))
			defer server.Close()
			b := open(t, bucket.Config{Endpoint: server.URL, Region: "r", Access: "a", Secret: "a secret", PathStyle: true, Bucket: "bucket"})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := b.Put(ctx, "hotpair-P-1", 3, strings.NewReader("abc"))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("it says %v, want %q", err, c.says)
			}
		})
	}
	if elsewhere > 0 {
		t.Errorf("it was followed elsewhere %d times", elsewhere)
	}
}

// TestBucket_Certificates: TLS is believed by the file of certificates alone, which is read again when it changes.
func TestBucket_Certificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
	}))
	defer server.Close()
	roots := filepath.Join(t.TempDir(), "ca.pem")
	b := open(t, bucket.Config{Endpoint: server.URL, Region: "r", Access: "a", Secret: "a secret", PathStyle: true, Bucket: "bucket", Roots: roots})
	look := func() error { return b.List(t.Context(), "hotpair-", func(string, int64) {}) }
	if err := look(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	write := func(pem []byte) {
		t.Helper()
		if err := os.WriteFile(roots, pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(certificateOf(t, httptest.NewTLSServer(nil)))
	if err := look(); err != nil { // the test servers share one certificate
		t.Errorf("with the certificate: %v", err)
	}
	write([]byte("nothing"))
	if err := look(); !errors.Is(err, bucket.ErrRoots) {
		t.Errorf("with a file that holds none: %v", err)
	}
}

func certificateOf(t *testing.T, s *httptest.Server) []byte {
	t.Helper()
	defer s.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
