/** Bounds of the requests that the process has accepted. Beyond either a request is refused with 429. */
const MAX_REQUESTS = 4096;
const MAX_BYTES = 64 << 20;

/** The accepted requests until their handlers have ended, which may be long after the deadline has answered them. */
export class Admission {
  #requests = 0;
  #bytes = 0;

  constructor(
    readonly most = MAX_REQUESTS,
    readonly mostBytes = MAX_BYTES,
  ) {}

  /** Accepts a request of a size, or returns that there is no room for it. */
  take(bytes: number): boolean {
    if (this.#requests >= this.most || this.#bytes + bytes > this.mostBytes) {
      return false;
    }
    this.#requests++;
    this.#bytes += bytes;
    return true;
  }

  /** Frees its room when its handler has ended. */
  async leave(bytes: number, ended: Promise<void>): Promise<void> {
    await ended;
    this.#requests--;
    this.#bytes -= bytes;
  }
}
