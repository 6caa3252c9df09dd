/** Types of the transaction's parameters and results. */
import { decode } from "./json.js";

/** A key with its value. */
export class Item {
  constructor(
    readonly key: string,
    readonly bytes: Uint8Array,
    /** The sequence of the update that last wrote it, 0 if the key is absent. */
    readonly revision: bigint,
    readonly found: boolean,
  ) {}

  /**
   * The value as JSON, undefined if the key is absent or empty. SyntaxError if it is not JSON, RangeError if it has a whole number that
   * would be rounded, of 2^53 or more: store such numbers as texts.
   */
  get value(): any {
    return this.bytes.length ? decode(this.bytes, this.key) : undefined;
  }
}

/** The result of a scan; more says that the range has further items. */
export interface Page {
  readonly items: Item[];
  readonly more: boolean;
}

/** The timer of a run: its key, when it was due, and how many milliseconds late it is. */
export interface Due {
  readonly key: string;
  readonly at: Date;
  readonly late: number;
}

/** All terminals of the pair, including those that are not attached now. */
export const ALL = Symbol("all terminals");

/** A timer as a request carries it. */
export interface Fired {
  readonly key: string;
  readonly revision: bigint;
  readonly atNs: bigint;
  readonly lateNs: bigint;
}

/** A scanned range: the keys with a prefix, after one key through another. */
export interface Range {
  readonly prefix: string;
  readonly after: string;
  through: string;
  keys: number;
}

/** Options of a notice. */
export interface NoticeOptions {
  /** It is a command: handed out at most once. */
  fenced?: boolean;
  /** How long after the update it may be taken, in milliseconds. A command must have it. */
  within?: number;
}

/** What to do with a timer that is a minute late. */
export interface TimerOptions {
  late?: "run" | "skip";
}
