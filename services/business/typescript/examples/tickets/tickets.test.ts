/** The cases that the service passes in every language, on a pair in memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Memory } from "hotpair/testing";
import { service } from "./tickets.js";

interface Case {
  operation: string;
  body: unknown;
  fire?: string;
  code?: number;
  message?: string;
  answer: Record<string, unknown>;
  timer?: string;
  notices?: object[];
  emissions?: object[];
}

const CASES = new URL("../../../../tickets/ticketstest/cases.json", import.meta.url);

test("it passes the cases of all languages", async () => {
  const pair = new Memory(service);
  pair.targets = ["accounting"];
  for (const [n, one] of (JSON.parse(readFileSync(CASES, "utf8")) as Case[]).entries()) {
    const what = JSON.stringify(one);
    const reply = await (one.fire ? pair.fire(one.fire) : pair.callRaw(one.operation, one.body, { id: String(n) }));
    assert.equal(reply.code, one.code ?? 0, `${what}: ${reply.message}`);
    assert.ok(!one.message || reply.message === one.message, `${what}: ${reply.message}`);
    assert.deepEqual(pair.notices.splice(0).filter((told) => told.all).map(({ topic, body }) => ({ topic, body })), one.notices ?? [], what);
    assert.deepEqual(pair.emissions.splice(0), one.emissions ?? [], what);
    if (reply.code) {
      continue;
    }
    const answer: Record<string, any> = JSON.parse(reply.body);
    const { seat } = answer;
    for (const [name, value] of Object.entries(one.answer)) {
      if (value === "*" && answer[name]) {
        answer[name] = "*";
      }
    }
    assert.deepEqual(answer, one.answer, what);
    if (typeof seat === "string") {
      assert.equal(pair.timers.has(seat), one.timer === seat, what);
    }
  }
});
