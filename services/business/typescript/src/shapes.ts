/** The shape of a handler's body, checked before the handler sees it, and its type. */
import { Malformed } from "./errors.js";
import { words as said } from "./json.js";

/** The shape of one value. Made by text, integer and the others. */
export interface Shape<T> {
  /** Its description for messages. */
  readonly words: string;
  /** Reads a value that is there and not null; where names it for messages. */
  read(value: unknown, where: string): T;
  /** The default if it is omitted; without a default it is required. */
  readonly absent?: () => T;
  /** Whether null counts as omitted. */
  readonly nullable?: boolean;
}

/** The fields of an object, each with its shape. */
export type Fields = Record<string, Shape<any>>;

/** The type of what is read by fields. */
export type Body<F extends Fields> = { [K in keyof F]: F[K] extends Shape<infer T> ? T : never };

class Wrong extends Error {}

function leaf<T>(words: string, read: (value: unknown, where: string) => T | undefined, absent?: T): Shape<T> {
  const shape: Shape<T> = {
    words,
    read(value, where) {
      const found = read(value, where);
      if (found === undefined) {
        throw new Wrong(`${where} can't be a JSON ${called(value)}; it is ${words}`);
      }
      return found;
    },
  };
  return absent === undefined ? shape : { ...shape, absent: () => absent };
}

/** A text; with a default it may be omitted. */
export const text = (absent?: string): Shape<string> => leaf("a text", (v) => (typeof v === "string" ? v : undefined), absent);

/** A whole number; beyond 2^53, where JavaScript numbers are not exact, it is refused. */
export const integer = (absent?: number): Shape<number> =>
  leaf("a whole number (int)", (v, where) => (typeof v === "number" && (Number.isInteger(v) || !Number.isFinite(v)) ? exact(v, where) : undefined), absent);

/** A number. */
export const number = (absent?: number): Shape<number> =>
  leaf("a number", (v, where) => (typeof v === "number" ? finite(v, where) : undefined), absent);

/** True or false. */
export const boolean = (absent?: boolean): Shape<boolean> => leaf("true or false", (v) => (typeof v === "boolean" ? v : undefined), absent);

/** Any JSON. */
export const any = (): Shape<unknown> => ({ words: "a value", read: sane, absent: () => undefined, nullable: true });

/** A value that may be omitted or null. */
export const optional = <T>(of: Shape<T>): Shape<T | undefined> => ({ ...of, absent: () => undefined, nullable: true });

/** A list. */
export const list = <T>(of: Shape<T>): Shape<T[]> =>
  leaf("a list", (v, where) => (Array.isArray(v) ? v.map((one) => take(of, one, element(where))) : undefined));

/** An object with arbitrary field names. */
export const record = <T>(of: Shape<T>): Shape<Map<string, T>> =>
  leaf("an object", (v) => (isObject(v) ? new Map(Object.entries(v).map(([name, one]) => [name, take(of, one, field(name))])) : undefined));

/** An object with these fields, and no others. */
export function object<F extends Fields>(fields: F): Shape<Body<F>> {
  const names = Object.keys(fields);
  return leaf("an object", (v) => {
    if (!isObject(v)) {
      return undefined;
    }
    for (const name of Object.keys(v)) {
      if (!Object.hasOwn(fields, name)) {
        throw new Wrong(`there is no field ${short(name)}; there are ${names.join(", ")}`);
      }
    }
    return Object.fromEntries(names.map((name) => {
      const of = fields[name]!;
      if (Object.hasOwn(v, name)) {
        return [name, take(of, v[name], field(name))];
      }
      if (!of.absent) {
        throw new Wrong(`${field(name)} is missing; it is ${of.words}`);
      }
      return [name, of.absent()];
    })) as Body<F>;
  });
}

/** Reads the body of a request: by its shape, or any object. Malformed says what to correct. */
export function decodeRequest(body: Uint8Array, shape?: Shape<unknown>): unknown {
  let value: unknown;
  try {
    const read = new TextDecoder("utf-8", { fatal: true }).decode(body);
    value = read.trim() === "" ? {} : JSON.parse(read);
  } catch (error) {
    throw new Malformed(`the body: no JSON: ${said(error)}`);
  }
  if (!isObject(value)) {
    throw new Malformed(`the body: it can't be a JSON ${called(value)}; it is an object`);
  }
  try {
    return shape ? shape.read(value, "the JSON") : sane(value, "the JSON");
  } catch (error) {
    if (error instanceof Wrong) {
      throw new Malformed(`the body: ${error.message}`);
    }
    if (error instanceof RangeError) {
      throw new Malformed("the body: it is too deep");
    }
    throw error;
  }
}

function take<T>(of: Shape<T>, value: unknown, where: string): T {
  if (value === null) {
    if (of.nullable && of.absent) {
      return of.absent();
    }
    throw new Wrong(`${where} is null; it is ${of.words}: give its value, or leave it out where it may be left out`);
  }
  return of.read(value, where);
}

/** Refuses numbers anywhere in a value that lost precision when they were parsed. */
function sane(value: unknown, where: string): unknown {
  if (typeof value === "number") {
    return Number.isInteger(value) ? exact(value, where) : finite(value, where);
  }
  if (Array.isArray(value)) {
    value.forEach((one) => sane(one, element(where)));
  } else if (isObject(value)) {
    Object.entries(value).forEach(([name, one]) => sane(one, field(name)));
  }
  return value;
}

function finite(value: number, where: string): number {
  if (!Number.isFinite(value)) {
    throw new Wrong(`${where} is too large for a number; give it as a text`);
  }
  return value;
}

function exact(value: number, where: string): number {
  if (!Number.isSafeInteger(finite(value, where))) {
    throw new Wrong(`${where} is a whole number of 2^53 or more; one that is larger is given as a text`);
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function called(value: unknown): string {
  if (value === null || Array.isArray(value)) {
    return value === null ? "null" : "array";
  }
  return typeof value === "boolean" ? "bool" : typeof value;
}

const element = (where: string) => `an element of ${where.replace(/^an element of /, "")}`;
const field = (name: string) => `field ${short(name)}`;
const short = (name: string) => JSON.stringify(name).slice(0, 70);
