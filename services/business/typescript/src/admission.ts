/** Bounds of what the process has taken. Beyond either a request is refused with 429. */
const MAX_REQUESTS = 4096;
const MAX_BYTES = 64 << 20;

/** What was taken and is not over: a request until its handler has ended, which may be long after its deadline has answered it. */
export class Admission {
  #requests = 0;
  #bytes = 0;

  constructor(
    readonly most = MAX_REQUESTS,
    readonly mostBytes = MAX_BYTES,
  ) {}

  /** Takes a request of so many bytes, or says that there is no room for it. */
  take(bytes: number): boolean {
    if (this.#requests >= this.most || this.#bytes + bytes > this.mostBytes) {
      return false;
    }
    this.#requests++;
    this.#bytes += bytes;
    return true;
  }

  /** Has its room be another's when its handler has ended. */
  async leave(bytes: number, ended: Promise<void>): Promise<void> {
    await ended;
    this.#requests--;
    this.#bytes -= bytes;
  }
}
