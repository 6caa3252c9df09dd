/** What transactions give and take. */
import { decode } from "./json.js";

/** A key with what it holds. */
export class Item {
  constructor(
    readonly key: string,
    readonly bytes: Uint8Array,
    /** The sequence of the update that last wrote it, 0 when that is none. */
    readonly revision: bigint,
    readonly found: boolean,
  ) {}

  /**
   * What it holds as JSON, undefined when the key is absent or empty. SyntaxError if it is no JSON, RangeError if it has a whole number that
   * would be rounded, of 2^53 or more: keep such numbers as texts.
   */
  get value(): any {
    return this.bytes.length ? decode(this.bytes, this.key) : undefined;
  }
}

/** What a scan gave; more says that the range goes on. */
export interface Page {
  readonly items: Item[];
  readonly more: boolean;
}

/** Which timer a run is of: its key, when it was due, and by how many milliseconds it is late. */
export interface Due {
  readonly key: string;
  readonly at: Date;
  readonly late: number;
}

/** All terminals of the pair, also those that are not attached now. */
export const ALL = Symbol("all terminals");

/** A timer as a request brings it. */
export interface Fired {
  readonly key: string;
  readonly revision: bigint;
  readonly atNs: bigint;
  readonly lateNs: bigint;
}

/** What was scanned: all keys with a prefix, after one and through another. */
export interface Range {
  readonly prefix: string;
  readonly after: string;
  through: string;
  keys: number;
}

/** How a notice is told. */
export interface NoticeOptions {
  /** It is a command: handed out at most once. */
  fenced?: boolean;
  /** How long after the update it may be taken, in milliseconds. A command must have it. */
  within?: number;
}

/** What is to become of a timer that is a minute late. */
export interface TimerOptions {
  late?: "run" | "skip";
}
