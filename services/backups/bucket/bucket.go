// Package bucket keeps backups in a bucket of an S3 service.
//
// A backup exists once the service has all of it; Tidy makes the service discard interrupted uploads. Redirects are
// not followed: a request is signed for one place. The trusted certificates are reloaded when they change.
package bucket

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/hotpair/hotpair/services/regular"
)

const (
	// leastPart is the size of a part of an upload, which is in memory while it is sent; mostParts is how many parts
	// a service accepts, with some reserve.
	leastPart = 16 << 20
	mostParts = 9000
	// mostPart is the largest part that a service accepts.
	mostPart = 5 << 30
	// dialWithin bounds connection and handshake, answerWithin the service's answer once it has the whole request.
	dialWithin   = 15 * time.Second
	answerWithin = time.Minute
	// tries is how often one request is sent; the caller repeats a whole backup.
	tries = 3
	// mostRoots bounds a file of certificates, in bytes.
	mostRoots = 4 << 20
)

// ErrRoots says that a file of certificates has none.
var ErrRoots = errors.New("holds no certificate")

// Config names a bucket.
type Config struct {
	Endpoint       string // http or https, host and port
	Region         string
	Access, Secret string
	Roots          string // file with the root certificates to trust; empty: the system's
	PathStyle      bool
	Bucket, Prefix string
}

// Bucket is a place of backups.
type Bucket struct {
	config   Config
	endpoint *url.URL

	mu     sync.Mutex
	client *minio.Client
	roots  []byte // that the client trusts
}

// New returns the place. It does not contact the service.
func New(c Config) (*Bucket, error) {
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("HOTPAIR_BACKUP_S3_ENDPOINT: %w", err)
	}
	return &Bucket{config: c, endpoint: endpoint}, nil
}

// String names it for people.
func (b *Bucket) String() string {
	return "s3://" + path.Join(b.config.Bucket, b.config.Prefix)
}

// key is the name of an object.
func (b *Bucket) key(name string) string { return path.Join(b.config.Prefix, name) }

// connect returns the client, renewed when the trusted certificates have changed.
func (b *Bucket) connect() (*minio.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	var roots []byte
	if b.config.Roots != "" {
		var err error
		if roots, err = regular.Read(b.config.Roots, mostRoots); err != nil {
			return nil, fmt.Errorf("HOTPAIR_BACKUP_S3_CA: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("HOTPAIR_BACKUP_S3_CA: %s %w", b.config.Roots, ErrRoots)
		}
	}
	if b.client != nil && bytes.Equal(roots, b.roots) {
		return b.client, nil
	}
	lookup := minio.BucketLookupDNS
	if b.config.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(b.endpoint.Host, &minio.Options{
		Creds: credentials.NewStaticV4(b.config.Access, b.config.Secret, ""), Secure: b.endpoint.Scheme == "https", Region: b.config.Region, BucketLookup: lookup, MaxRetries: tries,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext, TLSHandshakeTimeout: dialWithin, ResponseHeaderTimeout: answerWithin,
			TLSClientConfig: secure, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2, DisableCompression: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("HOTPAIR_BACKUP_S3_ENDPOINT: %w", err)
	}
	b.client, b.roots = client, roots
	return client, nil
}

// Put stores the content of r under a name, completely or not at all.
func (b *Bucket) Put(ctx context.Context, name string, about int64, r io.Reader) error {
	client, err := b.connect()
	if err != nil {
		return err
	}
	part := uint64(leastPart)
	for int64(part)*mostParts < about && part < mostPart {
		part += leastPart
	}
	_, err = client.PutObject(ctx, b.config.Bucket, b.key(name), r, -1, minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: min(part, mostPart), NumThreads: 1})
	return b.told(ctx, err)
}

// Open reads a backup.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	client, err := b.connect()
	if err != nil {
		return nil, err
	}
	object, err := client.GetObject(ctx, b.config.Bucket, b.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, b.told(ctx, err)
	}
	return &reading{object, b, ctx}, nil
}

// reading translates the errors of reading an object.
type reading struct {
	*minio.Object
	bucket *Bucket
	ctx    context.Context
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Object.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.bucket.told(r.ctx, err)
	}
	return n, err
}

// List calls tell with the names that begin with a prefix, and their sizes.
func (b *Bucket) List(ctx context.Context, begin string, found func(name string, bytes int64)) error {
	client, err := b.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // otherwise the lister would wait without end for its reader
	for o := range client.ListObjects(ctx, b.config.Bucket, minio.ListObjectsOptions{Prefix: b.key(begin), Recursive: true}) {
		if o.Err != nil {
			return b.told(ctx, o.Err)
		}
		if path.Dir(o.Key) == path.Dir(b.key("x")) {
			found(path.Base(o.Key), o.Size)
		}
	}
	return b.told(ctx, context.Cause(ctx))
}

// Remove removes a backup.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	client, err := b.connect()
	if err != nil {
		return err
	}
	return b.told(ctx, client.RemoveObject(ctx, b.config.Bucket, b.key(name), minio.RemoveObjectOptions{}))
}

// Tidy discards interrupted uploads with names of this pair.
func (b *Bucket) Tidy(ctx context.Context, ours func(name string) bool) error {
	client, err := b.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var keys []string
	for u := range client.ListIncompleteUploads(ctx, b.config.Bucket, b.key("hotpair-"), true) {
		if u.Err != nil {
			return b.told(ctx, u.Err)
		}
		if path.Dir(u.Key) == path.Dir(b.key("x")) && ours(path.Base(u.Key)) {
			keys = append(keys, u.Key)
		}
	}
	for _, key := range keys {
		if err := b.told(ctx, client.RemoveIncompleteUpload(ctx, b.config.Bucket, key)); err != nil {
			return err
		}
	}
	return b.told(ctx, context.Cause(ctx))
}

// remedies say what to do about an answer of the service, by its codes.
var remedies = map[string]string{
	"AccessDenied":                 "the access key lacks permissions: it must be allowed to list, put, get and delete objects, and to list and abort uploads",
	"InvalidAccessKeyId":           "the service does not know the access key: check HOTPAIR_BACKUP_S3_ACCESS",
	"XAdminUserNotFound":           "the service does not know the access key: check HOTPAIR_BACKUP_S3_ACCESS",
	"SignatureDoesNotMatch":        "the secret access key is wrong, or a proxy changes requests: check HOTPAIR_BACKUP_S3_SECRET_FILE",
	"NoSuchBucket":                 "the bucket does not exist: create it, or correct HOTPAIR_BACKUP_TO",
	"RequestTimeTooSkewed":         "the clocks of the service and of this host differ: correct the wrong one",
	"PermanentRedirect":            "the bucket is elsewhere: check HOTPAIR_BACKUP_S3_ENDPOINT and HOTPAIR_BACKUP_S3_REGION",
	"TemporaryRedirect":            "the bucket is elsewhere: check HOTPAIR_BACKUP_S3_ENDPOINT and HOTPAIR_BACKUP_S3_REGION",
	"AuthorizationHeaderMalformed": "wrong region: check HOTPAIR_BACKUP_S3_REGION",
}

// told returns a service's answer as one sentence, without secrets.
func (b *Bucket) told(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	answer := minio.ToErrorResponse(err)
	if answer.StatusCode == 0 && answer.Code == "" || answer.Code == "InternalError" && answer.StatusCode == 0 {
		return fmt.Errorf("unexpected answer of %s: %w", b.endpoint.Host, err)
	}
	remedy := remedies[answer.Code]
	if remedy == "" && answer.StatusCode >= 300 && answer.StatusCode < 400 {
		remedy = remedies["PermanentRedirect"]
	}
	text := fmt.Sprintf("%s answered %d %s", b.endpoint.Host, answer.StatusCode, strings.TrimSpace(answer.Code+" "+answer.Message))
	if remedy != "" {
		text += ": " + remedy
	}
	return fmt.Errorf("%w: %s", ErrService, printable(text))
}

// ErrService says that the service refused, or failed.
var ErrService = errors.New("the service refused the request")

// printable makes a service's text one line of bounded length: it may contain anything.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), 600)], "")
}
