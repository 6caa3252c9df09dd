/** Errors of requests, and exceptions that end a run of a handler. */

export const Code = {
  ok: 0,
  malformed: 400,
  absent: 404,
  conflict: 409,
  tooOld: 410,
  tooLarge: 413,
  busy: 429,
  fault: 500,
  nobody: 503,
  unknown: 504,
} as const;

/**
 * An answer that is not a success, sent unchanged to the terminal: a code and a message for the sender of the request.
 *
 * It is an outcome like any other and is recorded like one. The handler's writes do not take effect.
 */
export class ServiceError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    if (!isErrorCode(code)) {
      throw new RangeError(`the code of an error is 400 to 599, not ${String(code).slice(0, 40)}`);
    }
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

export function isErrorCode(code: unknown): code is number {
  return Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599;
}

/** The request is malformed (400). */
export class Malformed extends ServiceError {
  constructor(message: string) {
    super(Code.malformed, message);
  }
}

/** An object that the request names is absent (404). */
export class NotFound extends ServiceError {
  constructor(message: string) {
    super(Code.absent, message);
  }
}

/** The request conflicts with the current state (409). */
export class Conflict extends ServiceError {
  constructor(message: string) {
    super(Code.conflict, message);
  }
}

/** The request or its answer is too large (413). */
export class TooLarge extends ServiceError {
  constructor(message: string) {
    super(Code.tooLarge, message);
  }
}

/** A mistake of the service, such as a query that writes: the request is answered with 500, and the log has the reason. */
export class Misuse extends Error {
  override readonly name = "Misuse";
}

/** Ends a run of a handler. It has its effect even if the handler catches it. */
export abstract class Interrupt extends Error {
  constructor(message = "this run of the handler has ended; let this error pass") {
    super(message);
    this.name = new.target.name;
  }
}

/** A read or required value has changed. Nothing was done; run again. */
export class Moved extends Interrupt {}

/** The request was already executed. Its recorded answer is the reply. */
export class Recorded extends Interrupt {
  constructor(
    readonly code: number,
    readonly said: string,
    readonly body: Uint8Array,
    readonly proof: string,
  ) {
    super();
  }
}

/** The updater did not execute the call, but may execute the next one. */
export class Away extends Interrupt {}

/** Like Away, but the term of the request has ended: it will never be executed. */
export class TermOver extends Interrupt {}

/** The call may or may not have been executed. */
export class Doubt extends Interrupt {}

/** The deadline has passed, or the process is stopping. */
export class Late extends Interrupt {}

/** An answer of the updater that another attempt does not change. A final one is the outcome of the request. */
export class Refused extends Interrupt {
  constructor(
    readonly code: number,
    readonly said: string,
    readonly final = false,
  ) {
    super();
  }
}
