package console

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFault_D8_GapsAndFolds: plots drew 0 where a host was down or standby, names of takeovers close together overlapped, and refused
// commands filled the list, which was in another order than that of the commands. The functions that decide it run in node.
func TestFault_D8_GapsAndFolds(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node to run the console's own functions")
	}
	page, err := filepath.Abs("page/fold.js")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "--input-type=module", "--eval", `
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
const f = await import('data:text/javascript,' + encodeURIComponent(readFileSync(process.argv[1], 'utf8')));
const point = (role, n) => ({ role, requests: n, updates: n, request_p50_ms: n, request_p99_ms: n, commit_p50_ms: n, commit_p99_ms: n });
assert.deepEqual(f.together([point('active', 5), point('standby', 0)]).updates, 5);
assert.equal(f.together([point('standby', 0)]).served, false);
assert.equal(f.together([]).served, false);
const second = (time, served) => ({ time: time * 1000, served });
const parts = f.strokes([second(1, true), second(2, true), second(3, false), second(4, true), second(9, true)]);
assert.deepEqual(parts.map((p) => p.map((q) => q.time / 1000)), [[1, 2], [4], [9]]);
assert.deepEqual(f.marks([{ time: 90, gap: 7 }, { time: 10, gap: 5 }, { time: 0, gap: 0 }], (t) => t, 50), [{ time: 0, gap: 5, times: 2 }, { time: 90, gap: 7, times: 1 }]);
const event = (time, id, text, step) => ({ time: '2026-02-03T04:05:0' + time + 'Z', id, host: 'a', kind: 'operator', text, step });
const list = f.inOrder([event(1, 1, 'refused call 1'), event(3, 4, 'other'), event(2, 2, 'refused call 2'), event(2, 3, 'refused call 30')]);
assert.deepEqual(list.map((e) => e.id), [4, 3, 2, 1]);
assert.deepEqual(f.inOrder([event(9, 1, 'x'), event(1, 2, 'recorded late'), event(0, undefined, 'not in the log')]).map((e) => e.id), [undefined, 2, 1]);
const lines = f.folded(list);
assert.deepEqual(lines.map((e) => [e.id, e.times, e.since.slice(17, 19)]), [[4, 1, '03'], [3, 3, '01']]);
assert.equal(f.folded([event(2, 2, 'x', 'B7'), event(1, 1, 'x', 'B7')]).length, 2);
`, page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
