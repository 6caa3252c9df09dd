/** What a request can come to besides an answer, and what ends a run of a handler. */

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
 * An answer that is no success, told to the terminal as it is: a code and a sentence for whoever sent the request.
 *
 * It is an outcome like any other and is recorded where outcomes are. Nothing that the handler wrote takes effect.
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

/** The request can't be understood (400). */
export class Malformed extends ServiceError {
  constructor(message: string) {
    super(Code.malformed, message);
  }
}

/** What the request names is absent (404). */
export class NotFound extends ServiceError {
  constructor(message: string) {
    super(Code.absent, message);
  }
}

/** The request contradicts the present state (409). */
export class Conflict extends ServiceError {
  constructor(message: string) {
    super(Code.conflict, message);
  }
}

/** The request, or the answer that it asks for, is too large (413). */
export class TooLarge extends ServiceError {
  constructor(message: string) {
    super(Code.tooLarge, message);
  }
}

/** A mistake of the service, such as a query that writes: the request is answered with 500, and the log says why. */
export class Misuse extends Error {
  override readonly name = "Misuse";
}

/** Ends a run of a handler. Whatever the handler makes of it, the runtime goes on as it must. */
export abstract class Interrupt extends Error {
  constructor(message = "this run of the handler has ended; let this error pass") {
    super(message);
    this.name = new.target.name;
  }
}

/** Something that was read or required is not so any more. Nothing was done; run again. */
export class Moved extends Interrupt {}

/** The request was executed before. Its answer is to be repeated. */
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

/** As Away, and the term of the request has ended: it never will. */
export class TermOver extends Interrupt {}

/** The call may or may not have been executed. */
export class Doubt extends Interrupt {}

/** The deadline has passed, or the process is stopping. */
export class Late extends Interrupt {}

/** An answer of the updater that trying again does not change. A final one is the outcome of the request. */
export class Refused extends Interrupt {
  constructor(
    readonly code: number,
    readonly said: string,
    readonly final = false,
  ) {
    super();
  }
}
