/** The transaction of a request. */
import { Interrupt, Misuse } from "./errors.js";
import { ALL, type Due, type Fired, Item, type NoticeOptions, type Page, type TimerOptions } from "./items.js";
import { coded, encode, keyBytes, type Message, putText, words } from "./json.js";
import { type Emission, LONGEST_MS, type Notice, type Outbox, shown, type Timer, tooMany, wrong } from "./outbox.js";
import { Reads, type Source } from "./reads.js";

export const MAX_SCAN = 1000;

/** The runtime's context of a transaction. */
export interface Environment extends Source {
  /** Whether an operation of that name exists and may write. */
  writes(operation: string): boolean;
  readonly run: number;
  readonly fired?: Fired | undefined;
}

/**
 * The transaction of a request.
 *
 * Its reads are of one committed position; its writes take effect as one update when the handler returns, and are dropped when
 * it throws. Each key read, and each range scanned, is a condition of that update: after a conflict with another request the handler is
 * run again with a new Tx. A key that is only written has no condition. A Tx must not be used after its handler has returned.
 */
export class Tx {
  readonly #environment: Environment;
  readonly #reads: Reads;
  readonly #required: Message[] = [];
  readonly #written = new Map<string, Buffer | undefined>(); // undefined: deleted
  readonly #timers = new Map<string, Timer>();
  readonly #notices: Notice[] = [];
  readonly #emissions: Emission[] = [];
  #last: Promise<unknown> = Promise.resolve(); // trip: one at a time
  #onTheWay = 0;
  #failed: Error | undefined;
  #closed = false;

  /** @internal */
  constructor(environment: Environment) {
    this.#environment = environment;
    this.#reads = new Reads(environment);
  }

  /** The number of this run of the handler for this request, from 1. */
  get run(): number {
    return this.#environment.run;
  }

  /** The timer of this run; undefined for a request. */
  get due(): Due | undefined {
    const fired = this.#environment.fired;
    return fired && { key: fired.key, at: new Date(Number(fired.atNs / 1_000_000n)), late: Number(fired.lateNs) / 1e6 };
  }

  // Reading.

  /** Reads one key. For several keys use getMany, which is one round trip. */
  async get(key: string): Promise<Item> {
    return (await this.getMany(key))[0]!;
  }

  /** Reads keys in one round trip, or none if all were already read. Returns items in the order of the keys. */
  getMany(...keys: string[]): Promise<Item[]> {
    return this.#trip(async () => {
      const missing = [...new Set(keys)].filter((key) => !this.#reads.seen.has(key) && !this.#written.has(key));
      missing.forEach((key) => this.#check(key));
      if (missing.length) {
        await this.#reads.read(missing);
      }
      return keys.map((key) => this.#item(key));
    });
  }

  /**
    * Returns up to limit items (at most 1000) whose keys begin with prefix and follow a key, in the order of their bytes.
    *
    * The condition covers the range: a key that is added, changed or deleted in it is a conflict, so a handler may put a key because it
    * found none. Before the first write only. kept is for a range from which nothing is ever deleted: its pages are of one position even
    * while it is written to.
   */
  scan(prefix: string, after = "", limit = MAX_SCAN, { kept = false } = {}): Promise<Page> {
    const late = this.#written.size > 0;
    return this.#trip(async () => {
      if (late) {
        throw new Misuse("scan before the first write: a scan would not see it");
      }
      for (const key of [prefix, after]) {
        if (typeof key !== "string") {
          throw new Misuse(`a scan needs texts, not ${shown(key)}`);
        }
      }
      return await this.#reads.scan(prefix, after, limit > 0 && limit <= MAX_SCAN ? Math.ceil(limit) : MAX_SCAN, kept);
    });
  }

  #item(key: string): Item {
    const { value, revision } = this.#reads.seen.get(key) ?? { value: new Uint8Array(), revision: 0n };
    if (this.#written.has(key)) {
      const own = this.#written.get(key);
      return new Item(key, own ?? new Uint8Array(), revision, own !== undefined);
    }
    return new Item(key, value, revision, revision !== 0n);
  }

  // Writing.

  /** Writes a key when the handler returns: a Uint8Array unchanged, other values as JSON. */
  put(key: string, value: unknown): void {
    this.#mayWrite();
    this.#check(key);
    this.#written.set(key, value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(this.#try(() => encode(value))));
  }

  /** Removes a key when the handler returns. An absent key is not an error. */
  delete(key: string): void {
    this.#mayWrite();
    this.#check(key);
    this.#written.set(key, undefined);
  }

  /**
   * Makes it a condition, without a read, that a key has a revision (0: is absent), or is present.
   *
   * If the condition is false the handler is run again, and run is above 1.
   */
  require(key: string, revision: bigint | number | "present"): void {
    this.#goOn();
    this.#check(key);
    const isNumber = typeof revision === "bigint" ? revision >= 0n && revision < 1n << 64n : Number.isSafeInteger(revision) && (revision as number) >= 0;
    if (revision !== "present" && !isNumber) {
      throw this.fail(new Misuse('require needs a revision from 0, or "present"'));
    }
    this.#required.push(putText(revision === "present" ? { present: true } : { revision: String(revision) }, "key", key));
  }

  // Timers.

  /**
   * Sets a timer that runs an operation some milliseconds after the update. It replaces a timer with the same key.
   *
   * The time passes while no host serves, and follows no wall clock. late: "skip" drops it when it is a minute late.
   */
  after(key: string, ms: number, operation: string, body?: unknown, options: TimerOptions = {}): void {
    if (typeof ms !== "number" || !(ms >= 0 && ms <= LONGEST_MS)) {
      throw this.fail(new Misuse(`timer ${shown(key)} has the invalid delay ${typeof ms === "number" ? ms : shown(ms)}; want a number of milliseconds`));
    }
    const whole = Math.ceil(ms); // never early
    this.#timer({ key, operation, ...(whole ? { after_ms: whole } : {}) }, body, options);
  }

  /** Sets a timer for a time of day, otherwise like after. It waits while the hosts' wall clocks are in doubt. */
  at(key: string, hour: Date, operation: string, body?: unknown, options: TimerOptions = {}): void {
    const ms = hour instanceof Date ? hour.getTime() : NaN;
    const ns = Number.isNaN(ms) ? 0n : BigInt(ms) * 1_000_000n;
    if (ns <= 0n || ns >= 1n << 63n) {
      throw this.fail(new Misuse(`timer ${shown(key)} is due at ${Number.isNaN(ms) ? "an invalid Date" : hour.toISOString()}, which is out of range`));
    }
    this.#timer({ key, operation, at_ns: String(ns) }, body, options);
  }

  /** Cancels a timer. An absent timer is not an error. */
  cancel(key: string): void {
    this.#leave("timers", { key, cancel: true });
  }

  #timer(timer: Timer, body: unknown, { late = "run" }: TimerOptions): void {
    this.#mayWrite();
    if (typeof timer.operation !== "string" || !this.#environment.writes(timer.operation)) {
      throw this.fail(new Misuse(
        `timer ${shown(timer.key)} needs an operation that writes, and ${shown(timer.operation)} is not one`));
    }
    if (late !== "run" && late !== "skip") {
      throw this.fail(new Misuse(`timer ${shown(timer.key)} has late: ${shown(late)}; want "run" or "skip"`));
    }
    this.#leave("timers", { ...timer, ...this.#body(body), ...(late === "skip" ? { skip: true as const } : {}) });
  }

  // Notices and emissions.

  /**
    * Sends a notice to terminals when the handler returns: those with these ids, or ALL. Without a body it is {}.
    *
    * The notice is part of the update: terminals get only what was committed. Each gets the notices of all services in the order of the
    * updates, stores them, and delivers them to applications that subscribe to notice.SERVICE.TOPIC; one that is not attached gets them
    * later. An id that is not of the pair refuses the update: the request is answered with 404.
    *
    * fenced: true makes it a command, for an effect in the world that must not happen twice: a terminal hands it out at
    * most once, to the application that takes it first, and no later than within (in milliseconds, up to a day) after the update. It is for
    * named terminals only.
   */
  notify(to: typeof ALL | Iterable<string>, topic: string, body?: unknown, options: NoticeOptions = {}): void {
    const ids = to === ALL || typeof to === "string" || typeof to?.[Symbol.iterator] !== "function" ? [] : [...to];
    const { fenced, within } = options;
    const fence = { ...(fenced ? { fenced: true as const } : {}), ...(within === undefined ? {} : { within_ms: typeof within === "number" ? within : NaN }) };
    this.#leave("notices", { topic, ...(to === ALL ? { all: true as const } : { to: ids }), ...this.#body(body), ...fence });
  }

  /**
    * Sends an emission when the handler returns: the body goes to a target of the pair by HTTP POST.
    *
    * It is part of the update, and is sent by the active host until the target has confirmed it. Emissions of one lane arrive in the order of
    * the updates; name a lane after the object that must stay in order. An unknown target refuses the update: 404.
   */
  emit(target: string, lane: string, body?: unknown): void {
    this.#leave("emissions", { target, lane, ...this.#body(body) });
  }

  /** The encoded body, unaffected by later changes of the object. */
  #body(body: unknown): { body?: unknown } {
    return body === undefined ? {} : { body: JSON.parse(this.#try(() => encode(body))) };
  }

  /** Adds an entry to the outbox. Of several changes of one timer the last one counts. */
  #leave(kind: "timers" | "notices" | "emissions", one: Timer | Notice | Emission): void {
    this.#mayWrite();
    let problem = wrong({ [kind]: [one] });
    if (!problem) {
      if (kind === "timers") {
        this.#timers.set((one as Timer).key, one as Timer);
      } else {
        ((kind === "notices" ? this.#notices : this.#emissions) as unknown[]).push(one);
      }
      problem = tooMany(this.#timers.size, this.#notices, this.#emissions.length);
    }
    if (problem) {
      throw this.fail(new Misuse(problem));
    }
  }

  // What the runtime makes of it.

  /** @internal What decides about the run, whatever the handler makes of it. */
  get failed(): Error | undefined {
    return this.#failed;
  }

  /** @internal Records the first error. */
  fail(error: Error): Error {
    return (this.#failed ??= error);
  }

  /** @internal Whether it waits for the updater. */
  get waits(): boolean {
    return this.#onTheWay > 0;
  }

  /** @internal The handler has returned: later calls fail. Waits for calls in flight. */
  async close(returned: boolean): Promise<void> {
    this.#closed = true;
    if (returned && this.waits && !this.#failed) {
      this.fail(new Misuse("the handler returned before its read was done: an await is missing"));
    }
    await this.#last;
  }

  /** @internal Whether the outbox has entries. */
  writes(): boolean {
    return Boolean(this.#written.size || this.#timers.size || this.#notices.length || this.#emissions.length || this.#environment.fired);
  }

  /** @internal */
  requires(): boolean {
    return this.#required.length > 0;
  }

  /** @internal */
  operations(): Message[] {
    return [...this.#written].map(([key, data]) => putText(data ? { value_base64: coded(data) } : { delete: true }, "key", key));
  }

  /** @internal */
  outbox(): Outbox {
    const fired = this.#environment.fired;
    return {
      ...(this.#timers.size ? { timers: [...this.#timers.values()] } : {}),
      ...(this.#notices.length ? { notices: this.#notices } : {}),
      ...(this.#emissions.length ? { emissions: this.#emissions } : {}),
      ...(fired ? { fired: { key: fired.key, revision: String(fired.revision) } } : {}),
    };
  }

  /** @internal The required conditions, and that every key read is unchanged. */
  conditions(): Message[] {
    return [...this.#required, ...this.#reads.unchanged()];
  }

  /** @internal The conditions that every range scanned is unchanged. */
  ranges(): Message[] {
    return this.#reads.ranges();
  }

  /** Makes a call after the earlier ones, and records its failure. */
  #trip<T>(make: () => Promise<T>): Promise<T> {
    this.#onTheWay++;
    const made = this.#last.then(async () => {
      try {
        this.#goOn();
        return await make();
      } catch (error) {
        if (error instanceof Interrupt || error instanceof Misuse) {
          throw this.fail(error);
        }
        throw this.fail(new Misuse(`a reply of the updater can't be read: ${words(error)}`));
      } finally {
        this.#onTheWay--;
      }
    });
    this.#last = made.catch(() => {});
    return made;
  }

  #mayWrite(): void {
    this.#goOn();
    if (this.#environment.readOnly) {
      throw this.fail(new Misuse("a query can't write"));
    }
  }

  #check(key: string): void {
    if (typeof key !== "string" || key === "") {
      throw this.fail(new Misuse(`a key must be a non-empty text, not ${shown(key)}`));
    }
    this.#try(() => keyBytes(key));
  }

  #try<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw this.fail(error as Error);
    }
  }

  #goOn(): void {
    if (this.#failed) {
      throw this.#failed;
    }
    if (this.#closed) {
      throw new Misuse("this transaction has ended: its handler has returned");
    }
  }
}

