/** Requests as received, and their replies. */
import { Malformed } from "./errors.js";
import type { Fired } from "./items.js";
import { whole, words } from "./json.js";
import { shown } from "./outbox.js";

/** A request as received. */
export interface Request {
  readonly operation: string;
  readonly body: Uint8Array;
  readonly ticket: string;
  /** The id is the app's own. */
  readonly ownId: boolean;
  readonly attempt: number;
  readonly epoch: bigint;
  /** In milliseconds; 0 if not given. */
  readonly remaining: number;
  readonly timer?: Fired | undefined;
}

/** The reply to a request. */
export interface Reply {
  readonly code: number;
  readonly message: string;
  readonly body: string;
  readonly proof: string;
}

export const reply = (code: number, message = "", body = "", proof = ""): Reply => ({ code, message, body, proof });

const HEADERS = ["Terminal", "Counter", "Request-Id", "Ticket", "Attempt", "Epoch", "Deadline", "Timer"].map((name) => `Hotpair-${name}`);

/** Reads the headers of a request. A missing header is zero; an unreadable one is refused. */
export function readRequest(operation: string, body: Uint8Array, given: Iterable<[string, string[]]>): Request {
  const headers = new Map<string, string>();
  for (const [name, values] of given) {
    if (!/^hotpair-/i.test(name)) {
      continue;
    }
    if (!HEADERS.includes(name)) {
      throw new Malformed(`unknown header ${shown(name)}: omit it, or use one of ${HEADERS.join(", ")}`);
    }
    if (values.length !== 1) {
      throw new Malformed(`the header ${name} occurs more than once: give it once`);
    }
    headers.set(name, values[0]!);
  }
  const own = headers.get("Hotpair-Request-Id");
  if ((own || number(headers, "Hotpair-Counter")) && !headers.get("Hotpair-Terminal")) {
    throw new Malformed("header Hotpair-Terminal is missing: an id needs its terminal");
  }
  const attempt = number(headers, "Hotpair-Attempt");
  return {
    operation,
    body,
    ticket: headers.get("Hotpair-Ticket") ?? "",
    ownId: Boolean(own),
    attempt: attempt > 1n ? Number(attempt) : 1,
    epoch: number(headers, "Hotpair-Epoch"),
    remaining: remaining(headers.get("Hotpair-Deadline")),
    timer: timer(headers.get("Hotpair-Timer")),
  };
}

function number(headers: Map<string, string>, name: string): bigint {
  const text = headers.get(name) ?? "0";
  if (!/^[0-9]{1,20}$/.test(text)) {
    throw new Malformed(`header ${name}: ${shown(text.slice(0, 40))} is not a number`);
  }
  return BigInt(text);
}

function remaining(text: string | undefined): number {
  if (!text) {
    return 0;
  }
  const ms = /^(\d{1,9})ms$/.exec(text)?.[1];
  if (!Number(ms)) {
    throw new Malformed(`header Hotpair-Deadline: ${shown(text.slice(0, 40))} is not a whole number of ms like 29500ms`);
  }
  return Number(ms);
}

function timer(text: string | undefined): Fired | undefined {
  if (!text) {
    return undefined;
  }
  try {
    const due = JSON.parse(text);
    const { key } = due;
    if (typeof key !== "string" || key === "" || /\p{Surrogate}/u.test(key)) {
      throw new TypeError("it has no key");
    }
    const [revision, atNs, lateNs] = ["revision", "at_ns", "late_ns"].map((name) => whole(due[name] ?? ""));
    return { key, revision: revision!, atNs: atNs!, lateNs: lateNs! };
  } catch (error) {
    throw new Malformed(`header Hotpair-Timer: ${words(error)}`);
  }
}
