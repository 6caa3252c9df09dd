/**
 * How requests that stand in each other's way get on.
 *
 * Whether a commit is right is decided by its conditions alone. What is here saves work that would be thrown away: who has lost
 * once stands in line for the keys it lost at (Lanes); who loses on gets the process for itself (Gate).
 */

import type { Deadline } from "./deadline.js";

/** One that waits for its turn. */
interface Turn {
  readonly alone: boolean;
  come(): void;
}

/** Waits until the turn comes; false when patience or the time of the request has ended before: then it has left its line. */
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

/** A line for each key that requests fight for. Several are entered in the order of the keys, so nobody waits in a circle. */
export class Lanes {
  readonly held = new Map<string, Turn[]>();

  contended(keys: string[]): string[] {
    return this.held.size ? keys.filter((key) => this.held.has(key)) : [];
  }

  /** Waits for each key's turn, as long as that is of use, and gives those that were entered, which must be left. */
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

  /** Gives each key to who waited longest for it. */
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

/** Lets many in, or one alone, in the order in which they came. */
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
