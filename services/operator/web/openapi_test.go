package web

import (
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

type object = map[string]any

// everyRoute is what there is at each path of a host that answers every operation.
func everyRoute() map[string]operator.Info {
	all := map[string]operator.Info{}
	for _, rt := range ownRoutes() {
		all[rt.Path] = rt.Info
	}
	for _, o := range operator.Operations() {
		all[o.Path] = o
	}
	return all
}

// TestOpenAPI_OperationsAreApart: each has a name and a path of its own, and says what it is.
func TestOpenAPI_OperationsAreApart(t *testing.T) {
	names := map[string]bool{}
	for _, o := range operator.Operations() {
		if o.Name == "" || o.Says == "" || !o.Role.May(operator.Anyone) || o.Where == "" || o.Within == 0 && o.Answer != reflect.TypeFor[operator.File]() {
			t.Errorf("%+v does not say all", o)
		}
		names[o.Name] = true
	}
	if n := len(operator.Operations()); len(names) != n || len(everyRoute()) != n+len(ownRoutes()) {
		t.Errorf("%d operations have %d names, and %d paths with the %d others", n, len(names), len(everyRoute()), len(ownRoutes()))
	}
}

// TestOpenAPI_IsWhatRoutesAndTypesSay holds the document to the route table and to every JSON field that there is.
func TestOpenAPI_IsWhatRoutesAndTypesSay(t *testing.T) {
	d := &describer{T: t, schemas: object{}, types: map[string]reflect.Type{}, comments: comments(t)}
	paths := object{}
	for path, info := range everyRoute() {
		paths[path] = object{strings.ToLower(info.Method): d.operation(info)}
	}
	document := object{
		"openapi": "3.1.0",
		"info": object{"title": "hotpair", "version": "1",
			"description": "Status and control of one host of a pair. Each call needs a role (x-hotpair-role), each of which may do what the ones before may: anyone is whoever asks from the host's own machine, view, operate and admin are those of operators, who show a token. Either host may be asked: a standby forwards what only the active can do."},
		"paths": paths,
		"components": object{
			"schemas":         d.schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "Of an operator, as hotpair operators add gives it."}},
		},
	}
	got, err := json.MarshalIndent(document, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *operatortest.Rewrite {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("openapi.json is not what routes and types say; go test ./services/operator/web -run OpenAPI -rewrite writes it anew:\n%s", diff)
	}
	for name, schema := range d.schemas {
		for field, of := range schema.(object)["properties"].(object) {
			if of == nil {
				t.Errorf("%s.%s has no schema", name, field)
			}
		}
	}
}

// TestOpenAPI_IsServed reads the document as a client does, and follows every reference in it.
func TestOpenAPI_IsServed(t *testing.T) {
	w := request(t, &operatortest.Host{}, http.MethodGet, PathOpenAPI, "", nil)
	var document struct {
		OpenAPI    string            `json:"openapi"`
		Paths      map[string]object `json:"paths"`
		Components struct {
			Schemas map[string]object `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || w.Code != http.StatusOK || document.OpenAPI != "3.1.0" {
		t.Fatalf("%d %v", w.Code, err)
	}
	if len(document.Paths) != len(everyRoute()) {
		t.Errorf("%d paths, want %d", len(document.Paths), len(everyRoute()))
	}
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				if _, there := document.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]; !there {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, inner := range v {
				follow(inner)
			}
		case []any:
			for _, inner := range v {
				follow(inner)
			}
		}
	}
	var all any
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	follow(all)
	// What a host answers has no field that the document does not have.
	for path, schema := range map[string]string{operator.CallStatus.Path: "Status", operator.CallSeries.Path: "Series"} {
		var fields map[string]any
		if err := json.Unmarshal(request(t, &operatortest.Host{Now: operatortest.Paired()}, http.MethodGet, path, "", nil).Body.Bytes(), &fields); err != nil {
			t.Fatal(err)
		}
		properties, _ := document.Components.Schemas[schema]["properties"].(map[string]any)
		for name := range fields {
			if _, there := properties[name]; !there {
				t.Errorf("%s answers with %s, which %s does not have", path, name, schema)
			}
		}
	}
}

// describer makes schemas of types.
type describer struct {
	*testing.T
	types    map[string]reflect.Type
	schemas  object
	comments map[string]string // "Type" and "Type.Field"
}

func (d *describer) operation(info operator.Info) object {
	parameters := []object{}
	if info.Method == http.MethodGet {
		for f := range info.Request.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			parameters = append(parameters, object{"name": name, "in": "query", "required": false, "description": d.comments[info.Request.Name()+"."+f.Name], "schema": object{"type": "string"}})
		}
		slices.SortFunc(parameters, func(a, b object) int { return strings.Compare(a["name"].(string), b["name"].(string)) })
	}
	content := object{}
	switch {
	case info.Path == PathOpenAPI:
		content["application/json"] = object{"schema": object{"type": "string"}}
	case info.Answer == reflect.TypeFor[operator.File]():
		content["application/octet-stream"] = object{"schema": object{"type": "string"}}
	case info.Answer == reflect.TypeFor[Stream]():
		content["text/event-stream"] = object{"schema": object{"type": "string"}}
	case info.Answer == reflect.TypeFor[string]():
		content["text/plain"] = object{"schema": object{"type": "string"}}
	default:
		content["application/json"] = object{"schema": d.schema(info.Answer)}
	}
	problem := object{"description": "An error, as RFC 9457 has it.", "content": object{"application/problem+json": object{"schema": d.schema(reflect.TypeFor[operator.Problem]())}}}
	made := object{
		"operationId": operationID(info.Method, info.Path), "summary": info.Says, "parameters": parameters,
		"responses": object{"200": object{"description": "Done.", "content": content}, "default": problem},
	}
	made["x-hotpair-role"] = string(info.Role)
	switch info.Role {
	case "":
		delete(made, "x-hotpair-role")
	case operator.Anyone:
		made["security"] = []object{{}, {"token": []string{}}}
	default:
		made["security"] = []object{{"token": []string{}}}
	}
	if info.Changes() && info.Role.May(operator.Operate) {
		parameters = append(parameters, object{"name": operator.HeaderReason, "in": "header", "required": false, "description": "Why, percent-encoded; it stands in the events.", "schema": object{"type": "string"}})
		made["parameters"] = parameters
	}
	if info.Method != http.MethodGet {
		if info.Request.NumField() > 0 {
			made["requestBody"] = object{"content": object{"application/json": object{"schema": d.schema(info.Request)}}}
		}
	}
	return made
}

// operationID makes getStatus of GET /api/v1/status.
func operationID(method, path string) string {
	id := strings.ToLower(method)
	for word := range strings.FieldsFuncSeq(strings.TrimPrefix(path, "/api/v1"), func(r rune) bool { return r == '/' || r == '.' || r == '-' }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// schema gives the schema of a type as encoding/json writes it.
func (d *describer) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "integer", "format": "int64", "description": "nanoseconds"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return d.structure(t)
		}
		if there, known := d.types[t.Name()]; known && there != t {
			d.Errorf("%v and %v have one name", there, t)
		}
		d.types[t.Name()] = t
		if _, there := d.schemas[t.Name()]; !there {
			d.schemas[t.Name()] = object{} // a type may hold itself
			d.schemas[t.Name()] = d.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	}
	return object{}
}

func (d *describer) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" || f.Anonymous && tag == "" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		schema := d.schema(f.Type)
		if strings.Contains(options, "string") {
			schema = object{"type": "string"}
		}
		if comment := d.comments[t.Name()+"."+f.Name]; comment != "" {
			schema = maps.Clone(schema)
			schema["description"] = comment
		}
		properties[name] = schema
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	made := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		made["required"] = required
	}
	if comment := d.comments[t.Name()]; comment != "" {
		made["description"] = comment
	}
	return made
}

// comments reads what is said of types and fields in the packages whose types the interface speaks.
func comments(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{"../../identity", "../../door", "../../wires", "../../config", "../../lateness", "../../level", "../../keyring", "../../trail", "../../backups", "../../terminalif/receipt", "../../courier/waybill", "../../processes/said", "../../processes/programs", "../../../bus", "../certificates", "..", "."} { // of a name that several have, the last one counts
		files, err := filepath.Glob(filepath.Join(dir, "*.go")) // a test runs in the directory of its package
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				types, ok := decl.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range types.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						commentsOf(all, s, types.Doc)
					}
				}
			}
		}
	}
	return all
}

func commentsOf(all map[string]string, s *ast.TypeSpec, doc *ast.CommentGroup) {
	fields, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}
	all[s.Name.Name] = sentence(doc)
	for _, f := range fields.Fields.List {
		text := sentence(f.Doc)
		if text == "" {
			text = sentence(f.Comment)
		}
		for _, name := range f.Names {
			all[s.Name.Name+"."+name.Name] = text
		}
	}
}

func sentence(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
