/** A service as a process of a host. */
import { Admission } from "./admission.js";
import { randomBytes } from "node:crypto";
import type { Msg, Subscription } from "@nats-io/transport-node";
import { Connection } from "./connection.js";
import { type Deadline, within } from "./deadline.js";
import { About } from "./discovery.js";
import { Code, ServiceError } from "./errors.js";
import { type Counts, type Database, Execution, notNow, Shared } from "./execution.js";
import { words } from "./json.js";
import { log } from "./log.js";
import { type Reply, readRequest, reply, type Request } from "./requests.js";
import type { Operation, Service } from "./service.js";

// What requests in flight get to end when the process is asked to stop, in milliseconds.
const FINISH_WITHIN = 1000;
const SUBSCRIBE_WITHIN = 5000;
const BEAT_EVERY = 250;

/** The connection to the updater of a host. */
class Updater implements Database {
  constructor(
    readonly connection: Connection,
    readonly service: string,
  ) {}

  call(name: string, message: string, deadline: Deadline): Promise<Uint8Array> {
    return this.connection.request(`db.${this.service}.${name}`, message, deadline);
  }

  pause(ms: number): Promise<boolean> {
    return this.connection.wait(ms);
  }
}

/** One run of a service. run serves until stop is called. */
export class Process {
  readonly #about: About;
  readonly #connections: Connection[] = [];
  #requests!: Connection;
  #shared!: Shared;
  readonly #admission = new Admission();
  #inFlight = 0;
  #stopping = false; // nothing is taken any more
  #idle: (() => void) | undefined; // hears when nothing is in flight
  #problem: Error | undefined;
  #stopped = false;
  #stop!: () => void;
  readonly #stops = new Promise<void>((resolve) => (this.#stop = resolve));

  constructor(
    readonly service: Service,
    readonly environment: NodeJS.ProcessEnv,
  ) {
    if (!service.operations.size) {
      throw new TypeError(`${service.name} has no operations`);
    }
    for (const name of ["REQUESTS_URL", "DATABASE_URL", "BUS_USER", "BUS_PASSWORD", "BUS_INBOX"]) {
      if (!environment[`HOTPAIR_${name}`]) {
        throw new TypeError(`HOTPAIR_${name} is not set: a service must be started by a host, which sets it ` +
          `(HOTPAIR_BUSINESS=${service.name}=/path/to/program)`);
      }
    }
    this.#about = new About(service);
  }

  /** Makes run end: new requests are refused, and requests in flight get one second. */
  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  #fail(problem: Error): void {
    this.#problem ??= problem;
    this.stop();
  }

  /** Explains a refusal by the host when it started this program under another name. */
  refused(error: Error): Error {
    const name = this.environment["HOTPAIR_BUS_USER"]!.replace(/^business\./, "");
    return name === this.service.name ? error : new Error(`the host started this program as "${name}", but it is ${this.service.name}: ` +
      "use the same name in new Service and in HOTPAIR_BUSINESS (or in hotpair.json, with hotpair dev)");
  }

  #connect(url: string, once = false): Connection {
    const env = this.environment;
    const connection = new Connection({
      url,
      user: env["HOTPAIR_BUS_USER"]!,
      password: env["HOTPAIR_BUS_PASSWORD"]!,
      name: `business.${this.service.name}`,
      inbox: `${env["HOTPAIR_BUS_INBOX"]}.${randomBytes(16).toString("hex")}`,
      once,
    }, (error) => this.#fail(this.refused(error)));
    this.#connections.push(connection);
    return connection;
  }

  async run(): Promise<void> {
    let beating: NodeJS.Timeout | undefined;
    try {
      const stopped = () => this.#stopped;
      let control: Connection | undefined;
      if (this.environment["HOTPAIR_BUS_URL"]) { // of main: a service does not outlive it
        control = this.#connect(this.environment["HOTPAIR_BUS_URL"], true);
        if (!(await control.connect(stopped))) {
          return;
        }
        void control.ended().then(() => {
          if (!this.#stopped) {
            this.#fail(new Error("the connection to main is lost, so this service ends"));
          }
        });
      }
      const database = this.#connect(this.environment["HOTPAIR_DATABASE_URL"]!);
      this.#requests = this.#connect(this.environment["HOTPAIR_REQUESTS_URL"]!);
      this.#shared = new Shared(this.service, new Updater(database, this.service.name));
      if (!(await database.connect(stopped)) || !(await this.#requests.connect(stopped))) {
        return;
      }
      database.openInbox();
      await database.flush(SUBSCRIBE_WITHIN);
      const subscribed = this.#subscribe();
      await this.#requests.flush(SUBSCRIBE_WITHIN);
      if (control) {
        beating = this.#beat(control);
      }
      log.info(`serving ${this.service.name} ${this.service.version}: ${this.service.names().join(", ")}`);
      await this.#stops;
      await this.#finish(subscribed);
    } finally {
      clearInterval(beating);
      this.#stopped = true;
      await Promise.all(this.#connections.map((connection) => connection.close().catch(() => {})));
    }
    if (this.#problem) {
      throw this.#problem;
    }
  }

  #beat(control: Connection): NodeJS.Timeout {
    const name = `business.${this.service.name}`;
    const beat = JSON.stringify({ process: name, pid: process.pid, ready: true });
    control.publish(`heartbeat.${name}`, beat);
    return setInterval(() => control.publish(`heartbeat.${name}`, beat), BEAT_EVERY);
  }

  /** Refuses new requests and waits for those in flight, first with their deadlines, then as if those had passed. */
  async #finish(subscribed: Subscription[]): Promise<void> {
    // What is on its way is taken: a drain asks for no more, and hears until there is none.
    await within(Promise.all(subscribed.map((one) => one.drain().catch(() => {}))), FINISH_WITHIN);
    this.#stopping = true;
    if (!this.#problem) {
      await this.#awaitIdle();
    }
    this.#shared.stop();
    if (!(await this.#awaitIdle())) {
      this.#fail(new Error(`${this.#inFlight} handlers do not return`));
    }
    await this.#requests.flush(FINISH_WITHIN); // the answers leave
  }

  /** Waits until nothing is in flight, and says whether that is so. */
  async #awaitIdle(): Promise<boolean> {
    if (this.#inFlight) {
      await within(new Promise<void>((resolve) => (this.#idle = resolve)), FINISH_WITHIN);
    }
    return this.#inFlight === 0;
  }

  // Requests.

  #subscribe(): Subscription[] {
    const { name, operations } = this.service;
    const subscribed = [...operations].map(([operation, about]) =>
      this.#requests.subscribe(`business.${name}.${operation}`, (m) => this.#take(m, operation, about), "q"));
    // PING last, so that who finds the service can use it.
    for (const [verb, answer] of this.#about.verbs()) {
      for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${this.#about.id}`]) {
        subscribed.push(this.#requests.subscribe(subject, (m) => this.#say(m.reply ?? "", JSON.stringify(answer()))));
      }
    }
    return subscribed;
  }

  /** Takes a request. */
  #take(message: Msg, name: string, operation: Operation): void {
    const to = message.reply ?? "";
    let request: Request;
    try {
      request = readRequest(name, message.data, message.headers ?? []);
    } catch (error) {
      const code = error instanceof ServiceError ? error.code : Code.malformed; // of a header that is none
      this.#answer(to, reply(code, words(error)));
      return;
    }
    if (this.#stopping) {
      this.#answer(to, notNow(operation, request, Code.nobody, "this process is stopping; the request was not executed"));
      return;
    }
    if (!this.#admission.take(request.body.length)) {
      this.#answer(to, notNow(operation, request, Code.busy, "too many requests at the same time; this request was not executed"));
      return;
    }
    this.#shared.note(request.epoch);
    this.#inFlight++;
    void this.#serve(to, operation, request, this.#about.counts.get(name)!);
  }

  async #serve(to: string, operation: Operation, request: Request, counts: Counts): Promise<void> {
    const began = performance.now();
    counts.inFlight++;
    const execution = new Execution(this.#shared, operation, request, counts);
    const made = await execution.serve();
    counts.inFlight--;
    counts.requests++;
    counts.errors += made.code === Code.ok ? 0 : 1;
    counts.took += performance.now() - began;
    this.#answer(to, made);
    void this.#admission.leave(request.body.length, execution.ended);
    this.#inFlight--;
    if (!this.#inFlight) {
      this.#idle?.();
    }
  }

  #answer(to: string, made: Reply): void {
    const fields: Record<string, string> = {};
    if (made.code !== Code.ok) {
      fields["Nats-Service-Error-Code"] = String(made.code);
      fields["Nats-Service-Error"] = made.message;
    }
    if (made.proof) {
      fields["Hotpair-Proof"] = made.proof;
    }
    this.#say(to, made.body, Object.keys(fields).length ? fields : undefined);
  }

  #say(to: string, data: string, fields?: Record<string, string>): void {
    if (!to) {
      log.warning("a request without a reply subject was executed; its answer was dropped");
    } else if (!this.#requests.publish(to, data, fields)) {
      log.debug("a reply could not be sent"); // who asked knows
    }
  }
}

