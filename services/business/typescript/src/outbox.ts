/** The updater's bounds of timers, notices and emissions, checked here to report which one is exceeded. */
import { encode } from "./json.js";

export interface Timer {
  key: string;
  cancel?: true;
  operation?: string;
  body?: unknown;
  after_ms?: number;
  at_ns?: string;
  skip?: true;
}

export interface Notice {
  topic: string;
  to?: string[];
  all?: true;
  body?: unknown;
  fenced?: true;
  within_ms?: number;
}

export interface Emission {
  target: string;
  lane: string;
  body?: unknown;
}

export interface Outbox {
  fired?: { key: string; revision: string };
  timers?: Timer[];
  notices?: Notice[];
  emissions?: Emission[];
}

export const LONGEST_MS = 100 * 365 * 86_400_000;
const WITHIN_MS = 86_400_000; // of a fenced notice
const MOST = 256; // of each kind in one update
const MAX_RECIPIENTS = 1024; // of the notices of one update, counted for each notice
const MAX_KEY = 256;
const MAX_BODY = 64 << 10;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const LANE = /^[!-.0-~]{1,128}$/;

/** Returns what is wrong with the outbox of a commit, or "". */
export function wrong(outbox: Outbox): string {
  const { timers = [], notices = [], emissions = [] } = outbox;
  let problem = tooMany(timers.length, notices, emissions.length);
  timers.forEach((one) => (problem ||= timer(one)));
  notices.forEach((one) => (problem ||= notice(one)));
  emissions.forEach((one) => (problem ||= emission(one)));
  return problem;
}

export function tooMany(timers: number, notices: Notice[], emissions: number): string {
  const kinds: [number, string][] = [[timers, "changes of timers"], [notices.length, "notices"], [emissions, "emissions"]];
  for (const [number, what] of kinds) {
    if (number > MOST) {
      return `${number} ${what} in one update, at most ${MOST}`;
    }
  }
  const recipients = notices.reduce((sum, one) => sum + (one.to?.length ?? 0), 0);
  return recipients > MAX_RECIPIENTS
    ? `notices of one update for ${recipients} terminals, at most ${MAX_RECIPIENTS}; one to all is stored once`
    : "";
}

function timer(one: Timer): string {
  const size = typeof one.key === "string" && !/\p{Surrogate}/u.test(one.key) ? Buffer.byteLength(one.key) : 0;
  if (size < 1 || size > MAX_KEY) {
    return `${shown(one.key)} is no key of a timer: it has 1 to ${MAX_KEY} bytes of UTF-8`;
  }
  if (one.cancel) {
    return "";
  }
  if (!named(one.operation)) {
    return `timer ${shown(one.key)} names the operation ${shown(one.operation)}`;
  }
  const after = one.after_ms ?? 0;
  if (!(after >= 0 && after <= LONGEST_MS)) {
    return `timer ${shown(one.key)} is due in ${after} ms, at most ${LONGEST_MS} are possible`;
  }
  return body(`timer ${shown(one.key)}`, one.body);
}

function notice(one: Notice): string {
  if (!named(one.topic)) {
    return `a notice on the topic ${shown(one.topic)}; a topic has 1 to 64 letters, digits, - and _`;
  }
  const to = one.to ?? [];
  if (to.length > 0 === Boolean(one.all)) {
    return `a notice on ${one.topic} is for ${one.all ? "all and for some" : "nobody"}: it is for a list of ids of terminals, or ALL`;
  }
  for (const terminal of to) {
    if (!named(terminal)) {
      return `a notice on ${one.topic} is for ${shown(terminal)}, which is no id of a terminal`;
    }
  }
  if (new Set(to).size < to.length) {
    return `a notice on ${one.topic} is for one terminal twice`;
  }
  const within = one.within_ms ?? 0;
  if (!one.fenced && within !== 0) {
    return `a notice on ${one.topic} is to be taken within ${within} ms and is not fenced`;
  }
  if (one.fenced && one.all) {
    return `a fenced notice on ${one.topic} is for all, and each terminal would carry it out: name the terminals`;
  }
  if (one.fenced && !(Number.isInteger(within) && within >= 1 && within <= WITHIN_MS)) {
    return `a fenced notice on ${one.topic} says that it is to be taken within ${within} ms; that has to be 1 to ${WITHIN_MS}`;
  }
  return body(`a notice on ${one.topic}`, one.body);
}

function emission(one: Emission): string {
  if (!named(one.target)) {
    return `an emission to the target ${shown(one.target)}; the name of a target has 1 to 64 letters, digits, - and _`;
  }
  if (typeof one.lane !== "string" || !LANE.test(one.lane)) {
    return `an emission to ${one.target} in the lane ${shown(one.lane)}; the name of a lane has 1 to 128 letters, digits and signs of ASCII ` +
      "without spaces and slashes";
  }
  return body(`an emission to ${one.target}`, one.body);
}

export function named(name: unknown): boolean {
  return typeof name === "string" && NAME.test(name);
}

/** Any value, formatted for a message. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 140)) : `a value of type ${typeof value}`;
}

function body(what: string, value: unknown): string {
  const size = value === undefined ? 0 : Buffer.byteLength(encode(value));
  return size > MAX_BODY ? `${what} has a body of ${size} bytes, at most ${MAX_BODY}` : "";
}
