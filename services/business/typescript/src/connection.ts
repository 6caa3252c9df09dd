/** A connection to a server of a host, which reconnects and knows whether it is up. */
import { connect, errors, headers, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { type Deadline, within } from "./deadline.js";
import { Away, Doubt, Late } from "./errors.js";
import { words } from "./json.js";
import { log } from "./log.js";

const HANDSHAKE_WITHIN = 2000;
// Who waits for a process that was just started again waits for every request; one that is gone for longer is tried less.
const SOON = 10;
const OFTEN = 200;
const SELDOM = 500;
// What the server has not taken is kept up to this, in bytes. It is asked after each so many.
const MAX_UNTAKEN = 64 << 20;
const ASK_AFTER = 4 << 20;

/** The server refuses this process, or one of its subjects. */
export class Forbidden extends Error {}

export interface Login {
  url: string;
  user: string;
  password: string;
  name: string;
  /** The inbox for answers; it must be unguessable. */
  inbox: string;
  /** Whether the connection reconnects. */
  once: boolean;
}

interface Call {
  answer(data: Uint8Array): void;
  fail(error: Error): void;
}

export class Connection {
  /** The number of connections made. */
  lives = 0;
  #nats: NatsConnection | undefined;
  #up = false;
  #failed = 0;
  #closed = false;
  #number = 0;
  #untaken = 0;
  #unasked = 0;
  readonly #calls = new Map<string, Call>();
  readonly #comeBack = new Set<() => void>();

  /** @param complaint is called with faults that can't be repaired */
  constructor(
    readonly login: Login,
    readonly complaint: (error: Error) => void,
  ) {
    const parts = URL.canParse(login.url) ? new URL(login.url) : undefined;
    if (parts?.protocol !== "nats:" || !parts.hostname || !parts.port) {
      throw new TypeError(`${JSON.stringify(login.url)} is not an address like nats://127.0.0.1:4222`);
    }
  }

  /** Connects as soon as the server listens. Returns false if stopped meanwhile; throws Forbidden if refused. */
  async connect(stopped: () => boolean): Promise<boolean> {
    const { url, user, password, name, once } = this.login;
    while (!stopped()) {
      try {
        this.#nats = await connect({
          servers: url,
          user,
          pass: password,
          name,
          timeout: HANDSHAKE_WITHIN,
          reconnect: !once,
          maxReconnectAttempts: -1,
          reconnectDelayHandler: () => this.#wait(),
          ignoreAuthErrorAbort: true, // one that was let in before is again, when the other process has its list
          ignoreClusterUpdates: true,
          pingInterval: 10_000,
          maxPingOut: 2,
        });
        this.#cameUp();
        void this.#watch(this.#nats);
        return true;
      } catch (error) {
        if (error instanceof errors.AuthorizationError) {
          throw new Forbidden(`the server at ${url} refuses this process: ${words(error)}`);
        }
        log.debug("%s: %s", url, words(error));
        await new Promise((resolve) => setTimeout(resolve, this.#wait()));
      }
    }
    return false;
  }

  /** How long to wait before the next try. */
  #wait(): number {
    return this.#failed++ < OFTEN ? SOON : SELDOM;
  }

  #cameUp(): void {
    this.#up = true;
    this.#failed = 0;
    this.lives++;
    this.#comeBack.forEach((hears) => hears());
  }

  /** Fails the requests in flight. */
  #wentDown(): void {
    this.#up = false;
    this.#untaken = this.#unasked = 0;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    calls.forEach((call) => call.fail(new Doubt()));
  }

  async #watch(nats: NatsConnection): Promise<void> {
    for await (const status of nats.status()) {
      if (status.type === "disconnect" || status.type === "close") {
        this.#wentDown();
      } else if (status.type === "reconnect") {
        this.#cameUp();
      } else if (status.type === "error") {
        this.#complain(status.error);
      }
    }
    this.#wentDown();
  }

  #complain(error: Error): void {
    if (error instanceof errors.PermissionViolationError) {
      this.complaint(new Forbidden(words(error)));
    } else {
      log.debug("a server complains: %s", words(error)); // that it shuts down, for example: it comes back, or main ends
    }
  }

  /** Resolves when the connection has ended for good. */
  async ended(): Promise<void> {
    await this.#nats?.closed();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#nats?.close();
  }

  /** Waits for a later connection, and returns whether there was one. */
  wait(ms: number): Promise<boolean> {
    const lives = this.lives;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#comeBack.delete(done);
        resolve(this.lives !== lives);
      };
      const timer = setTimeout(done, ms);
      this.#comeBack.add(done);
    });
  }

  /** Subscribes to a subject. A handler must not block; an exception affects only its message. */
  subscribe(subject: string, handler: (message: Msg) => void, queue?: string): Subscription {
    return this.#nats!.subscribe(subject, {
      ...(queue ? { queue } : {}),
      callback: (error, message) => {
        if (error) {
          this.#complain(error);
          return;
        }
        try {
          handler(message);
        } catch (mistake) {
          log.error(`a message on ${subject} could not be handled`, mistake);
        }
      },
    });
  }

  /** Receives the answers to requests. */
  openInbox(): void {
    const from = this.login.inbox.length + 1;
    this.subscribe(`${this.login.inbox}.*`, (message) => {
      const number = message.subject.slice(from);
      const call = this.#calls.get(number); // else whoever asked has gone
      this.#calls.delete(number);
      if (message.headers?.code === 503 && message.data.length === 0) {
        call?.fail(new Away()); // nobody serves the subject, so nothing was executed
      } else {
        call?.answer(message.data);
      }
    });
  }

  /** Sends a message, or returns that it can't. Delivery is not confirmed. */
  publish(subject: string, data: string | Uint8Array, fields?: Record<string, string>, reply?: string): boolean {
    const nats = this.#nats;
    if (!nats || !this.#up || this.#closed || this.#untaken > MAX_UNTAKEN) {
      return false;
    }
    const options: { reply?: string; headers?: ReturnType<typeof headers> } = reply ? { reply } : {};
    if (fields) {
      options.headers = headers();
      for (const [name, value] of Object.entries(fields)) {
        options.headers.set(name, value.replace(/[\r\n]+/g, " "));
      }
    }
    try {
      nats.publish(subject, data, options);
    } catch (error) {
      log.debug("%s: %s", subject, words(error)); // it is larger than the server takes
      return false;
    }
    this.#untaken += data.length;
    this.#unasked += data.length;
    if (this.#unasked > ASK_AFTER) {
      const asked = this.#unasked;
      const lives = this.lives;
      this.#unasked = 0;
      nats.flush().then(
        () => (this.#untaken -= lives === this.lives && this.#up ? asked : 0),
        () => {}, // it has gone down, which is heard elsewhere
      );
    }
    return true;
  }

  /** Sends a request and returns its answer. Away: not executed. Doubt and Late: unknown. */
  request(subject: string, data: string, deadline: Deadline): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const number = String(++this.#number);
      const leave = deadline.onEnd(() => {
        this.#calls.delete(number);
        reject(new Late());
      });
      this.#calls.set(number, {
        answer: (message) => {
          leave();
          resolve(message);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      });
      if (!this.publish(subject, data, undefined, `${this.login.inbox}.${number}`)) {
        this.#calls.delete(number);
        leave();
        reject(new Away());
      }
    });
  }

  /** Waits until the server has received everything sent and delivered what it sent before. Waits out a reconnect. */
  async flush(ms: number): Promise<void> {
    if (this.#nats && this.#up) {
      await within(this.#nats.flush().catch(() => {}), ms);
    }
  }
}
