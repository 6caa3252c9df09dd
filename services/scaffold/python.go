package scaffold

import (
	"fmt"

	"github.com/hotpair/hotpair/services/business/python"
)

// pythonFiles are the template with the name of the service, and the runtime beside it.
func pythonFiles(o Options) (files, notes, error) {
	f := files{}
	if err := f.copied(python.Files, "template", "."); err != nil {
		return nil, nil, fmt.Errorf("template: %w", err)
	}
	if err := f.copied(python.Files, "hotpair", "hotpair"); err != nil {
		return nil, nil, fmt.Errorf("runtime: %w", err)
	}
	if err := f.replaced([]replacement{
		{"service.py", `"counter"`, `"` + o.Name + `"`},
		{"run", "counter=", o.Name + "="},
	}); err != nil {
		return nil, nil, err
	}
	// What can't be imported is not started.
	f.describe(`{
  "service": "` + o.Name + `",
  "build": ["./run", "-B", "-c", "import service"],
  "run": "run",
  "watch": ["*.py", "run"]
}
`)
	f[".gitignore"] = file{[]byte("__pycache__/\n.venv/\n"), plain}
	return f, notes{"the runtime is in the folder hotpair: replace the folder to update it"}, nil
}
