/** JSON in and out, and keys that are text. */
import { Misuse } from "./errors.js";

/** Answers above this are refused: the bus could not carry them. */
export const MAX_ANSWER = 4 << 20;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// JSON.stringify writes half of a character as its escape, which nobody else reads. A backslash of the text itself stands doubled.
const HALF = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/;
// From here on a number is written with an exponent, and is none that counts by one.
const AS_DIGITS = 1e21;
// The texts and the numbers of a JSON text.
const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONE = /\p{Surrogate}/gu;

/** Encodes JSON like all runtimes, without space between its parts. Misuse for what JSON.stringify would leave out or change. */
export function encode(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, refuse);
  } catch (error) {
    if (error instanceof Misuse) {
      throw error;
    }
    throw new Misuse(`${called(value)} can't be written as JSON: ${words(error)}`);
  }
  if (text === undefined) {
    throw new Misuse(`${called(value)} can't be written as JSON`);
  }
  if (HALF.test(text)) {
    throw new Misuse("a text with a lone surrogate can't be written as JSON");
  }
  return text;
}

/**
  * Reads stored JSON. RangeError for a whole number that would be rounded: writing it back would change it. SyntaxError for invalid
  * JSON.
 */
export function decode(bytes: Uint8Array, key: string): any {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const value = JSON.parse(text);
  if (/\d{16}/.test(text)) {
    for (const [part] of text.matchAll(PARTS)) {
      if (/^-?\d{16,}$/.test(part) && BigInt(part) !== BigInt(Number(part))) {
        throw new RangeError(`the value of key ${JSON.stringify(key.slice(0, 100))} has the whole number ${part.slice(0, 40)}, which a number of JavaScript would round; ` +
          "store it as a text, and read this value from its bytes");
      }
    }
  }
  return value;
}

function refuse(this: unknown, name: string, value: unknown): unknown {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) {
        throw wrong(name, `is ${value}, which is not a JSON number`);
      }
      if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < AS_DIGITS) {
        throw wrong(name, "is a whole number of 2^53 or more, which may be rounded already; give it as a text");
      }
      break;
    case "bigint":
      throw wrong(name, "is a BigInt; give it as a text, or as Number(…) below 2^53");
    case "function":
    case "symbol":
      throw wrong(name, `is a ${typeof value}`);
    case "undefined":
      if (Array.isArray(this)) {
        throw wrong(name, "is undefined in an array; use null");
      }
      break;
    case "object":
      if (value instanceof Promise) {
        throw wrong(name, "is a promise: an await is missing");
      }
      if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
        throw wrong(name, `is ${called(value)}, which JSON would drop or distort`);
      }
  }
  return value;
}

function wrong(name: string, what: string): Misuse {
  return new Misuse(`${name === "" ? "the value" : `field ${JSON.stringify(name.slice(0, 64))}`} ${what}`);
}

function called(value: unknown): string {
  if (value === null || typeof value !== "object") {
    return value === undefined ? "undefined" : `a ${typeof value}`;
  }
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return `an object of ${typeof name === "string" ? name.slice(0, 64) : "no class"}`;
}

/** The message of an error, in one line; anything can be thrown. */
export function words(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).split("\n", 1)[0]!.slice(0, 300);
  } catch {
    return "a value that can't be shown was thrown";
  }
}

/** A text as valid UTF-8: a lone surrogate becomes a question mark. */
export function clean(text: string): string {
  return text.replace(LONE, "?");
}

/** Appends the field "revision" to an object. Other values stay unchanged. */
export function withRevision(body: string, revision: bigint): string {
  const inner = body.trim() || "{}";
  if (!inner.startsWith("{") || !inner.endsWith("}")) {
    return body;
  }
  const fields = inner.slice(1, -1).trim();
  return `{${fields}${fields ? "," : ""}"revision":${revision}}`;
}

// Keys are texts here. The bytes of one that is no UTF-8 are kept as halves of characters, U+DC80 and up, which no text has.

/** The key of these bytes. */
export function keyText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    let text = "";
    for (let i = 0; i < bytes.length; ) {
      const size = sizeOf(bytes, i);
      text += size ? utf8.decode(bytes.subarray(i, i + size)) : String.fromCharCode(0xdc00 + bytes[i]!);
      i += size || 1;
    }
    return text;
  }
}

/** The number of bytes of the character at i, 0 if there is none. */
function sizeOf(bytes: Uint8Array, i: number): number {
  for (let size = 1; size <= 4 && i + size <= bytes.length; size++) {
    try {
      utf8.decode(bytes.subarray(i, i + size));
      return size;
    } catch {
      // one byte more
    }
  }
  return 0;
}

/** The bytes of a key. Misuse if it has half of a character that stands for no byte. */
export function keyBytes(key: string): Buffer {
  if (isWhole(key)) {
    return Buffer.from(key);
  }
  const parts: Buffer[] = [];
  let from = 0;
  for (const found of key.matchAll(LONE)) {
    const code = found[0].charCodeAt(0);
    if (code < 0xdc80 || code > 0xdcff) {
      throw new Misuse(`a key has a lone surrogate: ${JSON.stringify(key.slice(0, 100))}`);
    }
    parts.push(Buffer.from(key.slice(from, found.index)), Buffer.of(code - 0xdc00));
    from = found.index + 1;
  }
  return Buffer.concat([...parts, Buffer.from(key.slice(from))]);
}

function isWhole(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** A message to the updater, or its reply. */
export type Message = Record<string, unknown>;

/** Sets a field of a call, as text or in base64. */
export function putText(message: Message, name: string, key: string): Message {
  if (isWhole(key)) {
    if (key !== "") {
      message[name] = key;
    }
  } else {
    message[`${name}_base64`] = keyBytes(key).toString("base64");
  }
  return message;
}

export function putTexts(message: Message, name: string, keys: string[]): Message {
  if (keys.every(isWhole)) {
    message[name] = keys;
  } else {
    message[`${name}_base64`] = keys.map((key) => keyBytes(key).toString("base64"));
  }
  return message;
}

export function coded(data: Uint8Array | string): string {
  return (typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)).toString("base64");
}

/** A base64 field of a reply. */
export function decoded(message: Message, name: string): Buffer {
  const text = message[`${name}_base64`] ?? "";
  if (typeof text !== "string") {
    throw new TypeError(`${name}_base64 is not text`);
  }
  const data = Buffer.from(text, "base64");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  if (text.length % 4 !== 0 || data.length !== (text.length / 4) * 3 - padding) {
    throw new TypeError(`${name}_base64 is not base64`);
  }
  return data;
}

/** A position of the history. */
export interface Position {
  epoch: bigint;
  sequence: bigint;
}

export const NOWHERE: Position = { epoch: 0n, sequence: 0n };

/** The position of a reply, NOWHERE if it has none. */
export function position(reply: Message): Position {
  const at = (reply["position"] ?? {}) as Message;
  return { epoch: whole(at["epoch"]), sequence: whole(at["sequence"]) };
}

export function samePosition(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.sequence === b.sequence;
}

/** A text of digits, as replies have numbers that may be beyond 2^53. */
export function whole(text: unknown): bigint {
  if (text === undefined) {
    return 0n;
  }
  if (typeof text !== "string" || !/^[0-9]{1,20}$/.test(text)) {
    throw new TypeError(`${JSON.stringify(text)?.slice(0, 40)} is not a number`);
  }
  return BigInt(text);
}
