/** One request, from its arrival to its reply. */
import { Deadline } from "./deadline.js";
import { Away, Code, Doubt, isErrorCode, Late, Misuse, Moved, Recorded, Refused, ServiceError, TermOver } from "./errors.js";
import { clean, coded, decoded, encode, keyText, MAX_ANSWER, type Message, NOWHERE, position, samePosition, withRevision, words } from "./json.js";
import { log } from "./log.js";
import { jitter, Place } from "./place.js";
import { lineOf } from "./reads.js";
import { type Reply, reply, type Request } from "./requests.js";
import type { Operation, Service } from "./service.js";
import { decodeRequest } from "./shapes.js";
import { Gate, Lanes } from "./turns.js";
import { Tx } from "./tx.js";

const DEFAULT_DEADLINE = 30_000;
const MAX_CALL = 4 << 20;
// A request with this many conflicts is refused.
export const MAX_RUNS = 20;
/** Commits of one request whose outcome is unknown: one that is lost again and again may be refused each time. */
export const MAX_DOUBTS = 20;
// Pauses while waiting for the updater, in milliseconds: the first, and the longest.
const PAUSE: [number, number] = [1, 100];

/** The connection to the updater. Tests have one in memory. */
export interface Database {
  /** Makes one call. Away: not executed, Doubt: outcome unknown, Late: no answer in time. */
  call(name: string, message: string, deadline: Deadline): Promise<Uint8Array>;
  /** Waits at most until the updater comes up, and returns whether it has. */
  pause(ms: number): Promise<boolean>;
}

/** State that the requests of a process share. */
export class Shared {
  readonly lanes = new Lanes();
  readonly gate = new Gate();
  readonly deadlines = new Set<Deadline>();
  stopping = false;
  epoch = 0n; // highest in which a request has come

  constructor(
    readonly service: Service,
    readonly database: Database,
  ) {}

  note(epoch: bigint): void {
    if (epoch > this.epoch) {
      this.epoch = epoch;
    }
  }

  /** Ends requests that do not end on their own. */
  stop(): void {
    this.stopping = true;
    this.deadlines.forEach((deadline) => deadline.end());
  }
}

/** Counts of the outcomes of an operation's requests. */
export class Counts {
  requests = 0;
  errors = 0;
  conflicts = 0;
  recorded = 0;
  inFlight = 0;
  took = 0; // ms
}

const nothing = (): void => {};

/**
 * Runs the handler until there is a reply.
 *
 * Each run results in one of these: an outcome, which is committed if it writes or must be recorded; the recorded answer of an earlier
 * attempt; a conflict, after which it runs again; no updater, after which it runs again when there is one. An outcome that can't be
 * committed, because it is too large or because the runs are used up, is replaced by an error, which is recorded like an
 * error of the handler.
 */
export class Execution {
  readonly #deadline: Deadline;
  #attempt: number; // also counts commits whose outcome is unknown
  readonly #place: Place;
  #doubts = 0;
  #ended = Promise.resolve();
  #lost: string[] = []; // where the last commit failed

  constructor(
    readonly shared: Shared,
    readonly operation: Operation,
    readonly request: Request,
    readonly counts: Counts,
  ) {
    this.#attempt = request.attempt;
    this.#deadline = new Deadline(request.remaining || DEFAULT_DEADLINE);
    this.#place = new Place(shared.lanes, shared.gate, this.#deadline, operation.readOnly);
    shared.deadlines.add(this.#deadline);
    if (shared.stopping) {
      this.#deadline.end();
    }
  }

  /** When the handler has ended, which may be after the reply: it can't be interrupted. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  async serve(): Promise<Reply> {
    try {
      return await this.#serve();
    } catch (error) {
      log.error(`${this.request.operation}: a request could not be completed`, error);
      return this.operation.readOnly ? this.#unserved(Code.fault, fault().message) : reply(Code.unknown, "the outcome is unknown");
    } finally {
      this.#place.leave();
      this.#deadline.close();
      this.shared.deadlines.delete(this.#deadline);
    }
  }

  async #serve(): Promise<Reply> {
    let fixed: Reply | undefined; // set when the handler is not to be run any more
    for (let run = 1, pauses = 1; ; run++) {
      try {
        return await this.#once(run, fixed);
      } catch (ended) {
        try {
          if (ended instanceof Moved) {
            this.counts.conflicts++;
            if (this.#place.lost >= MAX_RUNS - 1) {
              fixed = reply(Code.busy, "too many other requests change the same keys; this request was not executed");
            } else {
              await this.#place.giveWay(this.#lost.splice(0));
            }
          } else if (ended instanceof Doubt && !this.request.ticket && !this.request.timer) {
            return this.#unserved(Code.fault, ""); // without an id nobody could tell the second execution from the first
          } else if (ended instanceof Doubt && ++this.#doubts >= MAX_DOUBTS) {
            if (this.request.timer) { // whatever became of it, it is there no more, or fails as often as it may
              return reply(Code.fault, `the outcome of the update is unknown after ${MAX_DOUBTS} runs`);
            }
            return this.#unserved(Code.fault, "");
          } else if (ended instanceof Doubt || ended instanceof Away) {
            pauses = await this.#pause(pauses);
          } else if (ended instanceof Refused) {
            if (fixed || !ended.final) {
              return this.#refuse(ended);
            }
            fixed = reply(ended.code, ended.said);
          } else if (ended instanceof Misuse) {
            if (fixed) {
              return this.#unserved(Code.fault, fault().message);
            }
            this.#complain(`the service made a mistake${place(ended)}: ${clean(ended.message)}`);
            fixed = fault();
          } else {
            throw ended;
          }
        } catch (end) {
          return this.#end(end);
        }
      }
    }
  }

  /** The reply to a request that can't continue. */
  #end(why: unknown): Reply {
    if (why instanceof Recorded) {
      this.counts.recorded++;
      return reply(why.code, why.said, Buffer.from(why.body).toString(), why.proof);
    }
    if (why instanceof TermOver) {
      return this.#unserved(Code.nobody, "this host is no longer active; the request was not executed");
    }
    if (!(why instanceof Late)) {
      throw why;
    }
    if (this.request.timer && this.shared.stopping) { // which uses up none of its tries
      return reply(Code.nobody, "this process is stopping; the run of the timer was not completed");
    }
    if (this.request.timer) { // or it would come again for ever
      return reply(Code.fault, "the run of the timer did not end within its deadline");
    }
    return this.#unserved(Code.nobody, "the deadline passed before the request could be executed");
  }

  /** Makes one run: the handler, unless its outcome is fixed, and the commit. */
  async #once(run: number, fixed: Reply | undefined): Promise<Reply> {
    await this.#place.passIn();
    try {
      const readOnly = this.operation.readOnly;
      const tx = new Tx({
        ask: (call, message) => this.#ask(call, message),
        queue: (keys) => this.#place.queue(keys),
        writes: (name) => this.shared.service.writes(name),
        ticket: readOnly ? "" : this.request.ticket,
        run,
        readOnly,
        fired: this.request.timer,
      });
      const outcome = fixed ?? (await this.#handle(tx));
      return await this.#commit(tx, outcome);
    } finally {
      this.#place.passOut();
    }
  }

  /** Runs the handler once. An exception affects only this request: nothing of the run has left the transaction. */
  async #handle(tx: Tx): Promise<Reply> {
    let body: string;
    try {
      const q = decodeRequest(this.request.body, this.operation.shape);
      const running = Promise.resolve(this.operation.handler(tx, q));
      this.#ended = running.then(nothing, nothing);
      const answer = await this.#deadline.race(running);
      await tx.close(true);
      body = answer === undefined || answer === null ? "{}" : encode(answer);
    } catch (error) {
      if (error instanceof Late && !tx.failed) {
        if (!tx.waits && !this.shared.stopping) {
          this.#complain("the handler did not return within the deadline of its request and is abandoned");
        }
        tx.fail(error);
      }
      await tx.close(false);
      if (tx.failed) {
        throw tx.failed;
      }
      if (error instanceof ServiceError) {
        return this.#told(error);
      }
      this.#complain("the handler failed", error);
      return fault();
    }
    if (tx.failed) {
      throw tx.failed;
    }
    const size = Buffer.byteLength(body);
    return size > MAX_ANSWER ? reply(Code.tooLarge, `the answer has ${size} bytes, at most ${MAX_ANSWER} are allowed`) : reply(Code.ok, "", body);
  }

  /** The reply for an error of the handler. A subclass in the service may have changed its properties. */
  #told(error: ServiceError): Reply {
    if (!isErrorCode(error.code) || typeof error.message !== "string") {
      this.#complain("the handler threw an error whose code is not 400 to 599, or whose message is not text", error);
      return fault();
    }
    return reply(error.code, clean(error.message));
  }

  /** Makes an outcome final and returns the reply. */
  async #commit(tx: Tx, outcome: Reply): Promise<Reply> {
    const good = outcome.code === Code.ok;
    const ticket = this.operation.readOnly ? "" : this.request.ticket;
    const record = this.#mayRepeat() && ticket !== "";
    const writes = good && tx.writes();
    if (!writes && !record && !(good && tx.requires())) {
      return outcome; // all it has read is of one position, so it stands as it is
    }
    const revision = good && this.operation.revision;
    const answer: Message = { code: outcome.code, message: outcome.message, revision };
    if (outcome.body) {
      answer["body_base64"] = coded(outcome.body);
    }
    const message: Message = { answer, record, base64: true };
    if (ticket) {
      message["ticket"] = ticket;
    } else {
      message["epoch"] = String(this.request.epoch);
    }
    if (good) {
      message["operations"] = tx.operations();
      message["outbox"] = tx.outbox();
      if (writes || tx.requires()) {
        message["conditions"] = tx.conditions();
        if (!this.operation.readOnly) {
          message["ranges"] = tx.ranges();
        }
      }
    }
    const made = await this.#ask("commit", message);
    if (!writes && !record) {
      return outcome;
    }
    const at = position(made);
    const body = revision && !samePosition(at, NOWHERE) ? withRevision(outcome.body, at.sequence) : outcome.body;
    return { ...outcome, body, proof: String(made["proof"] ?? "") };
  }

  // Asking.

  /** Makes one call and interprets its reply. */
  async #ask(call: string, message: Message): Promise<Message> {
    const commit = call === "commit";
    const data = JSON.stringify(message);
    const size = Buffer.byteLength(data);
    if (size > MAX_CALL) {
      throw new Refused(Code.tooLarge, `the request needs a database call of ${size} bytes, at most ${MAX_CALL} are allowed`, true);
    }
    if (this.#deadline.over) {
      throw new Late(); // not sent, so there is no doubt
    }
    let made: Message;
    try {
      made = JSON.parse(Buffer.from(await this.shared.database.call(call, data, this.#deadline)).toString());
      if (typeof made !== "object" || made === null || !Number.isInteger(made["code"] ?? 0)) {
        throw new TypeError("it has no code");
      }
      if (made["recorded"] !== undefined) {
        const known = made["recorded"] as Message;
        throw new Recorded(Number(known["code"] ?? 0), String(known["message"] ?? ""), decoded(known, "body"), String(known["proof"] ?? ""));
      }
    } catch (error) {
      if (error instanceof Recorded || error instanceof Away || error instanceof TermOver) {
        throw error;
      }
      if (commit) {
        this.#attempt++;
      }
      if (error instanceof Late || (error instanceof Doubt && commit)) {
        throw error;
      }
      if (!(error instanceof Doubt)) {
        log.warning(`a reply of the updater can't be read: ${words(error)}`);
      }
      throw commit ? new Doubt() : new Away(); // a read leaves no doubt
    }
    return this.#sorted(call, message, made);
  }

  #sorted(call: string, message: Message, made: Message): Message {
    const said = clean(String(made["message"] ?? ""));
    const code = (made["code"] ?? 0) as number;
    switch (code) {
      case Code.ok:
        return made;
      case Code.conflict:
        this.#lost = lost(message, made);
        throw new Moved();
      case Code.busy:
        throw new Away();
      case Code.nobody: // the updater of this term may only be on its way back, but an older term does not come back
        throw this.request.epoch < this.shared.epoch ? new TermOver() : new Away();
      case Code.fault:
      case Code.unknown:
        if (code === Code.fault) {
          this.#complain(`the updater reports a fault: ${said}`);
        }
        if (call === "commit") { // done or not: the ticket finds it
          this.#attempt++;
          throw new Doubt();
        }
        throw new Refused(Code.fault, fault().message);
    }
    throw new Refused(code, said, code === Code.malformed || code === Code.tooLarge || code === Code.absent);
  }

  /** Waits before the nth repetition and returns the number of the next; once the updater is up the count starts again. */
  async #pause(n: number): Promise<number> {
    const up = await this.#deadline.race(this.shared.database.pause(jitter(PAUSE, n)));
    return up ? 1 : n + 1;
  }

  // Answers of requests that were not executed.

  #mayRepeat(): boolean {
    return mayRepeat(this.operation, this.request, this.#attempt);
  }

  #unserved(code: number, message: string): Reply {
    return notNow(this.operation, { ...this.request, attempt: this.#attempt }, code, message);
  }

  #refuse(refused: Refused): Reply {
    if (refused.code === Code.tooOld || refused.code === Code.malformed) {
      // The id itself is refused, after it was looked up: whatever an earlier attempt did is not hidden by this.
      return reply(refused.code, refused.said);
    }
    return this.#unserved(refused.code, refused.said);
  }

  #complain(what: string, ...more: unknown[]): void {
    log.error(`${this.request.operation}, epoch ${this.request.epoch}: ${what}`, ...more);
  }
}

/**
 * Whether a request may have been executed before, so that no answer may contradict an earlier attempt.
 *
 * An application's own id may always be a repetition. The run of a timer takes effect once, whatever the answer.
 */
function mayRepeat(operation: Operation, request: Request, attempt: number): boolean {
  return !operation.readOnly && !request.timer && (attempt > 1 || request.ownId);
}

/** The reply to a request that is not executed now, but, if it may be a repetition, perhaps was before. */
export function notNow(operation: Operation, request: Request, code: number, message: string): Reply {
  return mayRepeat(operation, request, request.attempt)
    ? reply(Code.unknown, "the outcome is unknown; send the request again with the same id")
    : reply(code, message);
}

const fault = () => reply(Code.fault, "internal fault; the log of the business process has the reason");

/** The queues of the changed keys and ranges. Unreadable ones are skipped: queues only save work. */
function lost(message: Message, made: Message): string[] {
  const list = (value: unknown) => (Array.isArray(value) ? value : []);
  const keys = list(made["conflicts_base64"]).filter((key) => typeof key === "string").map((key) => keyText(Buffer.from(key, "base64")));
  const ranges = list(message["ranges"]) as Message[];
  for (const i of list(made["moved"])) {
    const one = ranges[i];
    if (one) {
      keys.push(lineOf(String(one["prefix"] ?? keyText(Buffer.from(String(one["prefix_base64"] ?? ""), "base64")))));
    }
  }
  return keys;
}

const OURS = new URL(".", import.meta.url).href;

/** The place of an error in the service, with a space before it; "" if unknown. */
function place(error: Error): string {
  const frame = (error.stack ?? "").split("\n").find((line) => /^ +at .*file:/.test(line) && !line.includes(OURS));
  return frame === undefined ? "" : clean(` ${frame.trim()}`.slice(0, 300));
}
