/** A service: its name and its operations. */
import { NotFound } from "./errors.js";
import { named, shown } from "./outbox.js";
import { type Body, type Fields, object, type Shape } from "./shapes.js";
import type { Tx } from "./tx.js";

/** Takes a transaction and the body of the request, and returns the answer, which becomes JSON. */
export type Handler<Q> = (tx: Tx, q: Q) => unknown;

/** A body without a declared shape. */
export type Anything = Record<string, any>;

/** One operation of a service. */
export interface Operation {
  readonly handler: Handler<any>;
  readonly shape: Shape<unknown> | undefined;
  readonly readOnly: boolean;
  readonly revision: boolean;
}

export interface ServiceOptions {
  version?: string;
  description?: string;
}

export interface OperationOptions {
  /** A successful answer gets a field "revision": the sequence of the request's update. */
  revision?: boolean;
}

const VERSION = /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

/**
 * One service.
 *
 *     const service = new Service("counter", { version: "1.0.0" });
 *
 *     service.operation("add", { name: text() }, async (tx, q) => {
 *       const count = ((await tx.get(q.name)).value ?? 0) + 1;
 *       tx.put(q.name, count);
 *       return { count };
 *     });
 *
 *     await service.run();
 *
 * With fields, unknown names and wrong types are refused with 400. A handler may be run several times for one request, interleaved with
 * others, so it must have no effects except those of tx.
 */
export class Service {
  readonly version: string;
  readonly description: string;
  /** @internal */
  readonly operations = new Map<string, Operation>();

  constructor(
    readonly name: string,
    { version = "0.1.0", description = "" }: ServiceOptions = {},
  ) {
    if (!named(name)) {
      throw new TypeError(`${shown(name)} is not a name of a service; use 1 to 64 letters, digits, - and _`);
    }
    if (!VERSION.test(version)) {
      throw new TypeError(`${shown(version)} is not a version like 1.0.0`);
    }
    this.version = version;
    this.description = description;
  }

  /** Adds an operation, which may write. */
  operation<F extends Fields>(name: string, fields: F, handler: Handler<Body<F>>, options?: OperationOptions): this;
  operation(name: string, handler: Handler<Anything>, options?: OperationOptions): this;
  operation(name: string, ...rest: unknown[]): this {
    return this.#add(name, false, rest);
  }

  /** Adds an operation that only reads. It needs no request id, and its answer is not recorded. */
  query<F extends Fields>(name: string, fields: F, handler: Handler<Body<F>>): this;
  query(name: string, handler: Handler<Anything>): this;
  query(name: string, ...rest: unknown[]): this {
    return this.#add(name, true, rest);
  }

  #add(name: string, readOnly: boolean, rest: unknown[]): this {
    if (!named(name)) {
      throw new TypeError(`${shown(name)} is not a name of an operation; use 1 to 64 letters, digits, - and _`);
    }
    if (this.operations.has(name)) {
      throw new TypeError(`${this.name} has two operations ${name}`);
    }
    const shape = typeof rest[0] === "function" ? undefined : object(rest.shift() as Fields);
    const [handler, options] = rest as [Handler<any>, OperationOptions | undefined];
    if (typeof handler !== "function") {
      throw new TypeError(`operation ${name} has no handler: want a function of the transaction and the body`);
    }
    this.operations.set(name, { handler, shape, readOnly, revision: options?.revision ?? false });
    return this;
  }

  /** @internal */
  names(): string[] {
    return [...this.operations.keys()].sort();
  }

  /** @internal Whether an operation of that name exists and may write. */
  writes(operation: string): boolean {
    return this.operations.get(operation)?.readOnly === false;
  }

  /** @internal */
  unknown(operation: string): NotFound {
    return new NotFound(`${this.name} has no operation ${shown(operation)}, only ${this.names().join(", ")}`);
  }

  /** Serves as a process of a host until SIGTERM, then ends the process. */
  async run(): Promise<void> {
    const { main } = await import("./main.js");
    await main(this);
  }
}
