import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Malformed, NotFound } from "hotpair";
import { Memory } from "hotpair/testing";
import { service } from "./service.js";

let pair: Memory;
beforeEach(() => {
  pair = new Memory(service);
});

test("counts", async () => {
  assert.deepEqual(await pair.request("add", { name: "a" }), { count: 1 });
  assert.deepEqual(await pair.request("add", { name: "a", by: 2 }), { count: 3 });
  assert.deepEqual(await pair.request("look", { name: "a" }), { count: 3 });
});

test("counts a repeated request once", async () => {
  for (let n = 0; n < 2; n++) {
    assert.deepEqual(await pair.request("add", { name: "a" }, { id: "one" }), { count: 1 });
  }
});

test("counts what another request added meanwhile", async () => {
  const others = [5];
  pair.beforeCommit = () => others.length && pair.put("a", others.pop());
  assert.deepEqual(await pair.request("add", { name: "a" }), { count: 6 });
});

test("refuses", async () => {
  await assert.rejects(pair.request("add", { name: "a", by: 0 }), Malformed);
  await assert.rejects(pair.request("add", { name: "a", colour: "red" }), Malformed);
  await assert.rejects(pair.request("look", { name: "a" }), NotFound);
});
