package web

import (
	"embed"
	"net/http"
)

// PathOpenAPI is the path of the OpenAPI document.
const PathOpenAPI = "/api/v1/openapi.json"

// described holds the OpenAPI document. A test generates it from routes and types, and checks that it is up to date.
//
//go:embed openapi.json
var described embed.FS

func (h *handler) openAPI(w http.ResponseWriter, _ *http.Request) error {
	document, err := described.ReadFile("openapi.json")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document) // a client that does not read gets no answer
	return nil
}
