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
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// operation is what the route table does not say of a path: parameters with their meaning, and the types of body and
// answer. What the path is for stands in the comment of its handler, what a field means at the field.
type operation struct {
	parameters map[string]string
	body       any
	answer     any // a string is a media type that is no JSON
	says       string
}

func operations() map[string]operation {
	lag := map[string]string{"lag": "how many updates may be behind", "verbose": "give every finding"}
	return map[string]operation{
		PathLive:            {parameters: lag, answer: "text/plain", says: "200 while main answers."},
		PathReady:           {parameters: lag, answer: "text/plain", says: "200 while this host does its part: as active, or as a standby that could take over now."},
		PathActive:          {parameters: lag, answer: "text/plain", says: "200 only on the active, under the same right by which answers leave. With lag: only while the other host lacks no more than so many updates."},
		PathStandby:         {parameters: lag, answer: "text/plain", says: "200 only on an in-sync standby. With lag: only while its database is no more than so many updates behind its journal."},
		operator.PathStatus: {answer: operator.Status{}, says: "How this host sees itself and the pair. Answers whatever else is down."},
		operator.PathPeer:   {answer: operator.Status{}, says: "How the other host sees itself, asked for over the link."},
		operator.PathHistory: {parameters: map[string]string{
			"from": "sequence to begin with; absent: the last ones", "before": "without from: the last ones before this sequence", "limit": "how many, 1 to 1000",
			"key": "only updates of this key", "service": "only updates of this service",
		}, answer: bus.HistoryPage{}, says: "A page of the update history, oldest first."},
		operator.PathSeries: {answer: operator.Series{}, says: "Rates and latencies of the last ten minutes."},
		PathStream:          {answer: "text/event-stream", says: "What happens, as server-sent events: status (a Status, at each change and each second), peer (the other host's), event (an Event, with an id to resume after), point (a Point of either host)."},
		PathOpenAPI:         {answer: "application/json", says: "This document."},

		operator.PathSwitchover:     {answer: operator.Switchover{}, says: "Makes the other host active, and answers when it serves."},
		operator.PathPause:          {body: operator.PauseRequest{}, answer: operator.PauseResult{}, says: "Holds back automatic takeover for a while."},
		operator.PathResume:         {answer: operator.PauseResult{}, says: "Ends a pause."},
		operator.PathSchedule:       {body: operator.ScheduleRequest{}, answer: operator.Scheduled{}, says: "Has the active switch over at a time."},
		operator.PathScheduleCancel: {answer: operator.Scheduled{}, says: "Drops what is scheduled."},
		operator.PathDoctor:         {answer: operator.Diagnosis{}, says: "Examines both hosts: could a takeover succeed right now?"},
		operator.PathPromotePlan:    {answer: operator.PromotePlan{}, says: "What a forced promotion of this very host would mean; nothing is done."},
		operator.PathPromote:        {body: operator.PromoteRequest{}, answer: operator.Promoted{}, says: "Makes this very host serve, accepting that updates are lost."},
		operator.PathAdmit:          {body: operator.AdmitRequest{}, answer: operator.Admitted{}, says: "Lets a replaced host or witness in."},
		operator.PathExplain:        {answer: operator.Explanation{}, says: "Why the pair is as it is, and what would happen next."},

		operator.PathEvents: {parameters: map[string]string{
			"from": "number to begin with", "limit": "how many", "since": "a time or a duration ago", "kind": "only these", "wait": "how long to wait for one, a duration",
		}, answer: bus.EventsPage{}, says: "A page of the pair's log of events, oldest first."},
		operator.PathAlarms:   {answer: operator.AlarmList{}, says: "What is wrong now, the worst first."},
		operator.PathAckAlarm: {body: operator.AckRequest{}, answer: resultOf(operator.Host.AckAlarm), says: "Ends an alarm that waits for an operator."},

		operator.PathTerminals: {parameters: map[string]string{"after": "id to begin after", "limit": "how many"}, answer: resultOf(operator.Host.Terminals), says: "The terminals, and what this host has with them."},
		operator.PathTerminalsAdd: {body: struct {
			Terminals []operator.TerminalAddress `json:"terminals"`
		}{}, answer: resultOf(operator.Host.AddTerminals), says: "Adds terminals on both hosts."},
		operator.PathTerminalsRemove: {body: struct {
			IDs []string `json:"ids"`
		}{}, answer: resultOf(operator.Host.RemoveTerminals), says: "Removes terminals on both hosts."},
		operator.PathTerminalsProbe: {body: operator.ProbeRequest{}, answer: resultOf(operator.Host.ProbeTerminals), says: "Tries whether terminals could be served."},
		operator.PathDiverged:       {parameters: map[string]string{"file": "the updates of this file", "from": "record to begin with", "limit": "how many"}, answer: bus.AsidePage{}, says: "Updates that only this host had and that were set aside: the files, or what one holds."},
		operator.PathBackup:         {answer: "application/octet-stream", says: "A backup of this host's database, as a file that hotpair restore takes. One that breaks off says why in the trailer Hotpair-Problem, and lacks its end."},
		operator.PathVerify:         {answer: resultOf(operator.Host.VerifyState), says: "How far the comparison of both databases is, or how the last one ended."},
		operator.PathVerifyBegin:    {body: operator.VerifyRequest{}, answer: resultOf(operator.Host.BeginVerify), says: "Begins to compare both databases, in service."},
		operator.PathVerifyStop:     {answer: resultOf(operator.Host.StopVerify), says: "Ends a comparison."},
	}
}

// resultOf gives a value of what a method of Host answers with.
func resultOf(method any) any { return reflect.Zero(reflect.TypeOf(method).Out(0)).Interface() }

type object = map[string]any

// TestOpenAPI_IsWhatRoutesAndTypesSay holds the document to the route table and to every JSON field that there is.
func TestOpenAPI_IsWhatRoutesAndTypesSay(t *testing.T) {
	d := &describer{T: t, schemas: object{}, types: map[string]reflect.Type{}, comments: comments(t)}
	known := operations()
	paths := object{}
	for path, rt := range routes() {
		op, there := known[path]
		if !there {
			t.Errorf("%s is not described: add it to operations in this test", path)
			continue
		}
		paths[path] = object{strings.ToLower(rt.method): d.operation(path, rt, op)}
	}
	for path := range known {
		if _, there := routes()[path]; !there {
			t.Errorf("%s is described and does not exist", path)
		}
	}
	document := object{
		"openapi": "3.1.0",
		"info": object{"title": "hotpair", "version": "1",
			"description": "Status and control of one host of a pair. Reading is open to whoever reaches the address; what changes something carries the host's token. Either host may be asked: a standby forwards what only the active can do."},
		"paths": paths,
		"components": object{
			"schemas":         d.schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "Stands in operator.token of the host's data directory."}},
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
	if len(document.Paths) != len(routes()) {
		t.Errorf("%d paths, want %d", len(document.Paths), len(routes()))
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
	for path, schema := range map[string]string{operator.PathStatus: "Status", operator.PathSeries: "Series"} {
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

func (d *describer) operation(path string, rt route, op operation) object {
	parameters := []object{}
	for _, name := range slices.Sorted(maps.Keys(op.parameters)) {
		parameters = append(parameters, object{"name": name, "in": "query", "required": false, "description": op.parameters[name], "schema": object{"type": "string"}})
	}
	content := object{}
	switch answer := op.answer.(type) {
	case string:
		content[answer] = object{"schema": object{"type": "string"}}
	default:
		content["application/json"] = object{"schema": d.schema(reflect.TypeOf(answer))}
	}
	problem := object{"description": "An error, as RFC 9457 has it.", "content": object{"application/problem+json": object{"schema": d.schema(reflect.TypeFor[operator.Problem]())}}}
	made := object{
		"operationId": operationID(rt.method, path), "summary": op.says, "parameters": parameters,
		"responses": object{"200": object{"description": "Done.", "content": content}, "default": problem},
	}
	if rt.method != http.MethodGet {
		made["security"] = []object{{"token": []string{}}}
	}
	if op.body != nil {
		made["requestBody"] = object{"content": object{"application/json": object{"schema": d.schema(reflect.TypeOf(op.body))}}}
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
	_, here, _, _ := runtime.Caller(0)
	all := map[string]string{}
	for _, dir := range []string{"../../../bus", ".."} {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(here), dir, "*.go"))
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
