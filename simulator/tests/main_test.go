package main

import (
	"strings"
	"testing"
)

// go test says nothing of tests that skip themselves: a suite that could try half of what it holds looked like one that passed.
func TestFault_D11_WhatWasSkippedIsSaid(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	err := r.read(strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: needs root\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: broken\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"not shown\n"}
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
{"Action":"pass","Package":"q","Elapsed":1.5}
{"Action":"skip","Package":"without tests"}
no event
`))
	r.summary(0)
	said := out.String()
	for _, want := range []string{
		"SKIPPED, SO NOT TRIED: 1 tests: p TestA (a_test.go:3: needs root)", "a_test.go:9: broken", "FAILED: p TestB, p", "ok    q 1.5s", "no event",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}
	if err != nil || strings.Contains(said, "not shown") {
		t.Errorf("%v\n%s", err, said)
	}
	out.Reset()
	newReport(&out).summary(0)
	if !strings.Contains(out.String(), "nothing was skipped") {
		t.Error(out.String())
	}
}
