/**
 * Turns of requests that conflict with each other.
 *
  * Conditions alone decide whether a commit is right. This file avoids wasted runs: a request that had a conflict queues for the keys
  * of the conflict (Lanes); one with repeated conflicts gets the process for itself (Gate).
 */

import type { Deadline } from "./deadline.js";

/** A request that waits for its turn. */
interface Turn {
  readonly alone: boolean;
  come(): void;
}

/** Waits for the turn; returns false if patience or the request's time ended first: then it has left its queue. */
function wait(line: Turn[], alone: boolean, patience: number, deadline: Deadline): Promise<boolean> {
  return new Promise((resolve) => {
    const turn: Turn = { alone, come: () => end(true) };
    const leave = deadline.onEnd(() => end(false));
    const timer = setTimeout(() => end(false), patience);
    line.push(turn);
    function end(came: boolean): void {
      leave();
      clearTimeout(timer);
      if (!came) {
        line.splice(line.indexOf(turn), 1);
      }
      resolve(came);
    }
  });
}

/** A queue for each contended key. Queues are entered in the order of the keys, which excludes deadlocks. */
export class Lanes {
  readonly held = new Map<string, Turn[]>();

  contended(keys: string[]): string[] {
    return this.held.size ? keys.filter((key) => this.held.has(key)) : [];
  }

  /** Waits for the turn at each key while that is useful, and returns the keys entered, which the caller must leave. */
  async enter(keys: string[], patience: number, deadline: Deadline): Promise<string[]> {
    const until = performance.now() + patience;
    const entered: string[] = [];
    for (const key of [...new Set(keys)].sort()) {
      const line = this.held.get(key);
      if (!line) {
        this.held.set(key, []);
      } else if (!(await wait(line, false, Math.max(until - performance.now(), 0), deadline))) {
        break;
      }
      entered.push(key);
    }
    return entered;
  }

  /** Passes each key to its longest waiter. */
  leave(keys: string[]): void {
    for (const key of keys) {
      const next = this.held.get(key)?.shift();
      if (next) {
        next.come();
      } else {
        this.held.delete(key);
      }
    }
  }
}

/** Admits many at once, or one exclusively, in the order of arrival. */
export class Gate {
  inside = 0;
  alone = false;
  readonly waiting: Turn[] = [];

  async enter(alone: boolean, patience: number, deadline: Deadline): Promise<boolean> {
    if (!this.waiting.length && this.#room(alone)) {
      this.#take(alone);
      return true;
    }
    if (await wait(this.waiting, alone, patience, deadline)) {
      return true; // who let it in has counted it
    }
    this.#next();
    return false;
  }

  leave(alone: boolean): void {
    if (alone) {
      this.alone = false;
    } else {
      this.inside--;
    }
    this.#next();
  }

  #room(alone: boolean): boolean {
    return !this.alone && !(alone && this.inside);
  }

  #take(alone: boolean): void {
    if (alone) {
      this.alone = true;
    } else {
      this.inside++;
    }
  }

  #next(): void {
    while (this.waiting.length && this.#room(this.waiting[0]!.alone)) {
      const turn = this.waiting.shift()!;
      this.#take(turn.alone);
      turn.come();
    }
  }
}
