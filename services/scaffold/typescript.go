package scaffold

import (
	"bytes"
	"fmt"

	"github.com/hotpair/hotpair/services/business/typescript"
)

// typescriptFiles are the template with the name of the service, and the sources of the runtime beside it, which are compiled with it.
func typescriptFiles(o Options) (files, notes, error) {
	f := files{}
	if err := f.copied(typescript.Files, "template", "."); err != nil {
		return nil, nil, fmt.Errorf("template: %w", err)
	}
	if err := f.copied(typescript.Files, "src", "hotpair/src"); err != nil {
		return nil, nil, fmt.Errorf("runtime: %w", err)
	}
	for _, name := range []string{"package.json", "tsconfig.json"} {
		if err := f.copied(typescript.Files, name, "hotpair"); err != nil {
			return nil, nil, fmt.Errorf("runtime: %w", err)
		}
	}
	if err := f.replaced([]replacement{
		{"src/service.ts", `"counter"`, `"` + o.Name + `"`},
		{"run", "counter=", o.Name + "="},
		{"package.json", `"name": "counter"`, `"name": "` + o.Name + `"`},
		{"package.json", `"hotpair": "^0.1.0"`, `"hotpair": "file:./hotpair"`},
		{"package.json", `"build": "tsc"`, `"build": "tsc -p hotpair && tsc"`},
		{"package.json", `"test": "tsc &&`, `"test": "npm run build &&`},
	}); err != nil {
		return nil, nil, err
	}
	// What it is made with is fetched once, by who builds it first.
	f.describe(`{
  "service": "` + o.Name + `",
  "build": ["sh", "-c", "{ test -d node_modules || npm install --no-audit --no-fund; } && npm run --silent build"],
  "run": "run",
  "watch": ["*.ts", "package.json", "tsconfig.json", "run"]
}
`)
	f[".gitignore"] = file{[]byte("node_modules/\ndist/\n"), plain}
	return f, notes{
		"npm fetches the compiler and the NATS client on the first build",
		"the runtime is in the folder hotpair: replace the folder to update it",
	}, nil
}

// replacement is a text in the file of a template, and its replacement in the service.
type replacement struct{ file, old, new string }

// replaced puts the service's own texts into the template.
func (f files) replaced(all []replacement) error {
	for _, r := range all {
		it := f[r.file]
		if !bytes.Contains(it.text, []byte(r.old)) {
			return fmt.Errorf("template: %s does not have %s", r.file, r.old)
		}
		it.text = bytes.ReplaceAll(it.text, []byte(r.old), []byte(r.new))
		f[r.file] = it
	}
	return nil
}
