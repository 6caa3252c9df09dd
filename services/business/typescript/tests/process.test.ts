/** Headers of requests, bodies, turns, and what a service may be. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { any, boolean, integer, list, Malformed, number, object, optional, record, Service, ServiceError, text } from "../src/index.js";
import { Deadline } from "../src/deadline.js";
import { Misuse } from "../src/errors.js";
import { Item } from "../src/items.js";
import { encode, withRevision } from "../src/json.js";
import { Process } from "../src/process.js";
import { readRequest } from "../src/requests.js";
import { decodeRequest } from "../src/shapes.js";
import { Gate, Lanes } from "../src/turns.js";
import { until } from "./helper.js";

function read(given: Record<string, string>): ReturnType<typeof readRequest> {
  return readRequest("add", Buffer.from("{}"), Object.entries(given).map(([name, value]) => [`Hotpair-${name}`, [value]]));
}

test("headers are read", () => {
  const q = read({ Terminal: "t1", Counter: "5", Ticket: "x", Attempt: "2", Epoch: "7", Deadline: "29500ms" });
  assert.deepEqual([q.ticket, q.ownId, q.attempt, q.epoch, q.remaining, q.timer], ["x", false, 2, 7n, 29_500, undefined]);
  const own = read({ Terminal: "t1", "Request-Id": "mine" });
  assert.deepEqual([own.ownId, own.attempt, own.remaining], [true, 1, 0]);
  assert.deepEqual(read({ Timer: '{"key":"k","revision":"18446744073709551615","at_ns":"5","late_ns":"6"}' }).timer,
    { key: "k", revision: (1n << 64n) - 1n, atNs: 5n, lateNs: 6n });
  assert.equal(readRequest("add", Buffer.from("{}"), [["Nats-Something", ["a", "b"]]]).attempt, 1);
});

test("headers that can't be read are refused", () => {
  const bad: Record<string, string>[] = [
    { Counter: "x" }, { Counter: "5" }, { "Request-Id": "a" }, { Attempt: "-1" }, { Epoch: "1".repeat(21) }, { Deadline: "soon" }, { Deadline: "0ms" },
    { Deadline: "30s" }, { Timer: "{" }, { Timer: "[]" }, { Timer: "null" }, { Timer: '{"key":1,"revision":"1","at_ns":"1","late_ns":"1"}' },
    { Timer: '{"key":"a","revision":1,"at_ns":"1","late_ns":"1"}' }, { Timer: '{"key":"a","at_ns":"1","late_ns":"1"}' },
    { Timer: '{"key":"\\ud800","revision":"1","at_ns":"1","late_ns":"1"}' }, { Timer: "[".repeat(100_000) }, { ticket: "x" }, { Position: "1/2" },
  ];
  for (const given of bad) {
    assert.throws(() => read(given), Malformed, JSON.stringify(given).slice(0, 80));
  }
  assert.throws(() => readRequest("add", Buffer.from("{}"), [["Hotpair-Epoch", ["1", "2"]]]), Malformed);
});

test("headers of nonsense are refused in words", () => {
  const names = ["Terminal", "Counter", "Request-Id", "Attempt", "Epoch", "Deadline", "Timer"];
  const signs = '0123456789ms-{}":,keyrvison\0\udcff☃';
  const draw = (from: string | string[]): string => from[Math.floor(Math.random() * from.length)]!;
  for (let n = 0; n < 5000; n++) {
    const value = Array.from({ length: n % 20 }, () => draw(signs)).join("");
    try {
      read({ [draw(names)]: value });
    } catch (error) {
      assert.ok(error instanceof Malformed && error.message, value);
    }
  }
});

const Inner = object({ n: integer() });
const Shape = object({
  name: text(), count: integer(0), price: number(0), wanted: boolean(false), inner: optional(Inner), tags: optional(list(text())),
  more: optional(record(Inner)), anything: any(),
});

test("bodies are read as they are meant", () => {
  const got = decodeRequest(Buffer.from(
    '{"name":"a","count":2,"price":1,"wanted":true,"inner":{"n":1},"tags":["x"],"more":{"__proto__":{"n":2}},"anything":[1]}'), Shape);
  assert.deepEqual(got, {
    name: "a", count: 2, price: 1, wanted: true, inner: { n: 1 }, tags: ["x"], more: new Map([["__proto__", { n: 2 }]]), anything: [1],
  });
  const least = { name: "a", count: 0, price: 0, wanted: false, inner: undefined, tags: undefined, more: undefined, anything: undefined };
  assert.deepEqual(decodeRequest(Buffer.from('{"name":"a","inner":null}'), Shape), least);
  assert.deepEqual(decodeRequest(Buffer.from("")), {});
});

test("bodies that are wrong are refused, and it is said why", () => {
  for (const [body, said] of [
    ["{}", '"name" is missing; it is a text'], ['{"name":1}', 'field "name" can\'t be a JSON number'], ['{"name":"a","count":true}', "can't be a JSON bool"],
    ['{"name":"a","count":1.5}', "it is a whole number"], ['{"name":null}', 'field "name" is null; it is a text'],
    ['{"Name":"a"}', 'no field "Name"; there are name, count'], ['{"name":"a","inner":{"m":1}}', 'no field "m"; there are n'],
    ['{"name":"a","tags":[1]}', 'an element of field "tags"'], ['{"name":"a","more":{"x":1}}', 'field "x" can\'t be a JSON number; it is an object'],
    ['{"name":"a","price":NaN}', "no JSON"], ['{"name":"a","price":-1e999}', 'field "price" is too large'],
    ['{"name":"a","count":9007199254740993}', 'field "count" is a whole number of 2^53 or more'],
    ['{"name":"a","anything":[{"x":[[1e999]]}]}', 'an element of field "x" is too large'], ['{"__proto__":1}', 'no field "__proto__"'],
    ["[]", "a JSON array"], ["nul", "no JSON"], ['{"name":"\xff"}', "no JSON"],
  ] as const) {
    assert.throws(() => decodeRequest(Buffer.from(body, "latin1"), Shape), (error) => {
      assert.ok(error instanceof Malformed && error.message.includes(said), `${body}: ${error}`);
      return true;
    });
  }
  for (const body of ['{"a":1e999}', '{"a":9007199254740992}', '{"a":[{"b":-9007199254740993}]}']) {
    assert.throws(() => decodeRequest(Buffer.from(body)), Malformed);
  }
});

test("JSON is written as the others do", () => {
  assert.equal(encode({ a: "<ö☃>\u2028\\ud800", b: [1, 1.5, null], c: undefined }), '{"a":"<ö☃>\u2028\\\\ud800","b":[1,1.5,null]}');
  for (const [body, want] of [["{}", '{"revision":7}'], [' {"a":1} ', '{"a":1,"revision":7}'], ["[]", "[]"], ["", '{"revision":7}']] as const) {
    assert.equal(withRevision(body, 7n), want);
  }
});

test("whole numbers that would be rounded are neither read nor written", () => {
  const read = (text: string): unknown => new Item("seat/1", Buffer.from(text), 1n, true).value;
  for (const text of ["9007199254740993", "[-9007199254740993]", '{"id":12345678901234567890}', '{"a":["9",{"b":9007199254740993}]}']) {
    assert.throws(() => read(text), (error: Error) => error instanceof RangeError && /"seat\/1".*as a text/.test(error.message), text);
  }
  for (const [text, value] of [
    ["9007199254740991", 2 ** 53 - 1], ["9007199254740992", 2 ** 53], ['"9007199254740993"', "9007199254740993"], ["1.12345678901234567890", 1.1234567890123457],
    ["1e300", 1e300], ['{"a\\"9007199254740993":1}', { 'a"9007199254740993': 1 }], ["12345678901234567890.5e-10", 1234567890.1234567], ["-0", -0],
  ] as const) {
    assert.deepEqual(read(text), value, text);
  }
  const long = '\\"0123456789012345678'.repeat(150_000);
  assert.equal(read(`"${long}"`), JSON.parse(`"${long}"`));
  assert.throws(() => read("{"), SyntaxError);
  for (const value of [2 ** 53, -(2 ** 53), { id: 2 ** 60 }, [1e20]]) {
    assert.throws(() => encode(value), Misuse, JSON.stringify(value));
  }
  assert.equal(encode([2 ** 53 - 1, 1e21, 1e300, 0.1, -0]), "[9007199254740991,1e+21,1e+300,0.1,0]");
});

test("lanes are left to who waited longest", async () => {
  const lanes = new Lanes();
  const time = new Deadline(60_000);
  const held = await lanes.enter(["a"], 1000, time);
  assert.deepEqual([held, lanes.contended(["b", "a"])], [["a"], ["a"]]);
  assert.deepEqual(await lanes.enter(["a"], 5, time), [], "patience ends");
  const order: number[] = [];
  const waiting = [0, 1, 2, 3, 4].map(async (n) => {
    const entered = await lanes.enter(["a"], 20_000, time);
    order.push(n);
    lanes.leave(entered);
  });
  const other = new Deadline(60_000);
  const gone = lanes.enter(["a"], 20_000, other);
  other.end();
  assert.deepEqual(await gone, [], "who has no time left goes");
  lanes.leave(held);
  await Promise.all(waiting);
  assert.deepEqual([order, lanes.held.size], [[0, 1, 2, 3, 4], 0]);
  time.end();
});

test("the gate lets one alone", async () => {
  const gate = new Gate();
  const time = new Deadline(60_000);
  assert.ok((await gate.enter(false, 0, time)) && (await gate.enter(false, 0, time)));
  assert.equal(await gate.enter(true, 5, time), false);
  const alone = gate.enter(true, 20_000, time);
  assert.equal(await gate.enter(false, 5, time), false, "who comes later waits behind");
  gate.leave(false);
  gate.leave(false);
  assert.ok(await alone);
  assert.equal(await gate.enter(false, 5, time), false);
  gate.leave(true);
  assert.ok(await gate.enter(false, 0, time));
  time.end();
});

test("names", () => {
  for (const make of [() => new Service("a.b"), () => new Service(""), () => new Service("a", { version: "one" }), () => new ServiceError(200, "is none")]) {
    assert.throws(make);
  }
  const service = new Service("a").query("x", () => ({}));
  assert.throws(() => service.query("x", () => ({})), TypeError);
  assert.throws(() => service.operation("no name", () => ({})), TypeError);
  assert.throws(() => service.operation("y", undefined as never), TypeError);
  assert.throws(() => service.operation("y", {}, undefined as never), TypeError);
  assert.deepEqual([service.names(), service.writes("x"), service.writes("y")], [["x"], false, false]);
  assert.throws(() => new Process(service, {}), /HOTPAIR_REQUESTS_URL is not set/);
  assert.throws(() => new Process(new Service("empty"), {}), TypeError);
});

/** Runs a program that ends by itself, and gives its code or signal, and what it said. */
async function ends(program: string): Promise<[number | string | null, string]> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: import.meta.dirname ?? process.cwd(), stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  child.stderr.on("data", (data) => (said += data));
  let ended: [number | string | null] | undefined;
  child.on("close", (code, signal) => (ended = [code ?? signal]));
  await until(() => ended !== undefined, "it ends").finally(() => child.kill("SIGKILL"));
  return [ended![0], said];
}

const src = new URL("../src/", import.meta.url).href;

test("a program under another name than its host's says so when it is refused", () => {
  for (const [user, said] of [["business.cloakroom", /started this program as "cloakroom", but it is garderobe/], ["business.garderobe", /^Permissions/]] as const) {
    const environment = Object.fromEntries(["REQUESTS_URL", "DATABASE_URL", "BUS_PASSWORD", "BUS_INBOX"].map((name) => [`HOTPAIR_${name}`, "nats://127.0.0.1:1"]));
    const process = new Process(new Service("garderobe").query("x", () => ({})), { ...environment, HOTPAIR_BUS_USER: user });
    assert.match(process.refused(new Error("Permissions Violation")).message, said);
  }
});

test("a process whose thread is kept busy is killed, and one that is not lives", async () => {
  const [signal, said] = await ends(`import { watch } from "${src}watchdog.js"; watch("busy", 200); for (;;) {}`);
  assert.equal(signal, "SIGKILL");
  assert.match(said, /busy is stuck: a handler has blocked the only thread/);
  const [code] = await ends(`import { watch } from "${src}watchdog.js"; watch("idle", 200); setTimeout(() => process.exit(7), 600)`);
  assert.equal(code, 7);
});

test("what nobody catches is said: a rejection costs nothing more, an exception ends the process", async () => {
  const begin = `import { Service } from "${src}index.js";
    for (const name of ["REQUESTS_URL", "DATABASE_URL", "BUS_USER", "BUS_PASSWORD", "BUS_INBOX"]) process.env["HOTPAIR_" + name] = "nats://127.0.0.1:1";
    new Service("loose").query("x", () => ({})).run();
    const ready = setInterval(() => {
      if (process.listenerCount("uncaughtException") && process.listenerCount("SIGTERM")) {
        clearInterval(ready);
        Promise.reject(new Error("nobody waits"));
        setImmediate(() => `;
  const [code, said] = await ends(begin + "{ throw new Error('out of a timer'); })}}, 5)");
  assert.equal(code, 1);
  assert.match(said, /ERROR a rejected promise was not awaited.*nobody waits/s);
  assert.match(said, /loose can't continue: out of a timer/);
  assert.deepEqual((await ends(begin + "process.kill(process.pid, 'SIGTERM'))}}, 5)"))[0], 0);
});
