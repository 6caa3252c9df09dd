/** What becomes of a request: each row of the table in the design of the runtime. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Conflict, Malformed, Misuse, NotFound, Service, ServiceError } from "../src/index.js";
import { Away, Code, Doubt, Late } from "../src/errors.js";
import { Admission } from "../src/admission.js";
import { Counts, Execution, MAX_DOUBTS, MAX_RUNS } from "../src/execution.js";
import { Memory } from "../src/testing.js";
import { quiet, until } from "./helper.js";

function counter(): Service {
  const service = new Service("counter");
  service.operation("add", async (tx, q) => {
    const key = q["key"] ?? "count";
    const count = ((await tx.get(key)).value ?? 0) + 1;
    tx.put(key, count);
    return { count };
  }, { revision: true });
  service.operation("fail", (tx) => {
    tx.put("count", -1);
    throw new NotFound("no such thing");
  });
  service.operation("crash", async (tx) => {
    tx.put("count", -1);
    throw new TypeError("a mistake");
  });
  service.operation("swallow", async (tx) => {
    await tx.get("count").catch(() => {});
    try {
      tx.put("swallowed", true);
    } catch {
      // counts for nothing
    }
  });
  service.query("sneak", (tx) => {
    try {
      tx.put("count", -1);
    } catch {
      // counts for nothing
    }
    return {};
  });
  service.query("look", async (tx) => ({ count: (await tx.get("count")).value ?? null }));
  service.operation("claim", async (tx, q) => {
    if ((await tx.scan("seat/")).items.length) {
      throw new Conflict("taken");
    }
    tx.put(`seat/${q["who"]}`, 1);
  });
  service.operation("later", (tx) => {
    tx.after("t", 1.5, "add", { key: "timed" });
    tx.after("skipped", 3_600_000, "add", undefined, { late: "skip" });
    tx.at("hour", new Date("2030-01-02T03:04:05.006Z"), "fail");
    tx.cancel("gone");
  });
  service.operation("hang", () => new Promise(() => {}));
  return service;
}

let pair: Memory;
beforeEach(() => {
  quiet();
  pair = new Memory(counter());
});

test("effects once for each id", async () => {
  const first = await pair.callRaw("add", {}, { id: "a" });
  assert.equal(first.body, '{"count":1,"revision":2}');
  assert.ok(first.proof);
  assert.deepEqual(await pair.callRaw("add", {}, { id: "a", attempt: 2 }), first);
  assert.equal((await pair.callRaw("add", {}, { id: "b" })).body, '{"count":2,"revision":3}');
  assert.equal((await pair.callRaw("add", { key: "other" }, { id: "b" })).code, 409, "one id is one request");
  assert.deepEqual([pair.value("count"), pair.value("other")], [2, undefined]);
});

test("runs again when another was faster", async () => {
  pair.beforeCommit = () => pair.value("count") === undefined && pair.put("count", 10);
  assert.equal((await pair.request("add", {}, { id: "a" })).count, 11);
  assert.equal(pair.commits, 2);
});

test("is refused when others are always faster", async () => {
  const faster = () => pair.put("count", 1);
  pair.beforeCommit = faster;
  assert.equal((await pair.callRaw("add", {}, { id: "a" })).code, Code.busy);
  assert.deepEqual([pair.commits, pair.answers.size], [MAX_RUNS, 0]);
  // A repetition must be told the same for ever, so it is recorded.
  for (pair.beforeCommit = faster; pair.beforeCommit; pair.beforeCommit = undefined) {
    assert.equal((await pair.callRaw("add", {}, { id: "own", ownId: true })).code, Code.busy);
  }
  assert.equal((await pair.callRaw("add", {}, { id: "own", ownId: true })).code, Code.busy);
});

test("errors leave nothing and are recorded where they must be", async () => {
  for (const [how, recorded] of [[{}, 0], [{ attempt: 2 }, 1], [{ ownId: true }, 1]] as const) {
    pair = new Memory(counter());
    const reply = await pair.callRaw("fail", {}, { id: "a", ...how });
    assert.deepEqual([reply.code, reply.message, pair.keys(), pair.answers.size], [404, "no such thing", [], recorded]);
  }
});

test("faults cost their request alone", async () => {
  for (const operation of ["crash", "sneak"]) {
    const reply = await pair.callRaw(operation, {}, { id: "a" });
    assert.deepEqual([reply.code, pair.keys()], [500, []], operation);
    assert.doesNotMatch(reply.message, /mistake/);
  }
});

test("whatever a handler throws is an outcome", async () => {
  const odd = new ServiceError(409, "");
  Object.assign(odd, { code: 200 });
  for (const thrown of [new Error("no"), odd, "a text", undefined, null, 7, Symbol("no"), new Misuse("\ud800"), { toString: 1 }]) {
    const service = new Service("odd").operation("do", () => {
      throw thrown;
    });
    pair = new Memory(service);
    const reply = await pair.callRaw("do", {}, { id: "a", ownId: true });
    assert.deepEqual([reply.code, pair.answers.size], [500, 1], typeof thrown);
    assert.deepEqual(await pair.callRaw("do", {}, { id: "a", ownId: true }), reply);
  }
  const service = new Service("half").operation("do", () => Promise.reject(new Conflict("half \ud800 of one")));
  assert.equal((await new Memory(service).callRaw("do", {}, { id: "a", ownId: true })).message, "half ? of one");
});

test("what is no JSON is no answer", async () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  const deep: unknown[] = [];
  for (let n = 0, at = deep; n < 100_000; n++) {
    const inner: unknown[] = [];
    at.push(inner);
    at = inner;
  }
  for (const answer of [circle, deep, 1n, { n: 1n }, () => 1, { f() {} }, Symbol("s"), NaN, [undefined], new Map(), "\ud800", { p: Promise.resolve() }]) {
    pair = new Memory(new Service("odd").operation("do", (tx) => (tx.put("a", 1), answer)));
    const reply = await pair.callRaw("do", {}, { id: "a", ownId: true });
    assert.deepEqual([reply.code, pair.answers.size, pair.keys()], [500, 1, []], typeof answer);
  }
  for (const [answer, body] of [[undefined, "{}"], [null, "{}"], [{ a: undefined, b: 1 }, '{"b":1}'], [new Date(0), '"1970-01-01T00:00:00.000Z"'], ["ö☃\u2028", '"ö☃\u2028"']]) {
    pair = new Memory(new Service("odd").operation("do", () => answer));
    assert.equal((await pair.callRaw("do")).body, body);
  }
});

test("a handler that never returns costs its request, at the deadline", async () => {
  for (const [how, code] of [[{}, Code.nobody], [{ ownId: true }, Code.unknown]] as const) {
    assert.equal((await pair.callRaw("hang", {}, { id: "a", deadline: 10, ...how })).code, code);
  }
  assert.deepEqual([pair.shared.deadlines.size, pair.shared.gate.inside], [0, 0]);
});

test("a handler that outlives its deadline keeps its room until it ends", async () => {
  let end = (): void => {};
  const service = new Service("late").operation("wait", () => new Promise<void>((resolve) => (end = resolve)));
  pair = new Memory(service);
  const admission = new Admission(1);
  const request = { operation: "wait", body: Buffer.from("{}"), ticket: "", ownId: false, attempt: 1, epoch: 1n, remaining: 10 };
  assert.ok(admission.take(2));
  const execution = new Execution(pair.shared, service.operations.get("wait")!, request, new Counts());
  assert.equal((await execution.serve()).code, Code.nobody);
  const left = admission.leave(2, execution.ended);
  await new Promise(setImmediate);
  assert.ok(!admission.take(2), "it has not ended");
  end();
  await left;
  assert.ok(admission.take(2));
  assert.ok(!new Admission(2, 3).take(4), "too many bytes");
});

test("a handler that catches everything changes nothing", async () => {
  pair.refuse = [new Away(), new Doubt()];
  assert.equal((await pair.callRaw("swallow", {}, { id: "a" })).code, 0);
  assert.equal(pair.value("swallowed"), true);
});

test("an unknown outcome is looked up by the ticket", async () => {
  for (const lose of [() => { throw new Doubt(); }, () => Buffer.from("{"), () => Buffer.from('{"code":504}'), () => Buffer.from("null"), () => Buffer.from('{"code":"0"}')]) {
    let lost = false;
    class Lost extends Memory {
      override async call(...given: Parameters<Memory["call"]>): Promise<Uint8Array> {
        const reply = await super.call(...given);
        if (given[0] === "commit" && !lost) {
          lost = true;
          return lose();
        }
        return reply;
      }
    }
    pair = new Lost(counter());
    assert.equal((await pair.callRaw("add", {}, { id: "a" })).body, '{"count":1,"revision":2}');
    assert.equal(pair.value("count"), 1);
    lost = false;
    assert.equal((await pair.callRaw("add")).code, Code.unknown, "without an id nobody can tell");
  }
});

test("a commit that is always lost is not repeated for ever", async () => {
  for (const code of [500, 504, new Doubt()]) {
    pair = new Memory(counter());
    let runs = 0;
    pair.beforeCommit = () => {
      runs++;
      pair.refuse = [code];
    };
    assert.equal((await pair.callRaw("add", {}, { id: "a" })).code, Code.unknown);
    assert.deepEqual([runs, pair.value("count")], [MAX_DOUBTS, undefined]);
  }
});

test("waits for the updater", async () => {
  pair.refuse = [new Away(), 503, 429, new Doubt()]; // a read leaves no doubt
  assert.equal((await pair.request("add", {}, { id: "a" })).count, 1);
});

test("ends with its deadline", async () => {
  pair.refuse = Array(100_000).fill(new Away());
  assert.equal((await pair.callRaw("add", {}, { id: "a", deadline: 10 })).code, Code.nobody);
  assert.equal((await pair.callRaw("add", {}, { id: "a", deadline: 10, ownId: true })).code, Code.unknown);
  assert.equal((await pair.callRaw("look", {}, { deadline: 10 })).code, Code.nobody);
});

test("ends with its term", async () => {
  pair.shared.note(2n);
  pair.refuse = [503];
  assert.equal((await pair.callRaw("add", {}, { id: "a" })).code, Code.nobody);
  pair.refuse = [503];
  assert.equal((await pair.callRaw("add", {}, { id: "a", attempt: 2 })).code, Code.unknown);
});

test("refusals of the updater", async () => {
  for (const [code, want, again] of [[400, 400, 400], [413, 413, 413], [410, 410, 410], [403, 403, 504], [500, 500, 504]] as const) {
    pair.refuse = [code];
    assert.equal((await pair.callRaw("add", {}, { id: "a" })).code, want);
    pair.refuse = [code];
    assert.equal((await pair.callRaw("add", {}, { id: `b${code}`, attempt: 2 })).code, again);
  }
});

test("replies that nobody can read are faults, and end", async () => {
  for (const said of ['{"items":[]}', '{"items":7}', '{"items":[{"revision":7}]}', '{"items":[{"revision":"1","value_base64":"?"}]}', '{"position":{"epoch":1}}', '{"items":[null]}']) {
    pair.call = async (name) => Buffer.from(name === "read" ? said : "{}");
    assert.equal((await pair.callRaw("add", {}, { id: "a" })).code, 500, said);
  }
});

test("a range that was found empty must still be", async () => {
  pair.beforeCommit = () => pair.keys().length || pair.put("seat/bob", 1);
  await assert.rejects(pair.request("claim", { who: "ann" }, { id: "a" }), Conflict);
  assert.deepEqual(pair.keys(), ["seat/bob"]);
});

test("too large", async () => {
  const service = new Service("large");
  service.operation("write", (tx) => ["a", "b", "c", "d"].forEach((key) => tx.put(key, Buffer.alloc(1 << 20))));
  service.query("read", () => "x".repeat(5 << 20));
  pair = new Memory(service);
  for (const operation of ["write", "read"]) {
    assert.equal((await pair.callRaw(operation, {}, { id: "a" })).code, Code.tooLarge);
  }
});

test("timers", async () => {
  await pair.request("later", {}, { id: "a" });
  assert.deepEqual([...pair.timers.keys()], ["t", "skipped", "hour"]);
  const t = pair.timers.get("t")!;
  assert.deepEqual([t.after_ms, t.body, pair.timers.get("skipped")!.skip, pair.timers.get("hour")!.at_ns], [2, { key: "timed" }, true, "1893553445006000000"]);
  assert.equal((await pair.fire("t")).code, 0);
  assert.deepEqual([pair.value("timed"), pair.timers.has("t")], [1, false]);
  assert.equal((await pair.fire("hour")).code, 404, "a run that fails keeps its timer");
  assert.ok(pair.timers.has("hour"));
  assert.equal((await pair.runOf(t)).code, Code.tooOld, "it runs once");
  assert.equal(pair.value("timed"), 1);
  assert.throws(() => pair.fire("t"), RangeError);
});

test("the run of a timer that a stop ends uses up no try", async () => {
  await pair.request("later", {}, { id: "a" });
  pair.refuse = [new Late()];
  assert.equal((await pair.fire("t")).code, 500, "its deadline");
  pair.shared.stop();
  assert.equal((await pair.fire("t")).code, 503);
  assert.ok(pair.timers.has("t"));
});

test("a stop ends who waits", async () => {
  pair.refuse = Array(100_000).fill(new Away());
  const asked = [pair.callRaw("hang", {}, { id: "a" }), pair.callRaw("add", {}, { id: "b" })];
  await until(() => pair.shared.gate.inside === 2, "both run");
  pair.shared.stop();
  assert.deepEqual((await Promise.all(asked)).map((reply) => reply.code), [503, 503]);
});

test("many at once", async () => {
  const asked = Array.from({ length: 8 }, async (_, i) => {
    for (let n = 0; n < 20; n++) {
      await pair.request("add", {}, { id: `${i}/${n}` });
    }
  });
  await Promise.all(asked);
  assert.equal(pair.value("count"), 160);
  const { lanes, gate, deadlines } = pair.shared;
  assert.deepEqual([lanes.held.size, gate.inside, gate.alone, gate.waiting.length, deadlines.size], [0, 0, false, 0, 0]);
});

test("unknown operations and bad bodies", async () => {
  assert.equal((await pair.callRaw("sub")).code, 404);
  for (const body of ["[]", "{", "\xff", "[".repeat(100_000), '"a"', '{"a":'.repeat(50_000) + "1" + "}".repeat(50_000), "null"]) {
    assert.equal((await pair.callRaw("add", Buffer.from(body, "latin1"), { id: "a" })).code, 400, body.slice(0, 20));
  }
  await assert.rejects(pair.request("add", "a text", { id: "a" }), Malformed);
});
