// Package python has the runtime and the template for services in Python, for creating the folder of a service.
package python

import "embed"

// Files are the runtime, in hotpair, and the template of a service that counts, in template.
//
//go:embed hotpair/*.py hotpair/py.typed template/*.py template/run
var Files embed.FS
