/**
 * A pair in memory, to test handlers without one.
 *
 *     import { Memory } from "hotpair/testing";
 *
 *     const pair = new Memory(service);
 *     assert.deepEqual(await pair.request("add", { name: "a" }), { count: 1 });
 *     assert.equal(pair.value("a"), 1);
 *
 * It decides like the updater: conditions, ranges, recorded answers, timers. It is not durable.
 */
import type { Deadline } from "./deadline.js";
import { Code, Conflict, Malformed, NotFound, ServiceError, TooLarge } from "./errors.js";
import { Counts, type Database, Execution, Shared } from "./execution.js";
import type { Fired } from "./items.js";
import { coded, decode, encode, keyBytes, keyText, type Message, withRevision } from "./json.js";
import { type Emission, type Notice, type Outbox, type Timer, wrong } from "./outbox.js";
import { type Reply, reply } from "./requests.js";
import type { Service } from "./service.js";

// The updater's bounds.
const READ_KEYS = 1024;
const SCAN_ITEMS = 1000;
const UPDATE = 1 << 20;
const KINDS: Record<number, new (message: string) => ServiceError> = {
  [Code.malformed]: Malformed,
  [Code.absent]: NotFound,
  [Code.conflict]: Conflict,
  [Code.tooLarge]: TooLarge,
};

/** Options of a request. Two with one id are the same request. */
export interface Asked {
  id?: string;
  attempt?: number;
  /** The id is the app's own. */
  ownId?: boolean;
  /** In milliseconds. */
  deadline?: number;
}

/** A waiting timer. */
export interface Waiting extends Timer {
  revision: bigint;
}

/** A service with its data. */
export class Memory {
  /** The notices to terminals, and the emissions to targets. */
  notices: Notice[] = [];
  emissions: Emission[] = [];
  /** Waiting timers, by their keys. */
  readonly timers = new Map<string, Waiting>();
  /** The existing terminals and targets; undefined: any. */
  terminals: string[] | undefined;
  targets: string[] | undefined;
  /** The number of commits. */
  commits = 0;
  /** Called before each commit is decided, for example to cause a conflict. Its writes are committed before. */
  beforeCommit: (() => unknown) | undefined;
  /** @internal Calls are answered with these codes, or fail with these errors, as long as there are any. */
  refuse: (number | Error)[] = [];
  /** @internal */
  epoch = 1n;
  /** @internal */
  readonly answers = new Map<string, Message>(); // by id
  /** @internal */
  readonly shared: Shared;
  #sequence = 1n;
  readonly #items = new Map<string, { value: Buffer; revision: bigint }>(); // by the bytes of the key, one a character

  constructor(readonly service: Service) {
    const database: Database = { call: (name, message, deadline) => this.call(name, message, deadline), pause: () => pause() };
    this.shared = new Shared(service, database);
  }

  /** Makes a request and returns the answer; throws a ServiceError for an error. */
  async request(operation: string, body?: unknown, how: Asked = {}): Promise<any> {
    const made = await this.callRaw(operation, body, how);
    if (made.code !== Code.ok) {
      const kind = KINDS[made.code];
      throw kind ? new kind(made.message) : new ServiceError(made.code, made.message);
    }
    return JSON.parse(made.body);
  }

  /** Makes a request and returns the reply that the terminal gets. A Uint8Array is an encoded body. */
  callRaw(operation: string, body?: unknown, how: Asked = {}): Promise<Reply> {
    return this.#serve(operation, body, how);
  }

  /** Runs a timer as if it were due, late by some milliseconds. RangeError if there is none. */
  fire(key: string, late = 0): Promise<Reply> {
    const timer = this.timers.get(key);
    if (!timer) {
      throw new RangeError(`there is no timer ${key}`);
    }
    return this.runOf(timer, late);
  }

  /** @internal */
  runOf(timer: Waiting, late = 0): Promise<Reply> {
    const lateNs = BigInt(Math.round(late * 1e6));
    const fired = { key: timer.key, revision: timer.revision, atNs: BigInt(Date.now()) * 1_000_000n - lateNs, lateNs };
    return this.#serve(timer.operation!, timer.body, {}, fired);
  }

  async #serve(operation: string, body: unknown, { id = "", attempt = 1, ownId = false, deadline = 0 }: Asked, timer?: Fired): Promise<Reply> {
    const known = this.service.operations.get(operation);
    if (!known) {
      const error = this.service.unknown(operation);
      return reply(error.code, error.message);
    }
    const data = body instanceof Uint8Array ? body : Buffer.from(encode(body ?? {}));
    const ticket = id ? JSON.stringify([id, operation, coded(data)]) : ""; // what terminal-if says of a request
    const request = { operation, body: data, ticket, ownId, attempt, epoch: this.epoch, remaining: deadline, timer };
    return await new Execution(this.shared, known, request, new Counts()).serve();
  }

  /** The value of a key as JSON, undefined if it is absent or empty. */
  value(key: string): any {
    const data = this.bytes(key);
    return data?.length ? decode(data, key) : undefined;
  }

  /** The value of a key, undefined if it is absent. */
  bytes(key: string): Buffer | undefined {
    return this.#items.get(inside(key))?.value;
  }

  /** All keys, in order. */
  keys(): string[] {
    return this.#range("", "", "").map((key) => keyText(Buffer.from(key, "latin1")));
  }

  /** Writes a key as an update of its own: a Uint8Array unchanged, other values as JSON. */
  put(key: string, value: unknown): void {
    this.#sequence++;
    this.#items.set(inside(key), { value: Buffer.from(value instanceof Uint8Array ? value : encode(value)), revision: this.#sequence });
  }

  /** Removes a key as an update of its own. */
  delete(key: string): void {
    this.#sequence++;
    this.#items.delete(inside(key));
  }

  // The updater.

  /** @internal */
  async call(name: string, data: string, _deadline: Deadline): Promise<Uint8Array> {
    const message = JSON.parse(data) as Message;
    await undefined; // as all that comes over a wire
    if (name === "commit") {
      this.beforeCommit?.();
    }
    return Buffer.from(encode(this.#decide(name, message)));
  }

  #decide(name: string, q: Message): Message {
    const refused = this.refuse.shift();
    if (refused instanceof Error) {
      throw refused;
    }
    if (refused !== undefined) {
      return { code: refused, message: "the test refuses" };
    }
    if (q["ticket"]) {
      const known = this.answers.get(idOf(q));
      if (known) {
        const { ticket, ...answer } = known;
        return { recorded: ticket === q["ticket"] ? answer : { code: Code.conflict, message: "the id was used before for another request" } };
      }
    }
    return { read: () => this.#read(q), scan: () => this.#scan(q), commit: () => this.#commit(q) }[name]!();
  }

  get #place(): Message {
    return { epoch: String(this.epoch), sequence: String(this.#sequence) };
  }

  #item(key: string): Message {
    const { value, revision } = this.#items.get(key) ?? { value: "", revision: 0n };
    return { key_base64: Buffer.from(key, "latin1").toString("base64"), value_base64: coded(value), revision: String(revision) };
  }

  #read(q: Message): Message {
    const keys = texts(q, "keys");
    if (keys.length > READ_KEYS) {
      return { code: Code.tooLarge, message: `${keys.length} keys in one read, at most ${READ_KEYS}` };
    }
    return this.#unmoved(q) ?? { position: this.#place, items: keys.map((key) => this.#item(key)) };
  }

  #scan(q: Message): Message {
    const at = q["position"] as Message | undefined;
    if (at && (at["epoch"] !== this.#place["epoch"] || at["sequence"] !== this.#place["sequence"])) {
      return { code: Code.conflict, message: "the state has moved" };
    }
    const keys = this.#range(text(q, "prefix"), text(q, "after"), "");
    const limit = Math.min(Number(q["limit"] ?? SCAN_ITEMS), SCAN_ITEMS);
    const items = () => keys.slice(0, limit).map((key) => this.#item(key));
    return this.#unmoved(q) ?? { position: this.#place, items: items(), more: keys.length > limit };
  }

  #commit(q: Message): Message {
    this.commits++;
    if (!q["ticket"] && q["epoch"] !== String(this.epoch)) {
      return { code: Code.nobody, message: "the epoch has changed" };
    }
    const outbox = (q["outbox"] ?? {}) as Outbox;
    const operations = (q["operations"] ?? []) as Message[];
    const refused = this.#unmoved(q) ?? this.#unfit(outbox, operations);
    if (refused) {
      return refused;
    }
    if (!operations.length && !Object.keys(outbox).length && !q["record"]) {
      return {};
    }
    this.#sequence++;
    this.#leave(outbox);
    for (const operation of operations) {
      if (operation["delete"]) {
        this.#items.delete(text(operation, "key"));
      } else {
        this.#items.set(text(operation, "key"), { value: Buffer.from(text(operation, "value"), "latin1"), revision: this.#sequence });
      }
    }
    if (!q["ticket"]) {
      return { position: this.#place };
    }
    const proof = `${this.epoch}/${this.#sequence}.test`;
    const answer = q["answer"] as Message;
    const body = Buffer.from(text(answer, "body"), "latin1").toString();
    this.answers.set(idOf(q), {
      ticket: q["ticket"],
      code: answer["code"] ?? 0,
      message: answer["message"] ?? "",
      body_base64: coded(answer["revision"] ? withRevision(body, this.#sequence) : body),
      proof,
    });
    return { position: this.#place, proof };
  }

  /** The reason to refuse an update, undefined if there is none. */
  #unfit(outbox: Outbox, operations: Message[]): Message | undefined {
    const problem = wrong(outbox);
    if (problem) {
      return { code: Code.malformed, message: problem };
    }
    const { fired, notices = [], emissions = [] } = outbox;
    if (fired && String(this.timers.get(fired.key)?.revision ?? 0) !== fired.revision) {
      return { code: Code.tooOld, message: "the timer was moved" };
    }
    const stranger = notices.flatMap((one) => one.to ?? []).find((to) => this.terminals && !this.terminals.includes(to));
    if (stranger !== undefined) {
      return { code: Code.absent, message: `a notice is for ${stranger}, which is not a terminal of this pair` };
    }
    const nowhere = emissions.find((one) => this.targets && !this.targets.includes(one.target));
    if (nowhere) {
      return { code: Code.absent, message: `the target ${nowhere.target} does not exist` };
    }
    const size = operations.reduce((sum, one) => sum + text(one, "key").length + text(one, "value").length, 0);
    return size > UPDATE ? { code: Code.tooLarge, message: `an update has at most ${UPDATE} bytes` } : undefined;
  }

  #leave({ fired, timers = [], notices = [], emissions = [] }: Outbox): void {
    if (fired) {
      this.timers.delete(fired.key);
    }
    this.notices.push(...notices);
    this.emissions.push(...emissions);
    for (const timer of timers) {
      this.timers.delete(timer.key);
      if (!timer.cancel) {
        this.timers.set(timer.key, { ...timer, revision: this.#sequence });
      }
    }
  }

  /** The conditions and ranges that do not hold; undefined if all hold. */
  #unmoved(q: Message): Message | undefined {
    const conflicts = ((q["conditions"] ?? []) as Message[]).filter((c) => {
      const revision = this.#items.get(text(c, "key"))?.revision ?? 0n;
      return c["present"] ? revision === 0n : revision !== BigInt((c["revision"] ?? "0") as string);
    });
    const moved = ((q["ranges"] ?? []) as Message[]).flatMap((r, i) => {
      const keys = this.#range(text(r, "prefix"), text(r, "after"), text(r, "through"));
      const sequence = BigInt((r["sequence"] ?? "0") as string);
      return keys.length !== (r["keys"] ?? 0) || keys.some((key) => this.#items.get(key)!.revision > sequence) ? [i] : [];
    });
    if (!conflicts.length && !moved.length) {
      return undefined;
    }
    const lost = conflicts.map((c) => Buffer.from(text(c, "key"), "latin1").toString("base64"));
    return { code: Code.conflict, message: "a condition of the commit does not hold", conflicts_base64: lost, moved };
  }

  #range(prefix: string, after: string, through: string): string[] {
    return [...this.#items.keys()].filter((key) => key.startsWith(prefix) && key > after && (through === "" || key <= through)).sort();
  }
}

const pause = (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(false), 1));

/** The bytes of a key, one a character, so that the texts sort like the keys. */
const inside = (key: string): string => keyBytes(key).toString("latin1");

const idOf = (q: Message): string => String(JSON.parse(q["ticket"] as string)[0]);

function text(q: Message, name: string): string {
  const given = q[`${name}_base64`];
  return given === undefined ? Buffer.from(String(q[name] ?? "")).toString("latin1") : Buffer.from(given as string, "base64").toString("latin1");
}

function texts(q: Message, name: string): string[] {
  const given = q[`${name}_base64`] as string[] | undefined;
  return given?.map((key) => Buffer.from(key, "base64").toString("latin1")) ?? ((q[name] ?? []) as string[]).map((key) => text({ key }, "key"));
}

export type { Reply } from "./requests.js";
