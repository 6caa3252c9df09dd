/** The turns of one request among others. */
import type { Deadline } from "./deadline.js";
import { Late } from "./errors.js";
import type { Gate, Lanes } from "./turns.js";

// A request with this many conflicts runs alone.
const ALONE_AFTER = 4;
// Pauses after a conflict, in milliseconds: the first, and the longest.
const BACKOFF: [number, number] = [0.5, 20];
// A handler that takes its time must not hold up others for longer.
const IN_LINE_FOR = 1000;
const ALONE_PATIENCE = 100;

/** Takes turns with others, so that a request does not conflict for ever. */
export class Place {
  /** The number of conflicts of the request. */
  lost = 0;
  #entered: string[] = []; // lanes held
  #holds: boolean | undefined; // of the gate: alone, or among others

  constructor(
    readonly lanes: Lanes,
    readonly gate: Gate,
    readonly deadline: Deadline,
    readonly readOnly: boolean,
  ) {}

  /** Goes through the gate, before a run. */
  async passIn(): Promise<void> {
    if (this.lost >= ALONE_AFTER) {
      // Nobody would get past a lane that is held here, so hold none while the others end.
      this.#leaveLanes();
      if (await this.gate.enter(true, ALONE_PATIENCE, this.deadline)) {
        this.#holds = true;
        return;
      }
    }
    if (this.readOnly) {
      return;
    }
    if (!(await this.gate.enter(false, this.deadline.left, this.deadline))) {
      throw new Late();
    }
    this.#holds = false;
  }

  passOut(): void {
    if (this.#holds !== undefined) {
      this.gate.leave(this.#holds);
      this.#holds = undefined;
    }
  }

  /** Called at the first read of a run: a request that reads a contended key joins its queue. */
  async queue(keys: string[]): Promise<void> {
    if (this.readOnly || this.#holds || this.#entered.length) {
      return;
    }
    const busy = this.lanes.contended(keys);
    if (busy.length) {
      this.passOut(); // nobody waits for a lane inside the gate
      await this.#enter(busy);
      await this.passIn();
    }
  }

  /** Called after a conflict at these keys, before the next run. */
  async giveWay(keys: string[]): Promise<void> {
    this.lost++;
    const wanted = [...this.#entered, ...keys];
    this.#leaveLanes();
    if (wanted.length && !this.readOnly && this.lost < ALONE_AFTER) {
      await this.#enter(wanted);
    }
    if (this.lost === 1 || this.#entered.length) {
      return; // what it lost to is committed; whoever stands in line must not be kept waiting
    }
    if (!(await this.deadline.sleep(jitter(BACKOFF, this.lost - 1)))) {
      throw new Late();
    }
  }

  /** The request is answered. */
  leave(): void {
    this.passOut();
    this.#leaveLanes();
  }

  async #enter(keys: string[]): Promise<void> {
    this.#entered = await this.lanes.enter(keys, Math.min(IN_LINE_FOR, this.deadline.left), this.deadline);
    if (this.deadline.over) {
      throw new Late();
    }
  }

  #leaveLanes(): void {
    this.lanes.leave(this.#entered);
    this.#entered = [];
  }
}

/** A random time from half of first × 2ⁿ⁻¹ to all of it, at most longest. */
export function jitter([first, longest]: [number, number], n: number): number {
  const whole = Math.min(first * 2 ** Math.min(n - 1, 30), longest);
  return whole / 2 + (Math.random() * whole) / 2;
}
