/** What a transaction reads is of one position, and what it may not do it says. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ALL, Conflict, Misuse, NotFound, Service, type Tx } from "../src/index.js";
import { Moved } from "../src/errors.js";
import { keyBytes, keyText } from "../src/json.js";
import { Memory } from "../src/testing.js";
import { quiet } from "./helper.js";

let handler: (tx: Tx) => unknown;
let pair: Memory;

beforeEach(() => {
  const service = new Service("test");
  service.operation("do", (tx) => handler(tx));
  service.query("see", (tx) => handler(tx));
  pair = new Memory(service);
});

function run(does: (tx: Tx) => unknown, operation = "do"): Promise<any> {
  handler = does;
  return pair.request(operation);
}

test("reads its own writes", async () => {
  await run(async (tx) => {
    tx.put("a", { n: 1 });
    tx.put("b", Uint8Array.of(0, 255));
    tx.delete("c");
    const [a, b, c, d] = await tx.getMany("a", "b", "c", "d");
    assert.deepEqual([a!.value, [...b!.bytes], c!.found, d!.found, a!.revision], [{ n: 1 }, [0, 255], false, false, 0n]);
  });
  assert.deepEqual([...pair.bytes("b")!], [0, 255]);
});

test("what is written is what it was when it was put", async () => {
  await run((tx) => {
    const value = { n: 1 };
    const bytes = Uint8Array.of(1);
    tx.put("a", value);
    tx.put("b", bytes);
    tx.after("t", 1, "do", value);
    value.n = bytes[0] = 2;
  });
  assert.deepEqual([pair.value("a"), pair.timers.get("t")!.body, [...pair.bytes("b")!]], [{ n: 1 }, { n: 1 }, [1]]);
});

test("all is of one position", async () => {
  const runs: number[] = [];
  const answer = await run(async (tx) => {
    runs.push(tx.run);
    await tx.get("a");
    if (tx.run === 1) {
      pair.put("a", 1);
    }
    await tx.get("b");
    return { a: (await tx.get("a")).value };
  });
  assert.deepEqual([answer, runs], [{ a: 1 }, [1, 2]]);
});

test("reads that are made together come one after the other", async () => {
  pair.put("a", 1);
  pair.put("b", 2);
  const answer = await run(async (tx) => {
    const [a, b, page] = await Promise.all([tx.get("a"), tx.get("b"), tx.scan("a")]);
    tx.put("c", 3);
    return [a.value, b.value, page.items.length];
  });
  assert.deepEqual(answer, [1, 2, 1]);
});

test("pages are one range", async () => {
  for (let i = 10; i < 35; i++) {
    pair.put(`k${i}`, i);
  }
  await run(async (tx) => {
    const keys: string[] = [];
    for (let more = true; more; ) {
      const page = await tx.scan("k", keys.at(-1), 10);
      keys.push(...page.items.map((item) => item.key));
      more = page.more;
      pair.put("elsewhere", 1); // is of no account
    }
    assert.deepEqual(tx.ranges().map((r) => [r["keys"], r["after"], r["through"]]), [[25, undefined, undefined]]);
    tx.put("count", keys.length);
  });
  assert.equal(pair.value("count"), 25);
});

test("a page notices what comes before it", async () => {
  pair.put("k1", 1);
  pair.put("k3", 1);
  const does = async (tx: Tx): Promise<string> => {
    const first = await tx.scan("k", "", 1);
    if (tx.run === 1) {
      pair.put("k0", 1);
    }
    await tx.scan("k", first.items.at(-1)!.key, 1);
    return first.items[0]!.key;
  };
  assert.equal(await run(does), "k0");
  pair.delete("k0");
  assert.equal(await run(does, "see"), "k0");
});

test("a range is compared at a further read", async () => {
  const found = await run(async (tx) => {
    const page = await tx.scan("k");
    if (tx.run === 1) {
      pair.put("k", 1);
    }
    await tx.get("elsewhere");
    return [page.items.length, tx.run];
  }, "see");
  assert.deepEqual(found, [1, 2]);
});

test("kept pages are of the first position", async () => {
  for (let i = 0; i < 4; i++) {
    pair.put(`k${i}`, i);
  }
  const found = await run(async (tx) => {
    const first = await tx.scan("k", "", 2, { kept: true });
    pair.put("elsewhere", 1);
    if (tx.run === 1) {
      pair.put("k3", 30);
    }
    const second = await tx.scan("k", "k1", undefined, { kept: true });
    return [...first.items, ...second.items].map((item) => item.value);
  }, "see");
  assert.deepEqual(found, [0, 1, 2, 30]);
});

test("an answer that is recorded ends the handler at its first read", async () => {
  let ended = 0;
  handler = async (tx) => {
    await tx.get("a");
    tx.put("a", ++ended);
    return { ended };
  };
  for (let n = 0; n < 2; n++) {
    assert.deepEqual(await pair.request("do", {}, { id: "one" }), { ended: 1 });
  }
  assert.deepEqual([ended, pair.commits], [1, 1]);
});

test("what is made of a conflict counts for nothing", async () => {
  const answer = await run(async (tx) => {
    if (tx.run === 1) {
      pair.refuse = [409];
    }
    try {
      await tx.get("a");
    } catch (error) {
      assert.ok(error instanceof Moved);
      assert.throws(() => tx.put("a", 1), Moved);
      throw new NotFound("it seems that there is none");
    }
    return { run: tx.run };
  });
  assert.deepEqual(answer, { run: 2 });
});

test("require", async () => {
  pair.put("there", 1);
  const runs: number[] = [];
  await assert.rejects(run((tx) => {
    runs.push(tx.run);
    if (tx.run > 2) {
      throw new Conflict("not so");
    }
    tx.require("there", "present");
    tx.require("absent", 0);
    tx.require("there", 77n);
    tx.put("x", 1);
  }), Conflict);
  assert.deepEqual(runs, [1, 2, 3]);
  await run(async (tx) => {
    tx.require("there", (await tx.get("there")).revision);
    tx.require("absent", 0);
    tx.put("x", 1);
  });
  assert.equal(pair.value("x"), 1);
});

test("binary keys", async () => {
  const odd = keyText(Uint8Array.of(0x6b, 0xff, 0xe2, 0x98, 0x83, 0xe2));
  assert.equal(odd, "k\udcff☃\udce2");
  pair.put(odd, 1);
  await run(async (tx) => {
    const key = (await tx.scan("k")).items[0]!.key;
    assert.equal((await tx.get(key)).value, 1);
    tx.put(key, 2);
  });
  assert.equal(pair.value(odd), 2);
  for (let n = 0; n < 2000; n++) {
    const bytes = Uint8Array.from({ length: n % 9 }, () => [0x41, 0xe2, 0x98, 0x83, 0xff, 0xc0, 0xf0, 0x9f, 0x80][Math.floor(Math.random() * 9)]!);
    assert.deepEqual([...keyBytes(keyText(bytes))], [...bytes]);
  }
});

const long = "x".repeat(1 << 16);
const many = (does: (n: number) => void, times = 257): void => Array.from({ length: times }, (_, n) => n).forEach(does);
const circle: { self?: unknown } = {};
circle.self = circle;
const MISTAKES: Record<string, (tx: Tx) => unknown> = {
  "a scan after a write": (tx) => (tx.put("a", 1), tx.scan("a")),
  "no key": (tx) => tx.get(""),
  "a key that is a number": (tx) => tx.get(7 as never),
  "half of a character as a key": (tx) => tx.get("\ud800"),
  "a prefix that is a number": (tx) => tx.scan(7 as never),
  "undefined as a value": (tx) => tx.put("a", undefined),
  "a function as a value": (tx) => tx.put("a", () => 1),
  "a function inside": (tx) => tx.put("a", { f: () => 1 }),
  "a circle": (tx) => tx.put("a", circle),
  "a BigInt": (tx) => tx.put("a", { n: 1n }),
  "no number": (tx) => tx.put("a", NaN),
  "a map": (tx) => tx.put("a", new Map()),
  "bytes inside": (tx) => tx.put("a", { bytes: Uint8Array.of(1) }),
  "a promise": (tx) => tx.put("a", { p: Promise.resolve(1) }),
  "a hole": (tx) => tx.put("a", [undefined]),
  "half of a character": (tx) => tx.put("a", "\ud800"),
  "toJSON that throws": (tx) => tx.put("a", { toJSON() { throw new Error("no"); } }),
  "require without a revision": (tx) => tx.require("a", undefined as never),
  "require below 0": (tx) => tx.require("a", -1),
  "require half of a revision": (tx) => tx.require("a", 0.5),
  "a timer in the past": (tx) => tx.after("t", -1, "do"),
  "a timer at no time": (tx) => tx.after("t", NaN, "do"),
  "a timer in words": (tx) => tx.after("t", "soon" as never, "do"),
  "a timer for a query": (tx) => tx.after("t", 1, "see"),
  "a timer for nobody": (tx) => tx.after("t", 1, "nobody"),
  "a timer without a key": (tx) => tx.after("", 1, "do"),
  "a timer with a long key": (tx) => tx.after("t".repeat(257), 1, "do"),
  "a timer that is late somehow": (tx) => tx.after("t", 1, "do", {}, { late: "never" as never }),
  "a timer with a long body": (tx) => tx.after("t", 1, "do", long),
  "an hour that is none": (tx) => tx.at("t", new Date("no"), "do"),
  "an hour in words": (tx) => tx.at("t", "2030-01-01" as never, "do"),
  "an hour long ago": (tx) => tx.at("t", new Date(-1), "do"),
  "an hour far away": (tx) => tx.at("t", new Date("2400-01-01"), "do"),
  "too many timers": (tx) => many((n) => tx.cancel(String(n))),
  "a notice for nobody": (tx) => tx.notify([], "a"),
  "a notice for a text": (tx) => tx.notify("t1", "a"),
  "a notice for numbers": (tx) => tx.notify([1] as never, "a"),
  "a notice for a number": (tx) => tx.notify(7 as never, "a"),
  "a notice without a topic": (tx) => tx.notify(ALL, 7 as never),
  "a notice on a topic with a dot": (tx) => tx.notify(ALL, "a.b"),
  "a notice for a terminal twice": (tx) => tx.notify(["t1", "t1"], "a"),
  "a fence without a time": (tx) => tx.notify(["t1"], "a", 1, { fenced: true }),
  "a fence without time": (tx) => tx.notify(["t1"], "a", 1, { fenced: true, within: 0 }),
  "a fence of a part of a millisecond": (tx) => tx.notify(["t1"], "a", 1, { fenced: true, within: 1.5 }),
  "a fence for too long": (tx) => tx.notify(["t1"], "a", 1, { fenced: true, within: 86_400_001 }),
  "a fence of a text": (tx) => tx.notify(["t1"], "a", 1, { fenced: true, within: "soon" as never }),
  "a fence for all": (tx) => tx.notify(ALL, "a", 1, { fenced: true, within: 1 }),
  "a time without a fence": (tx) => tx.notify(["t1"], "a", 1, { within: 1 }),
  "a notice for no id": (tx) => tx.notify(["t 1"], "a"),
  "a notice with a long body": (tx) => tx.notify(ALL, "a", long),
  "too many notices": (tx) => many(() => tx.notify(ALL, "a")),
  "too many recipients": (tx) => many((n) => tx.notify(Array.from({ length: 513 }, (_, i) => `t${n}-${i}`), "a"), 2),
  "a lane with a space": (tx) => tx.emit("billing", "a b"),
  "a lane with a slash": (tx) => tx.emit("billing", "a/b"),
  "no lane": (tx) => tx.emit("billing", ""),
  "a long lane": (tx) => tx.emit("billing", "a".repeat(129)),
  "a lane that is a number": (tx) => tx.emit("billing", 7 as never),
  "a target with a dot": (tx) => tx.emit("billing.x", "a"),
  "an emission with a long body": (tx) => tx.emit("billing", "a", long),
  "too many emissions": (tx) => many(() => tx.emit("billing", "a")),
};

for (const [what, mistake] of Object.entries(MISTAKES)) {
  test(`a mistake is said: ${what}`, async () => {
    const log = quiet();
    let caught: unknown;
    handler = async (tx) => {
      try {
        await mistake(tx);
      } catch (error) {
        caught = error;
      }
      return {};
    };
    assert.equal((await pair.callRaw("do")).code, 500);
    assert.ok(caught instanceof Misuse, String(caught));
    assert.match(log.lines(), /the service made a mistake/);
    assert.deepEqual([pair.keys(), pair.timers.size, pair.notices, pair.emissions], [[], 0, [], []]);
  });
}

test("a mistake is said with its place in the service", async () => {
  const log = quiet();
  handler = function keep(tx) {
    tx.put("a", { b: () => 1 });
    return {};
  };
  assert.equal((await pair.callRaw("do")).code, 500);
  assert.match(log.lines(), /the service made a mistake at (\w+\.)?keep \(file:.*tx\.test\.[jt]s:\d+:\d+\): /);
});

test("a query writes nothing", async () => {
  quiet();
  for (const write of [(tx: Tx) => tx.put("a", 1), (tx: Tx) => tx.delete("a"), (tx: Tx) => tx.emit("t", "a"), (tx: Tx) => tx.notify(ALL, "a")]) {
    handler = write;
    assert.equal((await pair.callRaw("see")).code, 500);
  }
});

test("an await that is missing is a mistake", async () => {
  const log = quiet();
  let later: Promise<unknown> | undefined;
  handler = (tx) => {
    later = tx.get("a").then(() => tx.put("a", 1));
    later.catch(() => {});
    return {};
  };
  assert.equal((await pair.callRaw("do")).code, 500);
  await assert.rejects(later!, Misuse);
  assert.match(log.lines(), /an await is missing/);
  await assert.rejects(run((tx) => Promise.all([tx.get("a"), Promise.reject(new Conflict("no"))])), Conflict);
  let kept: Tx | undefined;
  await run((tx) => {
    kept = tx;
    tx.put("a", 1);
  });
  assert.throws(() => kept!.put("b", 1), Misuse);
  await assert.rejects(kept!.get("b"), Misuse);
  assert.deepEqual(pair.keys(), ["a"]);
});

test("as much as there may be", async () => {
  await run((tx) => {
    many((n) => tx.after(String(n % 256), 1, "do", n === 0 ? "x".repeat((64 << 10) - 2) : undefined), 300);
    many((n) => {
      tx.notify(Array.from({ length: 4 }, (_, i) => `t${n}-${i}`), "a");
      tx.emit("billing", "!".repeat(128));
    }, 256);
  });
  assert.deepEqual([pair.timers.size, pair.notices.length, pair.emissions.length], [256, 256, 256]);
});

test("notices and emissions are part of the update", async () => {
  quiet();
  const body = { n: 1 };
  const does = (tx: Tx): void => {
    tx.notify(ALL, "a", body);
    tx.notify(new Set(["t1", "t2"]), "b");
    tx.notify(["t1"], "c", undefined, { fenced: true, within: 1500 });
    tx.emit("billing", "seat-1", body);
    tx.emit("billing", "seat-2");
    body.n = 2;
  };
  await run(does);
  const notices = [{ topic: "a", all: true, body: { n: 1 } }, { topic: "b", to: ["t1", "t2"] },
    { topic: "c", to: ["t1"], fenced: true, within_ms: 1500 }];
  const emissions = [{ target: "billing", lane: "seat-1", body: { n: 1 } }, { target: "billing", lane: "seat-2" }];
  assert.deepEqual([pair.notices, pair.emissions], [notices, emissions]);
  pair.terminals = ["t1"];
  await assert.rejects(run(does), NotFound);
  pair.terminals = undefined;
  pair.targets = ["other"];
  await assert.rejects(run(does), NotFound);
  pair.targets = undefined;
  await assert.rejects(run((tx) => {
    does(tx);
    throw new Error("a mistake");
  }));
  assert.deepEqual([pair.notices, pair.emissions], [notices, emissions]);
});

test("due", async () => {
  const seen: (object | undefined)[] = [];
  await run((tx) => {
    seen.push(tx.due);
    tx.after("t", 5000, "do");
  });
  await pair.fire("t", 2500);
  const due = seen[1] as { key: string; at: Date; late: number };
  assert.deepEqual([seen[0], due.key, due.late], [undefined, "t", 2500]);
  assert.ok(Math.abs(Date.now() - 2500 - due.at.getTime()) < 20_000);
  assert.ok(pair.timers.has("t"), "set again by its own handler: the set wins");
});
