/** The transaction of a request. */
import { Interrupt, Misuse } from "./errors.js";
import { ALL, type Due, type Fired, Item, type NoticeOptions, type Page, type TimerOptions } from "./items.js";
import { coded, encode, keyBytes, type Message, putText, words } from "./json.js";
import { type Emission, LONGEST_MS, type Notice, type Outbox, shown, type Timer, tooMany, wrong } from "./outbox.js";
import { Reads, type Source } from "./reads.js";

export const MAX_SCAN = 1000;

/** What the runtime gives a transaction. */
export interface Environment extends Source {
  /** Whether there is an operation of that name that may write. */
  writes(operation: string): boolean;
  readonly run: number;
  readonly fired?: Fired | undefined;
}

/**
 * The one transaction of a request.
 *
 * What it reads is of one committed position; what it writes takes effect as one update when the handler returns, and is forgotten when
 * it throws. Each key read, and each range scanned, is a condition of that update: if another request was faster, the handler is run
 * again with a new Tx. A key that is only written has no condition. A Tx is of no use after its handler has returned.
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

  /** How often this handler has been started for this request by now, from 1. */
  get run(): number {
    return this.#environment.run;
  }

  /** Which timer this is the run of; undefined when it is a request. */
  get due(): Due | undefined {
    const fired = this.#environment.fired;
    return fired && { key: fired.key, at: new Date(Number(fired.atNs / 1_000_000n)), late: Number(fired.lateNs) / 1e6 };
  }

  // Reading.

  /** Reads one key. Several are better read by one getMany, which is one trip. */
  async get(key: string): Promise<Item> {
    return (await this.getMany(key))[0]!;
  }

  /** Reads keys in one trip, or none if all were read before. Items come in the order of the keys. */
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
   * Gives up to limit items (at most 1000) whose keys begin with prefix and come after a key, in the order of their bytes.
   *
   * The condition is on the range: a key that appears in it, changes or goes is noticed as well, so a handler may put a key because it
   * found none. Before the first write only. kept is for a range in which nothing is ever deleted: its pages are of one position also
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

  /** Writes a key when the handler returns: a Uint8Array as it is, anything else as JSON. */
  put(key: string, value: unknown): void {
    this.#mayWrite();
    this.#check(key);
    this.#written.set(key, value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(this.#try(() => encode(value))));
  }

  /** Removes a key when the handler returns. An absent key is no error. */
  delete(key: string): void {
    this.#mayWrite();
    this.#check(key);
    this.#written.set(key, undefined);
  }

  /**
   * Makes it a condition, without a trip, that a key has a revision (0: is absent), or is present.
   *
   * If that is not so the handler is run again, and run is above 1.
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
   * Has an operation done when some milliseconds have passed after the update. A timer that has the key already is moved.
   *
   * The time goes on while nobody serves, and follows no wall clock. late: "skip" drops it when it is a minute late.
   */
  after(key: string, ms: number, operation: string, body?: unknown, options: TimerOptions = {}): void {
    if (typeof ms !== "number" || !(ms >= 0 && ms <= LONGEST_MS)) {
      throw this.fail(new Misuse(`timer ${shown(key)} has the invalid delay ${typeof ms === "number" ? ms : shown(ms)}; want a number of milliseconds`));
    }
    const whole = Math.ceil(ms); // never early
    this.#timer({ key, operation, ...(whole ? { after_ms: whole } : {}) }, body, options);
  }

  /** Has an operation done at an hour, as after. It waits while the wall clocks of the hosts are not to be believed. */
  at(key: string, hour: Date, operation: string, body?: unknown, options: TimerOptions = {}): void {
    const ms = hour instanceof Date ? hour.getTime() : NaN;
    const ns = Number.isNaN(ms) ? 0n : BigInt(ms) * 1_000_000n;
    if (ns <= 0n || ns >= 1n << 63n) {
      throw this.fail(new Misuse(`timer ${shown(key)} is due at ${Number.isNaN(ms) ? "an invalid Date" : hour.toISOString()}, which is out of range`));
    }
    this.#timer({ key, operation, at_ns: String(ns) }, body, options);
  }

  /** Takes a timer away. One that is not there is no error. */
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
   * Tells terminals something when the handler returns: those with these ids, or ALL. Without a body it is {}.
   *
   * It is a part of the update: no terminal is told of what was not committed. Each gets the notices of all services in the order of the
   * updates, keeps them, and gives them to applications that have subscribed to notice.SERVICE.TOPIC; one that is not attached gets them
   * later. An id that is none of the pair's refuses the update: the request is answered with 404.
   *
   * fenced: true makes a command of it, for what moves something in the world and must not be carried out twice: a terminal hands it out at
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
   * Tells the world outside something when the handler returns: the body is sent to a target of the pair by HTTP POST.
   *
   * It is a part of the update, and is sent by whoever serves until the target has it. What is emitted in one lane arrives in the order of
   * the updates; name a lane by what must stay in order. A target that does not exist refuses the update: 404.
   */
  emit(target: string, lane: string, body?: unknown): void {
    this.#leave("emissions", { target, lane, ...this.#body(body) });
  }

  /** A body as it is now, whatever becomes of the object. */
  #body(body: unknown): { body?: unknown } {
    return body === undefined ? {} : { body: JSON.parse(this.#try(() => encode(body))) };
  }

  /** Leaves something to be done. Of the changes of one timer the last one counts. */
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

  /** @internal Remembers the first error. */
  fail(error: Error): Error {
    return (this.#failed ??= error);
  }

  /** @internal Whether it waits for the updater. */
  get waits(): boolean {
    return this.#onTheWay > 0;
  }

  /** @internal The handler has returned: whatever it does now comes too late. Waits for what is on its way. */
  async close(returned: boolean): Promise<void> {
    this.#closed = true;
    if (returned && this.waits && !this.#failed) {
      this.fail(new Misuse("the handler returned before its read was done: an await is missing"));
    }
    await this.#last;
  }

  /** @internal Whether it leaves anything behind. */
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

  /** @internal What was required, and that every key read is as it was. */
  conditions(): Message[] {
    return [...this.#required, ...this.#reads.unchanged()];
  }

  /** @internal That every range scanned is as it was. */
  ranges(): Message[] {
    return this.#reads.ranges();
  }

  /** Makes a trip when those before are over, and remembers how it failed. */
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

