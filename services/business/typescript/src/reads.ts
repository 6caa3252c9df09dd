/** The keys and ranges that a transaction has read, all of one committed position. */
import { Misuse, Moved } from "./errors.js";
import { Item, type Page, type Range } from "./items.js";
import { decoded, keyText, type Message, NOWHERE, type Position, position, putText, putTexts, samePosition, whole } from "./json.js";

// More than this is not compared at once: keys, a value counted as one more for each KiB, and ranges.
const MOST_KEYS = 1 << 14;
const MOST_RANGES = 256;

/** What it asks. */
export interface Source {
  ask(call: string, message: Message): Promise<Message>;
  /** Is called at the first read, whose keys others may contend for. */
  queue(keys: string[]): Promise<void>;
  readonly ticket: string;
  readonly readOnly: boolean;
}

export class Reads {
  readonly #source: Source;
  readonly seen = new Map<string, { value: Uint8Array; revision: bigint }>();
  #at: Position = NOWHERE;
  #keys: string[] = []; // that were read, in order
  readonly #ranges: Range[] = [];
  #cost = 0; // of comparing them
  #trips = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Fetches keys and, in the same call, everything read before, so that all reads are of one position. */
  async read(missing: string[]): Promise<void> {
    if (this.#trips === 0) {
      await this.#source.queue(missing);
    }
    const wanted = [...this.#keys, ...missing];
    const still = this.#still();
    const reply = await this.#ask("read", putTexts({ ranges: still ?? [] }, "keys", wanted));
    const items = elements(reply, "items");
    if (items.length !== wanted.length) {
      throw new Misuse(`the updater returned ${items.length} items for ${wanted.length} keys`);
    }
    const at = position(reply);
    if (!still && this.#ranges.length && !samePosition(at, this.#at)) {
      throw new Moved();
    }
    items.forEach((item, i) => {
      const revision = whole(item["revision"]);
      if (i >= this.#keys.length) {
        this.seen.set(wanted[i]!, { value: decoded(item, "value"), revision });
      } else if (this.seen.get(wanted[i]!)!.revision !== revision) {
        throw new Moved();
      }
    });
    this.#keys = wanted;
    this.#at = at;
  }

  /** One page of a range. */
  async scan(prefix: string, after: string, limit: number, kept: boolean): Promise<Page> {
    if (this.#trips === 0) {
      await this.#source.queue([lineOf(prefix)]);
    }
    const message = putText(putText({ limit }, "prefix", prefix), "after", after);
    const first = samePosition(this.#at, NOWHERE);
    if (!kept && !first) {
      const still = this.#still();
      if (!still && this.#ranges.length) {
        message["position"] = { epoch: String(this.#at.epoch), sequence: String(this.#at.sequence) };
      } else {
        message["ranges"] = still ?? [];
        message["conditions"] = this.unchanged();
      }
    }
    const reply = await this.#ask("scan", message);
    if (!kept || first) {
      this.#at = position(reply);
    }
    const items = elements(reply, "items").map((item) => {
      const key = keyText(decoded(item, "key"));
      const value = decoded(item, "value");
      const revision = whole(item["revision"]);
      if (revision > this.#at.sequence) {
        throw new Moved();
      }
      if (!this.#source.readOnly) {
        this.seen.set(key, { value, revision });
      }
      return new Item(key, value, revision, true);
    });
    const more = Boolean(reply["more"]);
    this.#note(prefix, after, items, more);
    return { items, more };
  }

  /** Records a page as a read range. A page that continues another extends its range; a repeated one adds nothing. */
  #note(prefix: string, after: string, items: Item[], more: boolean): void {
    const through = more && items.length ? items.at(-1)!.key : "";
    if (this.#ranges.some((one) => one.prefix === prefix && one.after === after && one.through === through)) {
      return;
    }
    items.forEach((item) => (this.#cost += 1 + (item.bytes.length >> 10)));
    const before = this.#ranges.find((one) => one.prefix === prefix && one.through !== "" && one.through === after);
    if (before) {
      before.through = through;
      before.keys += items.length;
      return;
    }
    this.#cost++;
    this.#ranges.push({ prefix, after, through, keys: items.length });
  }

  /** The ranges for a further read; undefined if they exceed what one call may compare. */
  #still(): Message[] | undefined {
    return this.#cost > MOST_KEYS || this.#ranges.length > MOST_RANGES ? undefined : this.ranges();
  }

  /** The conditions that every key read is unchanged. */
  unchanged(): Message[] {
    return this.#keys.map((key) => putText({ revision: String(this.seen.get(key)!.revision) }, "key", key));
  }

  /** The conditions that every range scanned is unchanged. */
  ranges(): Message[] {
    return this.#ranges.map((one) => {
      const message: Message = { keys: one.keys, sequence: String(this.#at.sequence) };
      putText(message, "prefix", one.prefix);
      putText(message, "after", one.after);
      return putText(message, "through", one.through);
    });
  }

  #ask(call: string, message: Message): Promise<Message> {
    this.#trips++;
    if (this.#source.ticket) {
      message["ticket"] = this.#source.ticket;
    }
    message["base64"] = true;
    return this.#source.ask(call, message);
  }
}

/** The items of a reply, fully checked. */
function elements(reply: Message, name: string): Message[] {
  const all = reply[name] ?? [];
  if (!Array.isArray(all)) {
    throw new TypeError(`${name} is not a list`);
  }
  return all as Message[];
}

/** Names the queue of requests that contend for keys with a prefix. No key of a service has such a name. */
export function lineOf(prefix: string): string {
  return `\0scan\0${prefix}`;
}
