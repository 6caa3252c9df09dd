// Package typescript has the runtime and the template for services in TypeScript, for creating the folder of a
// service.
package typescript

import "embed"

// Files are the sources of the runtime, in src, with what npm and the compiler read of it beside them, and the template of a service that
// counts, in template.
//
//go:embed package.json tsconfig.json src/*.ts template/*.json template/run template/src/*.ts
var Files embed.FS
