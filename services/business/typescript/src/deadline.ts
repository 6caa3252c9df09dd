/** The deadline of a request. */
import { Late } from "./errors.js";

/** A deadline. It ends waits when it has passed, or when the process stops. */
export class Deadline {
  #over = false;
  readonly #waiting = new Set<() => void>();
  readonly #until: number;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.#until = performance.now() + ms;
    this.#timer = setTimeout(() => this.end(), ms);
  }

  get over(): boolean {
    return this.#over || performance.now() >= this.#until;
  }

  /** The time left, in milliseconds. */
  get left(): number {
    return this.#over ? 0 : Math.max(this.#until - performance.now(), 0);
  }

  /** Ends it now. */
  end(): void {
    this.#over = true;
    this.close();
    for (const hears of [...this.#waiting]) {
      hears();
    }
    this.#waiting.clear();
  }

  /** The request is answered: no callback is called afterwards. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /** Registers a callback for the end; the returned function removes it. */
  onEnd(hears: () => void): () => void {
    this.#waiting.add(hears);
    return () => this.#waiting.delete(hears);
  }

  /** Waits for a promise, as long as there is time: then Late. */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.over) {
        promise.then(undefined, () => {}); // nobody is interested any more
        reject(new Late());
        return;
      }
      const leave = this.onEnd(() => reject(new Late()));
      promise.then(
        (value) => {
          leave();
          resolve(value);
        },
        (error) => {
          leave();
          reject(error);
        },
      );
    });
  }

  /** Waits; false when there is no time left after it. */
  async sleep(ms: number): Promise<boolean> {
    await new Promise<void>((resolve) => {
      const leave = this.onEnd(done);
      const timer = setTimeout(done, Math.min(ms, this.left));
      function done(): void {
        leave();
        clearTimeout(timer);
        resolve();
      }
    });
    return !this.over;
  }
}

/** Waits for a promise, not longer than so many milliseconds. */
export async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
